//! Finds the characters of a text by their bytes and the other way round: formats count in either.

/// How many characters apart the marks are.
const STEP: usize = 64;

/// A text with marks in it, so that not every search has to count from its beginning.
#[derive(Debug)]
pub(super) struct Characters<'a> {
    text: &'a str,
    /// The byte at which every [`STEP`]th character begins, from the first on, and the text's end if it is one of those.
    marks: Vec<usize>,
}

impl<'a> Characters<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let begins = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        Self { text, marks: begins.step_by(STEP).collect() }
    }

    /// How many stand before a byte; `None` where none begins there.
    pub(super) fn before(&self, byte: usize) -> Option<u64> {
        let mark = self.marks.partition_point(|mark| *mark <= byte).checked_sub(1)?;
        let behind = self.text.get(*self.marks.get(mark)?..byte)?;
        u64::try_from(mark * STEP + behind.chars().count()).ok()
    }

    /// The byte at which a character begins, or the text's end behind the last one; `None` where there are not so many.
    pub(super) fn byte(&self, character: u64) -> Option<usize> {
        let character = usize::try_from(character).ok()?;
        let mark = *self.marks.get(character / STEP)?;
        let behind = self.text.get(mark..)?;
        let mut begins = behind.char_indices().map(|(at, _)| at).chain([behind.len()]);
        begins.nth(character % STEP).map(|at| mark + at)
    }

    /// The characters from one to before another, or as many of them as there are.
    pub(super) fn between(&self, begin: u64, end: u64) -> &'a str {
        let byte = |character| self.byte(character).unwrap_or(self.text.len());
        self.text.get(byte(begin)..byte(end)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_found_by_their_bytes_and_bytes_by_their_characters() {
        for text in ["", "é", &"aé€😀".repeat(16), &"é".repeat(200), &"a".repeat(129)] {
            let characters = Characters::of(text);
            let begins: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            for byte in 0..text.len() + 2 {
                let expected = begins.iter().position(|begin| *begin == byte).map(|count| count as u64);
                assert_eq!(characters.before(byte), expected, "{byte} of {text}");
            }
            for count in 0..begins.len() + 70 {
                assert_eq!(characters.byte(count as u64), begins.get(count).copied(), "{count} of {text}");
            }
        }
        let text = Characters::of("aé€");
        assert_eq!([(0, 2), (1, 9), (2, 1), (7, 9)].map(|(begin, end)| text.between(begin, end)), ["aé", "é€", "", ""]);
    }
}
