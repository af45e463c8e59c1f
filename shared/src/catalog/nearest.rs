//! The known vendor that a mistyped name is likely to mean.

use super::VENDORS;

/// No vendor's name is longer: one that is costs no time to compare.
const MOST_BYTES: usize = 63;

/// The known vendor whose name or alias is closest to a text, if it is close: within two edits, or one of a short name.
#[must_use]
pub fn nearest(vendor: &str) -> Option<&'static str> {
    if vendor.len() > MOST_BYTES {
        return None;
    }
    let vendor = vendor.to_lowercase();
    VENDORS
        .iter()
        .flat_map(|entry| std::iter::once(&entry.vendor).chain(entry.aliases).map(move |name| (entry.vendor, *name)))
        .map(|(known, name)| (edits(&vendor, name), name.len(), known))
        .filter(|(edits, length, _)| *edits <= if *length < 5 { 1 } else { 2 })
        .min_by_key(|(edits, _, _)| *edits)
        .map(|(_, _, known)| known)
}

/// How many characters have to be added, left out, replaced, or swapped with their neighbour to make one text of the other.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: [Vec<usize>; 3] = [Vec::new(), (0..=b.len()).collect(), Vec::new()];
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let replaced = rows[1][j] + usize::from(from != to);
            let mut least = replaced.min(rows[1][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *from == b[j - 1] && a[i - 1] == *to {
                least = least.min(rows[0][j - 1] + 1);
            }
            row.push(least);
        }
        rows[2] = row;
        rows.rotate_left(1);
    }
    rows[1][b.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_typo_has_its_vendor_and_a_stranger_none() {
        for (typo, expected) in [
            ("opanai", Some("openai")),
            ("antropic", Some("anthropic")),
            ("OpenAI", Some("openai")),
            ("geminii", Some("google")),
            ("bedrok", Some("bedrock")),
            ("gorq", Some("groq")),
            ("mistrla", Some("mistral")),
            ("open-routr", Some("openrouter")),
            ("my-vllm", None),
            ("acme", None),
            ("", None),
        ] {
            assert_eq!(nearest(typo), expected, "{typo}");
        }
        assert_eq!(nearest(&"openai".repeat(1000)), None);
    }

    proptest! {
        #[test]
        fn edits_are_a_distance(a in "[a-c]{0,6}", b in "[a-c]{0,6}") {
            prop_assert_eq!(edits(&a, &a), 0);
            prop_assert_eq!(edits(&a, &b), edits(&b, &a));
            prop_assert_eq!(edits(&a, &b) == 0, a == b);
            prop_assert!(edits(&a, &b) <= a.len().max(b.len()));
        }
    }
}
