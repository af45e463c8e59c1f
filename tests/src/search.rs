//! Searching much text for many secrets in all of their forms, in one pass.

use std::collections::HashMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// How many bytes a form is first recognized by. Every form is longer.
const HEAD: usize = 16;
/// How many of those decide whether to look closer.
const GATE: usize = 3;

/// The forms of some secrets, prepared to be searched for.
#[derive(Debug)]
pub struct Needles {
    names: Vec<String>,
    /// Every form, with the place of its secret's name, by its first bytes.
    by_head: HashMap<[u8; HEAD], Vec<(usize, Vec<u8>)>>,
    /// One bit for each value of the first bytes that some form begins with.
    gate: Vec<bool>,
}

impl Default for Needles {
    fn default() -> Self {
        Self { names: Vec::new(), by_head: HashMap::new(), gate: vec![false; 1 << (8 * GATE)] }
    }
}

impl Needles {
    /// Adds a secret, which the name stands for in what is said of it.
    ///
    /// # Panics
    ///
    /// When it is too short to be told from other text.
    pub fn add(&mut self, name: &str, secret: &[u8]) {
        let place = self.names.len();
        self.names.push(name.to_owned());
        for form in forms(secret) {
            assert!(form.len() >= HEAD, "{name} is too short");
            self.gate[gate(&form)] = true;
            let head = form[..HEAD].try_into().unwrap_or_default();
            let alike = self.by_head.entry(head).or_default();
            if !alike.iter().any(|(_, known)| *known == form) {
                alike.push((place, form));
            }
        }
    }

    /// How many secrets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Looks for all of them.
    ///
    /// # Errors
    ///
    /// When one is there: which one, and in what form.
    pub fn are_absent(&self, haystack: &[u8], place: &str) -> anyhow::Result<()> {
        for (at, head) in haystack.windows(HEAD).enumerate() {
            if !self.gate[gate(head)] {
                continue;
            }
            for (name, form) in self.by_head.get(head).into_iter().flatten() {
                let found = haystack[at..].starts_with(form);
                anyhow::ensure!(!found, "{} is in {place} as {}", self.names[*name], String::from_utf8_lossy(form));
            }
        }
        Ok(())
    }

    /// Looks for them in every file below a folder, but for the folders of one name; answers how many bytes of how many files it read.
    ///
    /// # Errors
    ///
    /// As [`are_absent`](Self::are_absent), and when a file can't be read.
    pub fn are_absent_below(&self, folder: &Path, but: &str) -> anyhow::Result<Searched> {
        let mut searched = Searched::default();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if !path.is_dir() {
                let bytes = std::fs::read(&path)?;
                self.are_absent(&bytes, &path.display().to_string())?;
                searched.files += 1;
                searched.bytes += bytes.len();
            } else if path.file_name().is_none_or(|name| name != but) {
                let below = self.are_absent_below(&path, but)?;
                searched.files += below.files;
                searched.bytes += below.bytes;
            }
        }
        Ok(searched)
    }
}

/// What was looked through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Searched {
    /// How many files.
    pub files: usize,
    /// How long they are together.
    pub bytes: usize,
}

fn gate(bytes: &[u8]) -> usize {
    bytes[..GATE].iter().fold(0, |gate, byte| gate << 8 | usize::from(*byte))
}

/// Every form in which a secret could lie around.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let each = |write: fn(u8) -> String| secret.iter().map(|byte| write(*byte)).collect::<String>();
    let hex = each(|byte| format!("{byte:02x}"));
    let mut texts = vec![
        hex.to_uppercase(),
        hex,
        // With everything escaped, and with what has to be.
        each(|byte| format!("%{byte:02X}")),
        each(|byte| format!("%{byte:02x}")),
        each(|byte| if is_plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") }),
        each(|byte| if is_plain(byte) { char::from(byte).into() } else { format!("%{byte:02x}") }),
        each(|byte| format!("\\u{byte:04x}")),
    ];
    if let Ok(text) = std::str::from_utf8(secret) {
        let quoted = serde_json::Value::from(text).to_string();
        texts.push(quoted.trim_matches('"').replace('/', "\\/"));
        texts.push(quoted.trim_matches('"').to_owned());
    }
    // At each of the three alignments, the letters that depend on the secret alone.
    for skip in 0..3 {
        let bytes = &secret[skip..];
        let whole = &bytes[..bytes.len() / 3 * 3];
        texts.push(STANDARD_NO_PAD.encode(whole));
        texts.push(URL_SAFE_NO_PAD.encode(whole));
    }
    let mut forms: Vec<_> = texts.into_iter().map(String::into_bytes).collect();
    forms.push(secret.to_vec());
    forms.push(secret.iter().rev().copied().collect());
    forms
}

/// Whether a URL has the byte as it is.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_form_and_at_every_place() {
        let secret = r#"sk-canary/+"\0123456789"#;
        let mut needles = Needles::default();
        needles.add("another", b"sk-another-0123456789");
        needles.add("it", secret.as_bytes());
        let found = [
            secret,
            "736b2d63616e6172792f2b225c30313233343536373839",
            "736B2D63616E6172792F2B225C30313233343536373839",
            "sk-canary%2F%2B%22%5C0123456789",
            "sk-canary%2f%2b%22%5c0123456789",
            r#"sk-canary/+\"\\0123456789"#,
            r#"sk-canary\/+\"\\0123456789"#,
            r#"9876543210\"+/yranac-ks"#,
        ];
        for form in found {
            for around in ["", "x", "text before "] {
                let haystack = format!("{around}{form}{around}");
                assert!(needles.are_absent(haystack.as_bytes(), "here").is_err(), "{haystack}");
            }
        }
        for before in ["", "x", "xx"] {
            let text = format!("{before}{secret}");
            for encoded in [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                assert!(needles.are_absent(encoded.as_bytes(), "here").is_err(), "{encoded}");
            }
        }
        for absent in ["nothing of it", "sk-c...789", "sk-canary/+", "sk-canary-0123456789"] {
            needles.are_absent(absent.as_bytes(), "here").unwrap();
        }
    }
}
