//! Ids and names as Amazon allows them.
//!
//! Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolUseBlock.html and …_DocumentBlock.html, read in autumn 2026.

use std::collections::{HashMap, HashSet};

use sha2::{Digest as _, Sha256};

use crate::exchange::text::Text;
use crate::protocol::{Dialect, Unsayable, tool_name};

/// The most characters of a call's id.
const MOST: usize = 64;
/// The most characters of a document's name.
const MOST_OF_DOCUMENT: usize = 200;

/// A call's id, `[a-zA-Z0-9_.:-]{1,64}`. Another is made into one: always the same, so that the result still finds its call, and never that of
/// another id.
pub(super) fn id(given: &str) -> Text<'_> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
    if !given.is_empty() && given.len() <= MOST && given.bytes().all(is_allowed) {
        return given.into();
    }
    let digest = Sha256::digest(given.as_bytes());
    let hash: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let cleaned =
        given.bytes().take(MOST - 1 - hash.len()).map(|byte| if is_allowed(byte) { char::from(byte) } else { '_' });
    format!("{}-{hash}", cleaned.collect::<String>()).into()
}

/// A tool's name, `[a-zA-Z0-9_-]{1,64}`.
///
/// # Errors
///
/// When it is none.
pub(super) fn tool<'a>(given: &'a Text<'_>) -> Result<&'a str, Unsayable> {
    tool_name::checked(given.as_str(), Dialect::Bedrock, tool_name::MOST)
}

/// The names of a request's documents.
#[derive(Debug, Default)]
pub(super) struct Documents {
    taken: HashSet<String>,
    /// The number that the next one of a name gets, once there are two.
    next: HashMap<String, u32>,
}

impl Documents {
    /// A name for a document: the characters that Amazon has there, and none that another document of the request has.
    pub(super) fn name(&mut self, given: Option<&str>) -> String {
        let cleaned = cleaned(given.unwrap_or_default());
        let base = if cleaned.is_empty() { "document" } else { &cleaned };
        let mut name = base.to_owned();
        if self.taken.insert(name.clone()) {
            return name;
        }
        let number = self.next.entry(name.clone()).or_insert(2);
        while !self.taken.insert(name.clone()) {
            let suffix = format!(" ({number})");
            // All of it is ASCII.
            name = format!("{}{suffix}", base.get(..MOST_OF_DOCUMENT - suffix.len()).unwrap_or(base));
            *number += 1;
        }
        name
    }
}

/// Letters, digits, hyphens, brackets and single spaces.
fn cleaned(given: &str) -> String {
    let mut cleaned = String::with_capacity(given.len().min(MOST_OF_DOCUMENT));
    for sign in given.trim().chars() {
        let sign = match sign {
            sign if sign.is_ascii_alphanumeric() || "-()[]".contains(sign) => sign,
            sign if sign.is_whitespace() => ' ',
            _ => '-',
        };
        if cleaned.len() == MOST_OF_DOCUMENT {
            break;
        }
        if sign != ' ' || !cleaned.ends_with(' ') {
            cleaned.push(sign);
        }
    }
    cleaned.truncate(cleaned.trim_end().len());
    cleaned
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_that_is_allowed_stays_and_another_is_made_into_one() {
        assert_eq!(&*id("call_1.a:b-c"), "call_1.a:b-c");
        let long = "x".repeat(65);
        assert_eq!(id(&long).len(), 64);
        assert_eq!(id(&long), id(&long.clone()));
        assert_ne!(id("a b"), id("a_b"));
        assert_ne!(id("a b"), id("a/b"));
    }

    #[test]
    fn documents_have_names_of_their_own() {
        let mut documents = Documents::default();
        let names = ["report.pdf", " report.pdf", "a  b\t\u{e9}_", "", ""].map(|given| documents.name(Some(given)));
        assert_eq!(names, ["report-pdf", "report-pdf (2)", "a b --", "document", "document (2)"]);
        assert_eq!(documents.name(None), "document (3)");
        let long = "y".repeat(300);
        assert_eq!(documents.name(Some(&long)).len(), 200);
        assert_eq!(documents.name(Some(&long)).len(), 200);
    }

    proptest! {
        #[test]
        fn any_id_becomes_one_that_is_allowed(given: String) {
            let made = id(&given);
            prop_assert!((1..=64).contains(&made.len()));
            prop_assert!(made.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte)));
        }

        #[test]
        fn any_document_gets_a_name_that_is_allowed(given: Vec<String>) {
            let mut documents = Documents::default();
            for name in given {
                let name = documents.name(Some(&name));
                prop_assert!((1..=200).contains(&name.len()) && !name.contains("  "));
                prop_assert!(name.chars().all(|sign| sign.is_ascii_alphanumeric() || "-()[] ".contains(sign)));
            }
        }
    }
}
