//! Amazon's event-stream frames: written with their checksums, and read with them checked.

use anyhow::{Context as _, ensure};
use bytes::{BufMut as _, Bytes, BytesMut};
use serde_json::Value;

/// A frame: its headers, which are all strings, and its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The headers, in their order.
    pub headers: Vec<(String, String)>,
    /// The payload.
    pub payload: Bytes,
}

impl Frame {
    /// A header's value; empty where there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

/// A frame's bytes, with a JSON payload. `message_type` is `event` or `exception`, `kind` which one.
#[must_use]
pub fn frame(message_type: &str, kind: &str, payload: &Value) -> Bytes {
    let kind_header = format!(":{message_type}-type");
    let mut headers = BytesMut::new();
    for (name, value) in [(":message-type", message_type), (&kind_header, kind), (":content-type", "application/json")]
    {
        headers.put_u8(length(name.len()));
        headers.put_slice(name.as_bytes());
        headers.put_u8(7);
        headers.put_u16(u16::from(length(value.len())));
        headers.put_slice(value.as_bytes());
    }
    let payload = payload.to_string();
    let mut frame = BytesMut::new();
    frame.put_u32(word(headers.len() + payload.len() + 16));
    frame.put_u32(word(headers.len()));
    frame.put_u32(crc32fast::hash(&frame));
    frame.put_slice(&headers);
    frame.put_slice(payload.as_bytes());
    frame.put_u32(crc32fast::hash(&frame));
    frame.freeze()
}

fn length(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}

fn word(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The frames of a whole stream.
///
/// # Errors
///
/// When one is cut, or a checksum is wrong.
pub fn read_frames(mut bytes: &[u8]) -> anyhow::Result<Vec<Frame>> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let total = usize::try_from(be32(bytes, 0)?)?;
        let headers = usize::try_from(be32(bytes, 4)?)?;
        ensure!(bytes.len() >= total && total >= headers + 16, "a frame of {total} bytes is cut at {}", bytes.len());
        ensure!(be32(bytes, 8)? == crc32fast::hash(&bytes[..8]), "the prelude's checksum is wrong");
        ensure!(be32(bytes, total - 4)? == crc32fast::hash(&bytes[..total - 4]), "the frame's checksum is wrong");
        let payload = Bytes::copy_from_slice(&bytes[12 + headers..total - 4]);
        frames.push(Frame { headers: read_headers(&bytes[12..12 + headers])?, payload });
        bytes = &bytes[total..];
    }
    Ok(frames)
}

fn read_headers(mut bytes: &[u8]) -> anyhow::Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    while let Some((&length, rest)) = bytes.split_first() {
        let (name, rest) = rest.split_at_checked(usize::from(length)).context("a header's name is cut")?;
        ensure!(rest.first() == Some(&7) && rest.len() >= 3, "a header is no string");
        let length = usize::from(u16::from_be_bytes([rest[1], rest[2]]));
        let (value, rest) = rest[3..].split_at_checked(length).context("a header's value is cut")?;
        headers.push((String::from_utf8(name.to_vec())?, String::from_utf8(value.to_vec())?));
        bytes = rest;
    }
    Ok(headers)
}

fn be32(bytes: &[u8], at: usize) -> anyhow::Result<u32> {
    let found = bytes.get(at..at + 4).context("a frame is cut")?;
    Ok(u32::from_be_bytes(found.try_into()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_frame_is_the_reference_s_and_reads_back() {
        const REFERENCE: &str = "0000008300000061a9d144e50d3a6d6573736167652d74797065070009657863657074696f6e0f3a657863657074696f6e\
            2d747970650700137468726f74746c696e67457863657074696f6e0d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e\
            7b226d657373616765223a22736c6f77227dd4f2b6a9";
        let bytes = frame("exception", "throttlingException", &json!({"message": "slow"}));
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, REFERENCE);
        let frames = read_frames(&bytes).unwrap();
        assert_eq!(frames[0].header(":exception-type"), "throttlingException");
        for at in 0..bytes.len() {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1;
            assert!(read_frames(&flipped).is_err(), "byte {at}");
        }
    }
}
