//! Finds members of a JSON object in its bytes, and proves that the rest is JSON.
//!
//! No tree is built and nothing is copied: one pass over the bytes, whose keys are compared unescaped, so that what is read here is what
//! another parser reads.

use std::borrow::Cow;
use std::ops::Range;

/// How deep arrays and objects may stand in each other.
const DEPTH: u32 = 64;

/// Bytes that are not the JSON that was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JsonError {
    /// Not a JSON object.
    #[error("the body is not a JSON object: something is wrong at byte {at}")]
    NotJson {
        /// Where it stops being one.
        at: usize,
    },
    /// Deeper than [`DEPTH`].
    #[error("the body nests deeper than {DEPTH} levels")]
    TooDeep,
}

/// The value of the first member of this name on top of a JSON object; `None` where there is none, or no object.
pub(crate) fn member<'a>(object: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut found = None;
    let read = members(object, |key, value| {
        if found.is_none() && *key == *name {
            found = Some(value);
        }
        Ok::<_, JsonError>(())
    });
    read.ok().and(found).map(|at| &object[at])
}

/// Whether a JSON object has a member of this name on top that is not `null`. Whatever is no object has none.
pub(crate) fn has_member(object: &[u8], name: &[u8]) -> bool {
    member(object, name).is_some_and(|value| value != b"null")
}

/// The text of a member on top of a JSON object, if it is a string.
pub(crate) fn text<'a>(object: &'a [u8], name: &[u8]) -> Option<Cow<'a, str>> {
    string(member(object, name)?)
}

/// Calls `member` for each member of the object that `json` is, with its unescaped key and where its value stands.
///
/// # Errors
///
/// When it is none, and what `member` gives.
pub(crate) fn members<'a, E: From<JsonError>>(
    json: &'a [u8],
    mut member: impl FnMut(Cow<'a, [u8]>, Range<usize>) -> Result<(), E>,
) -> Result<(), E> {
    placed_members(json, |found| member(found.key, found.value))
}

/// A member of an object.
#[derive(Debug, Clone)]
pub(crate) struct Member<'a> {
    /// Its key without escapes.
    pub(crate) key: Cow<'a, [u8]>,
    /// Where its key stands, with the quotes.
    pub(crate) key_at: Range<usize>,
    /// Where its value stands.
    pub(crate) value: Range<usize>,
}

/// [`members`] with the places of their keys.
///
/// # Errors
///
/// When it is none, and what `member` gives.
pub(crate) fn placed_members<'a, E: From<JsonError>>(
    json: &'a [u8],
    mut member: impl FnMut(Member<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let mut scanner = Scanner { json, at: 0 };
    scanner.space();
    scanner.expect(b'{')?;
    scanner.space();
    if scanner.peek() == Some(b'}') {
        scanner.at += 1;
    } else {
        loop {
            let key_at = scanner.string()?;
            let key = unescaped(&json[key_at.start + 1..key_at.end - 1]);
            let key = key.ok_or(JsonError::NotJson { at: key_at.start })?;
            scanner.space();
            scanner.expect(b':')?;
            scanner.space();
            let begin = scanner.at;
            scanner.value(2)?;
            member(Member { key, key_at, value: begin..scanner.at })?;
            scanner.space();
            match scanner.next() {
                Some(b',') => scanner.space(),
                Some(b'}') => break,
                _ => return Err(scanner.wrong_before().into()),
            }
        }
    }
    scanner.space();
    if scanner.at == json.len() { Ok(()) } else { Err(scanner.wrong().into()) }
}

/// Where the items of a JSON array stand; `None` where it is no array, or too deep.
pub(crate) fn items(array: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut items = Vec::new();
    let mut scanner = Scanner { json: array, at: 0 };
    let read = scanner.peek() == Some(b'[') && {
        scanner
            .nested(1, b']', |scanner| {
                let begin = scanner.at;
                scanner.value(2)?;
                items.push(begin..scanner.at);
                Ok(())
            })
            .is_ok()
    };
    read.then_some(items)
}

/// What a string's literal says, if it is one and is text.
pub(crate) fn string(literal: &[u8]) -> Option<Cow<'_, str>> {
    let inner = literal.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr(b'\\', inner).is_none() {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    serde_json::from_slice(literal).ok().map(Cow::Owned)
}

/// A key without its escapes. Bytes, since a key that is no text is no key of ours either.
fn unescaped(inner: &[u8]) -> Option<Cow<'_, [u8]>> {
    if memchr::memchr(b'\\', inner).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    // Rare; a lone surrogate half is an error here, which is right: parsers differ on it.
    let literal = [b"\"", inner, b"\""].concat();
    let text: String = serde_json::from_slice(&literal).ok()?;
    Some(Cow::Owned(text.into_bytes()))
}

/// Goes through JSON once, from its first byte to its last: whoever wants to look into a value does it as the scanner comes by.
pub(crate) struct Scanner<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    /// Before the value that `json` is.
    pub(crate) fn new(json: &'a [u8]) -> Self {
        let mut scanner = Self { json, at: 0 };
        scanner.space();
        scanner
    }

    /// Where it is.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The byte that comes next.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    /// Past the array that begins here and stands `depth` levels deep; `item` goes past each of its items.
    ///
    /// # Errors
    ///
    /// When it is none, and what `item` gives.
    pub(crate) fn items(
        &mut self,
        depth: u32,
        item: impl FnMut(&mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        if self.peek() == Some(b'[') { self.nested(depth, b']', item) } else { Err(self.wrong()) }
    }

    /// Past the object that begins here and stands `depth` levels deep; `member` goes past each value, and gets its key and where that stands.
    ///
    /// # Errors
    ///
    /// When it is none, and what `member` gives.
    pub(crate) fn members(
        &mut self,
        depth: u32,
        mut member: impl FnMut(&mut Self, &[u8], Range<usize>) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        if self.peek() != Some(b'{') {
            return Err(self.wrong());
        }
        self.nested(depth, b'}', |scanner| {
            let key_at = scanner.string()?;
            let key = unescaped(&scanner.json[key_at.start + 1..key_at.end - 1]);
            let key = key.ok_or(JsonError::NotJson { at: key_at.start })?;
            scanner.space();
            scanner.expect(b':')?;
            scanner.space();
            member(scanner, &key, key_at)
        })
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn wrong(&self) -> JsonError {
        JsonError::NotJson { at: self.at }
    }

    fn wrong_before(&self) -> JsonError {
        JsonError::NotJson { at: self.at.saturating_sub(1) }
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.wrong())
        }
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Past a value of any kind, which would stand `depth` levels deep if it were an array or an object.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub(crate) fn value(&mut self, depth: u32) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.wrong()),
        }
    }

    fn object(&mut self, depth: u32) -> Result<(), JsonError> {
        self.nested(depth, b'}', |scanner| {
            scanner.string()?;
            scanner.space();
            scanner.expect(b':')?;
            scanner.space();
            scanner.value(depth + 1)
        })
    }

    fn array(&mut self, depth: u32) -> Result<(), JsonError> {
        self.nested(depth, b']', |scanner| scanner.value(depth + 1))
    }

    /// Items with commas between them, from the opening byte to the closing one.
    fn nested(
        &mut self,
        depth: u32,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        if depth > DEPTH {
            return Err(JsonError::TooDeep);
        }
        self.at += 1;
        self.space();
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            item(self)?;
            self.space();
            match self.next() {
                Some(b',') => self.space(),
                Some(byte) if byte == close => return Ok(()),
                _ => return Err(self.wrong_before()),
            }
        }
    }

    /// A string; gives where it stands, with its quotes.
    fn string(&mut self) -> Result<Range<usize>, JsonError> {
        let begin = self.at;
        self.expect(b'"')?;
        loop {
            self.at += plain_prefix(&self.json[self.at..]);
            match self.next() {
                Some(b'"') => return Ok(begin..self.at),
                Some(b'\\') => self.escape()?,
                _ => return Err(self.wrong_before()),
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        match self.next() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
            Some(b'u') => {
                let digits = self.json.get(self.at..self.at + 4).ok_or(self.wrong())?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(self.wrong());
                }
                self.at += 4;
                Ok(())
            }
            _ => Err(self.wrong_before()),
        }
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), JsonError> {
        if self.json[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.wrong())
        }
    }

    /// RFC 8259, section 6: `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`.
    fn number(&mut self) -> Result<(), JsonError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let begin = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > begin { Ok(()) } else { Err(self.wrong()) }
    }
}

/// How many bytes go by before a quote, a backslash or a control character: eight at a time, since bodies are mostly text.
fn plain_prefix(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word & HIGHS;
    let mut done = 0;
    for chunk in bytes.chunks_exact(8) {
        let mut eight = [0; 8];
        eight.copy_from_slice(chunk);
        let word = u64::from_le_bytes(eight);
        // The lowest set bit of each is exact, and so is the lowest of all.
        let stops =
            below(word, 0x20) | below(word ^ (ONES * u64::from(b'"')), 1) | below(word ^ (ONES * u64::from(b'\\')), 1);
        if stops != 0 {
            return done + stops.trailing_zeros() as usize / 8;
        }
        done += 8;
    }
    let rest = bytes[done..].iter().take_while(|byte| **byte >= 0x20 && !matches!(byte, b'"' | b'\\')).count();
    done + rest
}

#[cfg(test)]
mod tests;
