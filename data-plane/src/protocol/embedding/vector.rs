//! Vectors as base64, and back.
//!
//! Source: platform.openai.com/docs/api-reference/embeddings, read in autumn 2026: base64 of 32-bit floats, the least byte first.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::exchange::json::Json;
use crate::protocol::NotAnAnswer;

/// A vector of numbers as base64.
///
/// # Errors
///
/// When it is not an array of numbers.
pub(super) fn to_base64(vector: &Json<'_>) -> Result<String, NotAnAnswer> {
    let numbers: Vec<f32> = serde_json::from_str(vector.as_str()).map_err(|_| NotAnAnswer)?;
    let bytes: Vec<u8> = numbers.into_iter().flat_map(f32::to_le_bytes).collect();
    Ok(STANDARD.encode(bytes))
}

/// A vector that came as base64, as numbers.
///
/// # Errors
///
/// When it is no base64 of floats that JSON can write.
pub(super) fn from_base64(text: &str) -> Result<Json<'static>, NotAnAnswer> {
    let bytes = STANDARD.decode(text).map_err(|_| NotAnAnswer)?;
    let (floats, []) = bytes.as_chunks::<4>() else { return Err(NotAnAnswer) };
    let numbers: Vec<f32> = floats.iter().map(|float| f32::from_le_bytes(*float)).collect();
    if numbers.iter().all(|number| number.is_finite()) { Ok(Json::of(&numbers)) } else { Err(NotAnAnswer) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_vector_comes_back_as_it_was(numbers in proptest::collection::vec(-1e6_f32..1e6, 0..50)) {
            let vector = Json::of(&numbers);
            let back = from_base64(&to_base64(&vector).unwrap()).unwrap();
            let back: Vec<f32> = serde_json::from_str(back.as_str()).unwrap();
            prop_assert_eq!(back, numbers);
        }
    }

    #[test]
    fn what_is_no_vector_is_refused() {
        assert!(to_base64(&Json::parse(r#"{"a":1}"#).unwrap()).is_err());
        assert!(from_base64("AAA=").is_err() && from_base64("!").is_err() && from_base64("AACAfw==").is_err());
    }
}
