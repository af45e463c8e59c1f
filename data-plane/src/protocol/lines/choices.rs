//! Which alternatives of a streamed answer began, and which of them ended. Mostly there is one, and nothing is read to know it.

use memchr::memmem;

/// The alternatives of a stream.
#[derive(Debug, Clone, Copy)]
pub(in crate::protocol) struct Choices {
    /// A bit for each index. The first is taken to have begun, as it mostly has.
    began: u128,
    ended: u128,
    /// Something came of the first.
    has_first: bool,
    /// Something went by that nobody could read.
    has_missed: bool,
}

impl Default for Choices {
    fn default() -> Self {
        Self { began: 1, ended: 0, has_first: false, has_missed: false }
    }
}

impl Choices {
    /// A piece of an alternative came, which ends it or not. No API gives more of them than there are bits.
    pub(in crate::protocol) fn note(&mut self, index: u32, ends: bool) {
        let bit = 1 << index.min(127);
        self.began |= bit;
        self.has_first |= index == 0;
        self.ended |= if ends { bit } else { 0 };
    }

    /// No alternative will come.
    pub(in crate::protocol) fn none_comes(&mut self) {
        self.ended = u128::MAX;
    }

    /// Something went by that nobody could read: it may have ended any of them.
    pub(in crate::protocol) fn miss(&mut self) {
        self.has_missed = true;
    }

    /// Whether the upstream may say that all of them are over.
    pub(in crate::protocol) fn may_be_over(&self) -> bool {
        self.has_missed || !self.is_one_open()
    }

    /// Whether something came of the first.
    pub(in crate::protocol) fn has_first(&self) -> bool {
        self.has_first
    }

    /// Whether one began that has not ended. Some count from one: then there is no first.
    pub(in crate::protocol) fn is_one_open(&self) -> bool {
        let open = self.began & !self.ended;
        let is_no_first = open == 1 && !self.has_first && self.began != 1;
        open != 0 && !is_no_first
    }
}

/// The bytes from each value on that stands behind a key.
pub(in crate::protocol) fn values<'a>(data: &'a [u8], key: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    memmem::find_iter(data, key).filter_map(move |at| {
        let value = data[at + key.len()..].trim_ascii_start();
        value.strip_prefix(b":").map(<[u8]>::trim_ascii_start)
    })
}

/// Whether a piece may be of another alternative than the first.
pub(in crate::protocol) fn is_of_another(data: &[u8]) -> bool {
    values(data, b"\"index\"").any(|value| matches!(value.first(), Some(b'1'..=b'9')))
}
