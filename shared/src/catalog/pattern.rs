//! Whether a model's name fits a pattern.

/// Whether a name fits a pattern, in which `*` stands for any characters, or none. Letters of ASCII fit in both cases.
///
/// A wrong turn is taken back to the last `*` alone, so that no pattern takes longer than its length times the name's.
#[must_use]
pub fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut read) = (0, 0);
    // Where the last `*` stands, and up to where it reaches so far.
    let mut last: Option<(usize, usize)> = None;
    while let Some(byte) = name.get(read) {
        match (pattern.get(at), last) {
            (Some(b'*'), _) => {
                last = Some((at, read));
                at += 1;
            }
            (Some(wanted), _) if wanted.eq_ignore_ascii_case(byte) => {
                at += 1;
                read += 1;
            }
            (_, Some((star, reached))) => {
                last = Some((star, reached + 1));
                at = star + 1;
                read = reached + 1;
            }
            (_, None) => return false,
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_any_characters_and_case_for_nothing() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("gpt-5", "gpt-5", true),
            ("gpt-5", "gpt-5-mini", false),
            ("gpt-5*", "gpt-5", true),
            ("gpt-5*-pro*", "gpt-5.2-pro-2025-12-11", true),
            ("gpt-5*-pro*", "gpt-5.2", false),
            ("*claude-opus-4-7*", "us.anthropic.claude-opus-4-7-20260416-v1:0", true),
            ("*claude-opus-4.7*", "anthropic/Claude-Opus-4.7", true),
            ("*-4", "claude-4-4", true),
            ("*aab*", "aaab", true),
            ("a*a", "a", false),
            ("é*", "ée", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    /// The same by its definition.
    fn fits_by_definition(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => (0..=name.len()).any(|from| fits_by_definition(rest, &name[from..])),
            (Some((wanted, rest)), Some((byte, after))) => wanted == byte && fits_by_definition(rest, after),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn the_quick_way_finds_what_the_definition_says(pattern in "[ab*]{0,7}", name in "[ab]{0,9}") {
            prop_assert_eq!(fits(&pattern, &name), fits_by_definition(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
