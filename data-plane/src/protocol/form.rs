//! Finds the fields of a form with files (`multipart/form-data`) in its bytes.
//!
//! Nothing is copied: what routing needs is found, and the rest passes. Forms are read here as strictly as clients write them, since what two
//! readers may take for different fields could name one model to us and another one to the upstream. Sources: RFC 2046, section 5.1.1, and
//! RFC 7578.

use std::ops::Range;

use memchr::memmem::Finder;

/// The longest boundary (RFC 2046, section 5.1.1).
const BOUNDARY: usize = 70;

/// Bytes that are not the form that their type says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    /// The type names no boundary, or one that can't be one.
    #[error("the content type multipart/form-data has no boundary")]
    Boundary,
    /// A part or the end is missing.
    #[error("the body is not a form: something is wrong at byte {at}")]
    NotAForm {
        /// Where it stops being one.
        at: usize,
    },
    /// What readers of forms differ on: a preamble, a part without a name, headers that are folded or end in a lone LF.
    #[error(
        "the form is ambiguous at byte {at}: begin with the boundary, end lines with CRLF, and give every part one content-disposition \
         header on one line, with one plain name"
    )]
    Ambiguous {
        /// Where.
        at: usize,
    },
}

/// The boundary that a content type names; `None` for another type.
///
/// # Errors
///
/// When the type is a form's, and names none.
pub(crate) fn boundary(content_type: &[u8]) -> Result<Option<Vec<u8>>, FormError> {
    const KIND: &[u8] = b"multipart/form-data";
    let Some((kind, rest)) = content_type.split_at_checked(KIND.len()) else { return Ok(None) };
    if !kind.eq_ignore_ascii_case(KIND) {
        return Ok(None);
    }
    let boundary = parameter(rest, b"boundary").filter(|boundary| (1..=BOUNDARY).contains(&boundary.len()));
    let boundary = boundary.filter(|boundary| boundary.iter().all(|byte| (b' '..=b'~').contains(byte)));
    boundary.map(Some).ok_or(FormError::Boundary)
}

/// Calls `field` for each part, with its name and where its value stands.
///
/// # Errors
///
/// When the bytes are no form, or one that others may read otherwise.
pub(crate) fn each(body: &[u8], boundary: &[u8], mut field: impl FnMut(&[u8], Range<usize>)) -> Result<(), FormError> {
    let delimiter = [b"\r\n--", boundary].concat();
    let finder = Finder::new(&delimiter);
    let mut at = match body.strip_prefix(&delimiter[2..]) {
        Some(_) => delimiter.len() - 2,
        None if finder.find(body).is_some() => return Err(FormError::Ambiguous { at: 0 }),
        None => return Err(FormError::NotAForm { at: 0 }),
    };
    loop {
        let rest = &body[at..];
        if rest.starts_with(b"--") {
            return Ok(());
        }
        let line = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        if !rest[line..].starts_with(b"\r\n") {
            return Err(FormError::NotAForm { at });
        }
        // The headers' lines, each with its end, up to the empty one.
        let headers = at + line;
        let blank = memchr::memmem::find(&body[headers..], b"\r\n\r\n").ok_or(FormError::NotAForm { at: headers })?;
        let value = headers + blank + 4;
        // A value that is empty ends with the line's end of its own blank line.
        let end = value - 2 + finder.find(&body[value - 2..]).ok_or(FormError::NotAForm { at: value })?;
        let name = name(&body[headers + 2..value - 2]).ok_or(FormError::Ambiguous { at: headers })?;
        if let Some(lone) = lone_delimiter(&body[value - 2..end], &delimiter[2..]) {
            return Err(FormError::Ambiguous { at: value - 2 + lone });
        }
        field(&name, value..end.max(value));
        at = end + delimiter.len();
    }
}

/// Where a boundary begins a line whose line before ends in a lone LF or CR: some end parts there.
fn lone_delimiter(value: &[u8], dashed: &[u8]) -> Option<usize> {
    let mut found = memchr::memmem::find_iter(value, dashed);
    found.find(|at| {
        at.checked_sub(1).and_then(|before| value.get(before)).is_some_and(|before| b"\n\r".contains(before))
    })
}

/// The name that a part's headers give it, each with its end; `None` where they give none, or one that others may read otherwise.
fn name(headers: &[u8]) -> Option<Vec<u8>> {
    let mut name = None;
    let mut rest = headers;
    while let Some(end) = memchr::memmem::find(rest, b"\r\n") {
        let line = &rest[..end];
        rest = &rest[end + 2..];
        let colon = memchr::memchr(b':', line)?;
        let (header, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let is_plain = line.iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control());
        // A folded line begins with a blank, and a name before which or behind which one stands is none to everybody.
        if !is_plain || header.is_empty() || header.iter().any(u8::is_ascii_whitespace) {
            return None;
        }
        if header.eq_ignore_ascii_case(b"content-disposition") {
            if name.is_some() {
                return None;
            }
            name = Some(parameter(value, b"name")?);
        }
        // Some undo these, and some don't.
        let is_as_it_is = [&b"7bit"[..], b"8bit", b"binary"].iter().any(|kind| value.eq_ignore_ascii_case(kind));
        if header.eq_ignore_ascii_case(b"content-transfer-encoding") && !is_as_it_is {
            return None;
        }
    }
    name
}

/// A parameter's value, without its quotes (RFC 9110, section 5.6.6); `None` where it is missing, there twice, escaped, or given in the extended
/// form or in parts (RFC 8187 and 2231: `name*`, `name*0`), which not everybody reads.
fn parameter(header: &[u8], wanted: &[u8]) -> Option<Vec<u8>> {
    let mut found = None;
    let mut rest = header;
    while let Some(begin) = memchr::memchr(b';', rest) {
        rest = rest[begin + 1..].trim_ascii_start();
        let Some(equals) = memchr::memchr2(b'=', b';', rest) else { break };
        if rest[equals] == b';' {
            rest = &rest[equals..];
            continue;
        }
        let (key, after) = (rest[..equals].trim_ascii(), rest[equals + 1..].trim_ascii_start());
        let (value, left) = value(after)?;
        let given = &after[..after.len() - left.len()];
        // Some take the escaped quote for the end, and what follows for parameters.
        if !matches!(left.trim_ascii_start(), [] | [b';', ..]) || memchr::memmem::find(given, b"\\\"").is_some() {
            return None;
        }
        let stem = key.split(|byte| *byte == b'*').next().unwrap_or_default();
        if stem.eq_ignore_ascii_case(wanted) {
            if found.is_some() || stem.len() < key.len() || given.contains(&b'\\') {
                return None;
            }
            found = Some(value);
        }
        rest = left;
    }
    found
}

/// What a token is made of (RFC 9110, section 5.6.2).
fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A token or a quoted string, and what follows it; `None` for what is neither.
fn value(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = memchr::memchr(b';', text).unwrap_or(text.len());
        let token = text[..end].trim_ascii_end();
        // Some take what stands before another sign for all of it.
        return token.iter().all(|byte| is_of_token(*byte)).then(|| (token.to_vec(), &text[end..]));
    };
    let mut value = Vec::new();
    let mut bytes = quoted.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some((value, &quoted[at + 1..])),
            b'\\' => value.push(*bytes.next()?.1),
            other => value.push(*other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(body: &[u8], boundary: &[u8]) -> Result<Vec<(String, String)>, FormError> {
        let mut found = Vec::new();
        each(body, boundary, |name, at| {
            found.push((String::from_utf8_lossy(name).into(), String::from_utf8_lossy(&body[at]).into()));
        })?;
        Ok(found)
    }

    #[test]
    fn fields_are_found_with_their_bytes() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b  \r\n\
            content-type: audio/wav\r\nContent-Disposition: form-data; filename=\"a;name=x\"; NAME=file\r\n\r\n\x00\r\n--\r\n--xb\r\n--b\r\n\
            Content-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--b--\r\nepilogue";
        let expected = [("model", "m"), ("file", "\0\r\n--\r\n--xb"), ("empty", "")];
        assert_eq!(fields(body, b"b").unwrap(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for body in ["", "--b", "--b\r\n", "--b\r\nx\r\n\r\nvalue", "--bx\r\n\r\n--b--", "no delimiter"] {
            assert!(fields(body.as_bytes(), b"b").is_err(), "{body:?}");
        }
        assert_eq!(fields(b"--b--", b"b"), Ok(Vec::new()));
    }

    #[test]
    fn what_readers_of_forms_differ_on_is_refused() {
        let part = |headers: &str| format!("--b\r\n{headers}\r\n\r\nm\r\n--b--\r\n");
        let disposition = |rest: &str| part(&format!("Content-Disposition: form-data; {rest}"));
        assert_eq!(fields(disposition("name=model").as_bytes(), b"b").unwrap()[0].0, "model");
        for body in [
            disposition("name*=utf-8''model"),
            disposition("name=x; name*=utf-8''model"),
            disposition("name*0=mod; name*1=el"),
            disposition("name=x; name=model"),
            disposition("name=\"mod\\el\""),
            disposition("filename=x"),
            disposition("\r\n name=model"),
            disposition("\r\n\tname=model"),
            disposition("name=x\r\nContent-Disposition: form-data; name=model"),
            disposition("name=x\nContent-Disposition: form-data; name=model"),
            disposition("name=x\n\nanother value"),
            disposition("name=model\r\nContent-Transfer-Encoding: quoted-printable"),
            part("Content-Disposition : form-data; name=model"),
            part("Content-Type: text/plain"),
            format!("a preamble\r\n{}", disposition("name=model")),
            format!("\r\n{}", disposition("name=model")),
            disposition("name=x").replace("m\r\n", "m\n--b\nContent-Disposition: form-data; name=model\n\nn\r\n"),
            disposition("name=x").replace("m\r\n", "m\r--b\r\n"),
            disposition("name=x; filename=\"a\\\"; name=model; x=\""),
            disposition("name=\"x\"y"),
            disposition("name=model x"),
            disposition("name=model/x"),
            disposition("name=model\tx"),
            disposition("name=model\"x\""),
            disposition("name=modelé"),
            disposition("filename=a b; name=x"),
        ] {
            assert!(matches!(fields(body.as_bytes(), b"b"), Err(FormError::Ambiguous { .. })), "{body:?}");
        }
    }

    #[test]
    fn a_boundary_is_read_from_the_type() {
        let of =
            |text: &str| boundary(text.as_bytes()).map(|found| found.map(|found| String::from_utf8(found).unwrap()));
        assert_eq!(of("Multipart/Form-Data; charset=utf-8; boundary=\"a b\""), Ok(Some("a b".to_owned())));
        assert_eq!(of("multipart/form-data;boundary=x"), Ok(Some("x".to_owned())));
        assert_eq!(of("multipart/form-data; boundary=--W'_+.7 ; x=y"), Ok(Some("--W'_+.7".to_owned())));
        assert_eq!(of("application/json"), Ok(None));
        assert_eq!(of("multipart/form-data"), Err(FormError::Boundary));
        for odd in [
            "boundary=",
            "boundary=a; boundary=b",
            "boundary*=utf-8''a",
            "boundary=a; boundary*0=b",
            "boundary=a b",
            "boundary=a/b",
            "charset=x y; boundary=a",
        ] {
            assert_eq!(of(&format!("multipart/form-data; {odd}")), Err(FormError::Boundary), "{odd}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(body: Vec<u8>, boundary in "[a-z]{1,3}") {
            let _ = fields(&body, boundary.as_bytes());
        }

        #[test]
        fn what_was_written_is_found(values in proptest::collection::vec("[ -~]{0,20}", 0..5)) {
            let part = |(at, value): (usize, &String)| {
                format!("--XyZ\r\nContent-Disposition: form-data; name=\"f{at}\"\r\n\r\n{value}\r\n")
            };
            let body: String = values.iter().enumerate().map(part).chain(["--XyZ--\r\n".to_owned()]).collect();
            let found = fields(body.as_bytes(), b"XyZ").unwrap();
            let expected: Vec<_> = values.iter().enumerate().map(|(at, value)| (format!("f{at}"), value.clone())).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
