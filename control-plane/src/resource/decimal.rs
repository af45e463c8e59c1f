//! Exact decimals: prices, which no binary fraction can hold.

use std::fmt;

/// A decimal that is not negative, of up to nine digits before the point and nine after it. It prints with as many as it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    billionths: u64,
    scale: u8,
}

/// A text that is no such decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use a decimal of up to 9 digits before the point and 9 after it, such as 2.50")]
pub struct NotADecimal;

/// The most digits before the point, and the most after it.
const DIGITS: usize = 9;

impl Decimal {
    /// How many billionths it is.
    #[must_use]
    pub fn billionths(self) -> u64 {
        self.billionths
    }
}

impl std::str::FromStr for Decimal {
    type Err = NotADecimal;

    fn from_str(text: &str) -> Result<Self, NotADecimal> {
        let (whole, fraction) = match text.split_once('.') {
            Some((_, "")) => return Err(NotADecimal),
            Some(parts) => parts,
            None => (text, ""),
        };
        let digits = |part: &str| part.len() <= DIGITS && part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return Err(NotADecimal);
        }
        let scale = u8::try_from(fraction.len()).map_err(|_| NotADecimal)?;
        let billionths = format!("{whole}{fraction:0<DIGITS$}").parse().map_err(|_| NotADecimal)?;
        Ok(Self { billionths, scale })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ONE: u64 = 1_000_000_000;
        let fraction = format!("{:09}", self.billionths % ONE);
        match &fraction[..usize::from(self.scale)] {
            "" => write!(f, "{}", self.billionths / ONE),
            fraction => write!(f, "{}.{fraction}", self.billionths / ONE),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_decimal_prints_as_it_was_given(text in "(0|[1-9][0-9]{0,8})(\\.[0-9]{1,9})?") {
            prop_assert_eq!(text.parse::<Decimal>().unwrap().to_string(), text);
        }

        #[test]
        fn no_text_panics(text in ".{0,24}") {
            let _ = text.parse::<Decimal>();
        }
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for bad in ["", ".5", "5.", "-1", "+1", "1e3", "1,5", " 1", "1.2.3", "1234567890", "0.1234567890", "٣", "0x1"]
        {
            assert_eq!(bad.parse::<Decimal>(), Err(NotADecimal), "{bad}");
        }
        assert_eq!("999999999.999999999".parse::<Decimal>().unwrap().billionths(), 999_999_999_999_999_999);
        assert_eq!("0.000000001".parse::<Decimal>().unwrap().billionths(), 1);
        assert_eq!("007.10".parse::<Decimal>().unwrap().to_string(), "7.10");
    }
}
