//! Lines of server-sent events in their bytes. They end in LF, CRLF or CR.

use crate::json::{self, JsonError};

/// What may stand before the first line.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether nothing lacks of the last line, which has no end: of data it can be told, and of a comment nobody minds.
pub(super) fn ends_whole(lines: &[u8]) -> bool {
    let last = memchr::memrchr2(b'\n', b'\r', lines).map_or(lines, |at| &lines[at + 1..]);
    match last.strip_prefix(BYTE_ORDER_MARK).unwrap_or(last) {
        [] | [b':' | b'{' | b'[', ..] => true,
        last => last.strip_prefix(b"data:").map(<[u8]>::trim_ascii).is_some_and(is_complete),
    }
}

/// Whether nothing lacks of an event's data.
pub(super) fn is_complete(data: &[u8]) -> bool {
    // Nothing but `[DONE]` is data that is no object.
    data == b"[DONE]" || json::members(data, |_, _| Ok::<_, JsonError>(())).is_ok()
}

/// Whether a line is data that goes on in the next line.
pub(super) fn is_split(line: &[u8]) -> bool {
    let Some(data) = line.strip_prefix(b"data:") else { return false };
    let first = data.trim_ascii_start().first();
    matches!(first, Some(b'{' | b'[')) && !matches!(data.last(), Some(b'}' | b']'))
}

/// What a line says, without its end and the blanks before that. Of nothing but blanks one stays: an empty line is what ends an event.
pub(super) fn said(line: &[u8]) -> &[u8] {
    match line.trim_ascii_end() {
        [] if !line.starts_with(b"\n") && !line.starts_with(b"\r") => line.get(..1).unwrap_or_default(),
        said => said,
    }
}

/// Where a line ends, with what ends it.
pub(super) fn line_end(lines: &[u8], begin: usize) -> usize {
    let Some(end) = memchr::memchr2(b'\n', b'\r', &lines[begin..]).map(|at| begin + at) else { return lines.len() };
    if lines[end..].starts_with(b"\r\n") { end + 2 } else { end + 1 }
}

/// The data of an event, its lines joined.
pub(super) fn data_of(event: &[u8]) -> Vec<u8> {
    let lines = event.split(|byte| matches!(byte, b'\n' | b'\r'));
    let data = lines.filter_map(|line| line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line).strip_prefix(b"data:"));
    data.map(<[u8]>::trim_ascii).collect::<Vec<_>>().join(b"\n".as_slice())
}
