//! How long a provider asks to wait, from its headers.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

/// No provider can keep a credential away for longer than this.
const MOST: Duration = Duration::from_secs(600);

/// `retry-after-ms`, else `retry-after` in seconds or as an HTTP date (RFC 9110, section 10.2.3), capped at ten minutes. `None` where
/// neither can be read.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let milliseconds = text("retry-after-ms").and_then(|text| seconds(text, 0.001));
    let hint = milliseconds.or_else(|| {
        let text = text("retry-after")?;
        seconds(text, 1.0).or_else(|| {
            let date = httpdate::parse_http_date(text).ok()?;
            Some(date.duration_since(now).unwrap_or_default())
        })
    })?;
    Some(hint.min(MOST))
}

fn seconds(text: &str, unit: f64) -> Option<Duration> {
    let number: f64 = text.parse().ok()?;
    (number.is_finite() && number >= 0.0).then(|| Duration::from_secs_f64((number * unit).min(MOST.as_secs_f64())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_in_every_form_are_read_and_capped() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (name, value, expected) in [
            ("retry-after-ms", "1500", Some(1.5)),
            ("retry-after", "20", Some(20.0)),
            ("retry-after", " 2.5 ", Some(2.5)),
            ("retry-after", "99999999999999999999", Some(600.0)),
            ("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT", Some(10.0)),
            ("retry-after", "Sun, 06 Nov 1994 08:49:27 GMT", Some(0.0)),
            ("retry-after", "-1", None),
            ("retry-after", "NaN", None),
            ("retry-after", "soon", None),
        ] {
            let headers = HeaderMap::from_iter([(http::HeaderName::from_static(name), value.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs_f64), "{name}: {value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
