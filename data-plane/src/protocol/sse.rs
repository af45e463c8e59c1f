//! Server-sent events, as they are written.

/// Brings JSON onto one line, where it stands: with that of others in it, as a tool's arguments, it may have line breaks, and each would end
/// the event's line. They stand between its tokens only, where a blank is the same.
pub(super) fn on_one_line(json: &mut [u8]) {
    let mut rest = json;
    while let Some(at) = memchr::memchr2(b'\n', b'\r', rest) {
        rest[at] = b' ';
        rest = &mut rest[at + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_of_several_lines_comes_onto_one() {
        let mut json = b"\r\n{\"a\\n\":\n1}\n".to_vec();
        on_one_line(&mut json);
        assert_eq!(json, b"  {\"a\\n\": 1} ");
    }
}
