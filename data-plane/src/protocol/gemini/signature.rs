//! Signatures of thoughts that another provider made, on their way through a client of Google's and back.
//!
//! Google's signatures are bytes, which its clients decode from base64 and encode again: in the alphabet for URLs, with padding, whatever they
//! came in. What is no base64 at all they refuse together with the answer. Other providers take their signatures back only as they gave them. So
//! those are written as bytes that keep every sign, behind a mark. Seen in version 3.4 of Google's client for Python.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::exchange::message::Content;
use crate::exchange::text::Text;

/// `keyplane-signed` in base64, which what follows can't change.
const SIGNED: &str = "a2V5cGxhbmUtc2lnbmVk";

/// `keyplane-sealed` in base64.
const SEALED: &str = "a2V5cGxhbmUtc2VhbGVk";

/// Reads with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A signature of thoughts, for a client.
pub(super) fn signed(signature: &str) -> String {
    format!("{SIGNED}{}", BASE64.encode(signature))
}

/// Thoughts that only their provider can read, for a client.
pub(super) fn sealed(thoughts: &str) -> String {
    format!("{SEALED}{}", BASE64.encode(thoughts))
}

/// What a thought is, by its signature: one of Google's own stays as it is.
pub(super) fn thought<'a>(text: Text<'a>, signature: Option<Text<'a>>) -> Content<'a> {
    if let Some(sealed) = signature.as_deref().and_then(|signature| behind(SEALED, signature)) {
        return Content::SealedReasoning(sealed.into());
    }
    let signed = signature.as_deref().and_then(|signature| behind(SIGNED, signature));
    Content::Reasoning { text, signature: signed.map(Text::from).or(signature) }
}

/// What was written behind a mark.
fn behind(mark: &str, signature: &str) -> Option<String> {
    let standard = signature.strip_prefix(mark)?.replace('-', "+").replace('_', "/");
    String::from_utf8(BASE64.decode(standard).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasoning(signature: &str) -> Content<'static> {
        Content::Reasoning { text: "t".into(), signature: Some(signature.to_owned().into()) }
    }

    #[test]
    fn a_signature_comes_back_as_it_was_whatever_the_alphabet_on_its_way() {
        for signature in ["Eq+/x-_.==", "abcde", "é?~>", "~~>", ""] {
            for written in [signed(signature), signed(signature).replace('+', "-").replace('/', "_").replace('=', "")] {
                assert_eq!(thought("t".into(), Some(written.into())), reasoning(signature));
            }
            let sealed = sealed(signature).into();
            assert_eq!(thought("".into(), Some(sealed)), Content::SealedReasoning(signature.to_owned().into()));
        }
    }

    #[test]
    fn googles_own_signatures_stay_as_they_are() {
        for signature in ["EqQBCqEB", "keyplane-signed", "a2V5cGxhbmUtc2lnbmVk!"] {
            assert_eq!(thought("t".into(), Some(signature.into())), reasoning(signature));
        }
        assert_eq!(thought("t".into(), None), Content::Reasoning { text: "t".into(), signature: None });
    }
}
