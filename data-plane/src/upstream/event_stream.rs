//! Amazon's event stream: binary frames that carry Bedrock's streamed answers. Pure: bytes in, frames out.
//!
//! ```text
//! 0        4          8      12             12+H                     total-4   total
//! ├ total ─┼ headers ─┼ CRC ─┼─ headers (H) ─┼─ payload ───────────────┼─ CRC ──┤
//!            length H   of 0..8                                         of all before it
//! ```
//!
//! All integers are big-endian. A frame is refused as soon as its first twelve bytes say that it is damaged or too large, before more
//! of it is kept. After an error there is no way back into step, so that the decoder answers with the same error for ever.
//!
//! Source: docs.aws.amazon.com, "Event stream encoding" and Smithy's "Amazon Event Stream Specification", read in autumn 2026.

use bytes::{Buf as _, Bytes, BytesMut};

/// The most bytes of headers that a frame may have, as the specification sets it.
const MOST_HEADER_BYTES: usize = 128 * 1024;
/// The most bytes of payload that a frame may have, as the specification sets it.
const MOST_PAYLOAD_BYTES: usize = 24 * 1024 * 1024;
/// The two lengths and their CRC.
const PRELUDE_BYTES: usize = 12;
/// What a frame has beside headers and payload.
const FRAMING_BYTES: usize = PRELUDE_BYTES + 4;

/// Makes frames of bytes that come split anywhere.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    pending: BytesMut,
    /// The whole length of the frame that has begun, once its prelude is checked.
    total: Option<usize>,
    broken: Option<FrameError>,
}

/// A whole frame, with both of its checksums right and headers that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    whole: Bytes,
    headers: Bytes,
    payload: Bytes,
}

/// What a frame is. What it names is the upstream's own text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    /// An event, of this type; its payload is the event.
    Event(&'a str),
    /// An error that the service's model names, of this type; its payload says more.
    Exception(&'a str),
    /// Another error.
    Error {
        /// Its code.
        code: &'a str,
        /// What it says.
        message: &'a str,
    },
    /// Of a kind that we don't know, to be skipped.
    Unknown,
}

/// Why bytes are no event stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    /// A checksum is wrong.
    #[error("a frame's checksum is wrong")]
    Checksum,
    /// The lengths contradict each other.
    #[error("a frame's lengths contradict each other")]
    Length,
    /// A frame has more headers or payload than any may have.
    #[error("a frame is too large")]
    TooLarge,
    /// The headers can't be read.
    #[error("a frame's headers can't be read")]
    Headers,
    /// The stream ended within a frame.
    #[error("the stream ended within a frame")]
    Cut,
}

impl Decoder {
    /// Takes the next bytes of the stream.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        // After an error nothing is read any more, and nothing may pile up.
        if self.broken.is_none() {
            self.pending.extend_from_slice(bytes);
        }
    }

    /// The next frame; `None` until more bytes come.
    ///
    /// # Errors
    ///
    /// When the bytes are no event stream; again and again then.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        self.read().inspect_err(|error| {
            self.broken = Some(*error);
            self.pending = BytesMut::new();
        })
    }

    /// Checks that the stream may end here.
    ///
    /// # Errors
    ///
    /// [`FrameError::Cut`] within a frame, or the error that came before.
    pub(crate) fn end(&self) -> Result<(), FrameError> {
        match self.broken {
            Some(error) => Err(error),
            None if self.pending.is_empty() => Ok(()),
            None => Err(FrameError::Cut),
        }
    }

    fn read(&mut self) -> Result<Option<Frame>, FrameError> {
        let total = match self.total {
            Some(total) => total,
            None => {
                let Some(prelude) = self.pending.first_chunk() else { return Ok(None) };
                let total = total_length(prelude)?;
                self.total = Some(total);
                total
            }
        };
        // No room is made ahead: an upstream has to send what it wants us to hold.
        if self.pending.len() < total {
            return Ok(None);
        }
        self.total = None;
        Frame::read(self.pending.split_to(total).freeze()).map(Some)
    }
}

/// The frame's whole length, once its prelude is whole and within the limits.
fn total_length(prelude: &[u8; PRELUDE_BYTES]) -> Result<usize, FrameError> {
    let mut words = prelude.as_slice();
    let (total, headers, checksum) = (words.get_u32(), words.get_u32(), words.get_u32());
    if crc32fast::hash(&prelude[..8]) != checksum {
        return Err(FrameError::Checksum);
    }
    let length = |word| usize::try_from(word).map_err(|_| FrameError::TooLarge);
    let (total, headers) = (length(total)?, length(headers)?);
    let payload = total.checked_sub(FRAMING_BYTES).and_then(|rest| rest.checked_sub(headers));
    let payload = payload.ok_or(FrameError::Length)?;
    if headers > MOST_HEADER_BYTES || payload > MOST_PAYLOAD_BYTES {
        return Err(FrameError::TooLarge);
    }
    Ok(total)
}

impl Frame {
    /// Of a whole frame's bytes, whose prelude was checked.
    fn read(mut bytes: Bytes) -> Result<Self, FrameError> {
        let whole = bytes.clone();
        let mut checksum = bytes.split_off(bytes.len() - 4);
        if crc32fast::hash(&bytes) != checksum.get_u32() {
            return Err(FrameError::Checksum);
        }
        bytes.advance(4);
        let headers_length = usize::try_from(bytes.get_u32()).map_err(|_| FrameError::TooLarge)?;
        bytes.advance(4);
        let frame = Self { whole, headers: bytes.split_to(headers_length), payload: bytes };
        let mut rest = &*frame.headers;
        while !rest.is_empty() {
            header(&mut rest).ok_or(FrameError::Headers)?;
        }
        Ok(frame)
    }

    /// All of its bytes, as they came.
    pub(crate) fn into_bytes(self) -> Bytes {
        self.whole
    }

    /// Its payload.
    pub(crate) fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The text of a header; `None` where there is none of the name, or it is no text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let mut rest = &*self.headers;
        while !rest.is_empty() {
            let (found, value) = header(&mut rest)?;
            if found == name.as_bytes() {
                return value.and_then(|value| std::str::from_utf8(value).ok());
            }
        }
        None
    }

    /// What it is.
    pub(crate) fn message(&self) -> Message<'_> {
        match self.text(":message-type") {
            Some("event") => self.text(":event-type").map_or(Message::Unknown, Message::Event),
            // One without a type is an error all the same.
            Some("exception") => Message::Exception(self.text(":exception-type").unwrap_or_default()),
            Some("error") => Message::Error {
                code: self.text(":error-code").unwrap_or_default(),
                message: self.text(":error-message").unwrap_or_default(),
            },
            Some(_) | None => Message::Unknown,
        }
    }
}

/// Takes the first header off: its name, and its value if that is a text. `None` where the bytes are no header.
fn header<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], Option<&'a [u8]>)> {
    let name_length = take(rest, 1)?[0];
    let name = take(rest, usize::from(name_length))?;
    let kind = take(rest, 1)?[0];
    let fixed = match kind {
        // True and false.
        0 | 1 => 0,
        // Integers of one, two, four and eight bytes.
        2 => 1,
        3 => 2,
        4 => 4,
        // The time in milliseconds is one of eight, too.
        5 | 8 => 8,
        // Bytes and text say their length.
        6 | 7 => {
            let length = usize::from(take(rest, 2)?.get_u16());
            let value = take(rest, length)?;
            return Some((name, (kind == 7).then_some(value)));
        }
        // UUID.
        9 => 16,
        _ => return None,
    };
    take(rest, fixed)?;
    Some((name, None))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

#[cfg(test)]
mod tests;
