//! Finds the fields of a form with files (`multipart/form-data`) in its bytes.
//!
//! Nothing is copied: what routing needs is found, and the rest passes. Sources: RFC 2046, section 5.1.1, and RFC 7578.

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

/// Calls `field` for each part, with its name and where its value stands; parts without a name have none to call it for.
///
/// # Errors
///
/// When the bytes are no form.
pub(crate) fn each(body: &[u8], boundary: &[u8], mut field: impl FnMut(&[u8], Range<usize>)) -> Result<(), FormError> {
    let delimiter = [b"\r\n--", boundary].concat();
    let finder = Finder::new(&delimiter);
    // The first may stand at the very beginning, without its line's end.
    let mut at = if body.starts_with(&delimiter[2..]) {
        delimiter.len() - 2
    } else {
        finder.find(body).ok_or(FormError::NotAForm { at: 0 })? + delimiter.len()
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
        if let Some(name) = name(&body[headers..headers + blank]) {
            field(&name, value..end.max(value));
        }
        at = end + delimiter.len();
    }
}

/// The name that a part's headers give it.
fn name(headers: &[u8]) -> Option<Vec<u8>> {
    const HEADER: &[u8] = b"content-disposition:";
    let mut lines = headers.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let disposition = lines.find_map(|line| {
        let (name, value) = line.split_at_checked(HEADER.len())?;
        name.eq_ignore_ascii_case(HEADER).then_some(value)
    })?;
    parameter(disposition, b"name")
}

/// A parameter's value, without its quotes (RFC 9110, section 5.6.6).
fn parameter(header: &[u8], wanted: &[u8]) -> Option<Vec<u8>> {
    let mut rest = header;
    loop {
        let begin = memchr::memchr(b';', rest)?;
        rest = rest[begin + 1..].trim_ascii_start();
        let equals = memchr::memchr2(b'=', b';', rest)?;
        if rest[equals] == b';' {
            rest = &rest[equals..];
            continue;
        }
        let (key, after) = (rest[..equals].trim_ascii(), rest[equals + 1..].trim_ascii_start());
        let (value, left) = value(after)?;
        if key.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = left;
    }
}

/// A token or a quoted string, and what follows it.
fn value(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = memchr::memchr(b';', text).unwrap_or(text.len());
        return Some((text[..end].trim_ascii_end().to_vec(), &text[end..]));
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
        let body = b"preamble\r\n--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b  \r\n\
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
    fn a_boundary_is_read_from_the_type() {
        let of =
            |text: &str| boundary(text.as_bytes()).map(|found| found.map(|found| String::from_utf8(found).unwrap()));
        assert_eq!(of("Multipart/Form-Data; charset=utf-8; boundary=\"a b\""), Ok(Some("a b".to_owned())));
        assert_eq!(of("multipart/form-data;boundary=x"), Ok(Some("x".to_owned())));
        assert_eq!(of("application/json"), Ok(None));
        assert_eq!(of("multipart/form-data"), Err(FormError::Boundary));
        assert_eq!(of("multipart/form-data; boundary="), Err(FormError::Boundary));
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
