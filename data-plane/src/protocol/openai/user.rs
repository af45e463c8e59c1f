//! Who the application's own user is, as long as OpenAI takes it: it refuses a name of more than 64 characters ("string too long"); seen in autumn
//! 2026.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

/// The most characters.
const MOST: usize = 64;

/// A user's name; where it is too long, what stands for it and for nobody else.
pub(in crate::protocol) fn short(user: &str) -> Cow<'_, str> {
    if user.chars().count() <= MOST {
        return user.into();
    }
    Sha256::digest(user.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_with_a_long_name_has_another_that_stays_the_same() {
        assert_eq!(short("anna"), "anna");
        assert_eq!(short(&"ä".repeat(64)), "ä".repeat(64));
        let (long, other) = ("a".repeat(65), "a".repeat(66));
        assert_eq!(short(&long).len(), 64);
        assert_eq!(short(&long), short(&long.clone()));
        assert_ne!(short(&long), short(&other));
    }
}
