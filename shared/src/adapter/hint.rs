//! How long a provider asks to wait: from its headers, or from its body.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

use super::error_body::ErrorBody;
use crate::failure::Failure;

/// No provider can keep a credential away for longer than this.
pub(super) const MOST: Duration = Duration::from_secs(600);

/// The first of these that can be read, capped at ten minutes: `retry-after-ms`, `retry-after` in seconds or as an HTTP date (RFC 9110,
/// section 10.2.3), the body's `RetryInfo`, and, for a rate limit, when the limits that are used up begin anew.
pub(super) fn retry_after(
    headers: &HeaderMap,
    error: &ErrorBody,
    failure: Failure,
    now: SystemTime,
) -> Option<Duration> {
    let milliseconds = text(headers, "retry-after-ms").and_then(|text| seconds(text, 0.001));
    let hint = milliseconds
        .or_else(|| text(headers, "retry-after").and_then(|text| seconds(text, 1.0).or_else(|| date(text, now))))
        .or_else(|| error.retry_delay())
        .or_else(|| if failure == Failure::RateLimited { reset(headers, now) } else { None })?;
    Some(hint.min(MOST))
}

/// A span as providers write it: `37s`, `0.5s`, `120ms`, `6m0s`, `1h2m3s`; a bare number is seconds.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if let Some(bare) = seconds(rest, 1.0) {
        return Some(bare);
    }
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let letters = rest[digits..].find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len() - digits);
        let unit = match &rest[digits..digits + letters] {
            "ns" => 1e-9,
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            _ => return None,
        };
        sum = sum.saturating_add(seconds(&rest[..digits], unit)?);
        rest = &rest[digits + letters..];
    }
    (!text.trim().is_empty()).then_some(sum)
}

/// When the limits that are used up begin anew, the latest of them.
fn reset(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let is_used_up = |name: &str| text(headers, name) == Some("0");
    let of_openai = ["requests", "tokens"].into_iter().filter_map(|kind| {
        is_used_up(&format!("x-ratelimit-remaining-{kind}"))
            .then(|| text(headers, &format!("x-ratelimit-reset-{kind}")).and_then(duration))?
    });
    let of_anthropic = ["requests", "tokens", "input-tokens", "output-tokens"].into_iter().filter_map(|kind| {
        is_used_up(&format!("anthropic-ratelimit-{kind}-remaining"))
            .then(|| text(headers, &format!("anthropic-ratelimit-{kind}-reset")).and_then(|text| time(text, now)))?
    });
    of_openai.chain(of_anthropic).max()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

fn seconds(text: &str, unit: f64) -> Option<Duration> {
    let number: f64 = text.parse().ok()?;
    (number.is_finite() && number >= 0.0).then(|| Duration::from_secs_f64((number * unit).min(MOST.as_secs_f64())))
}

fn date(text: &str, now: SystemTime) -> Option<Duration> {
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// A time of RFC 3339.
fn time(text: &str, now: SystemTime) -> Option<Duration> {
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(SystemTime::from(time).duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    /// 1994-11-06 08:49:37 UTC.
    const NOW: Duration = Duration::from_secs(784_111_777);

    fn hint(headers: &[(&'static str, &'static str)], body: &str, failure: Failure) -> Option<f64> {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let error = ErrorBody::read(body.as_bytes());
        retry_after(&headers.collect(), &error, failure, SystemTime::UNIX_EPOCH + NOW).map(|hint| hint.as_secs_f64())
    }

    #[test]
    fn hints_in_every_form_are_read_and_capped() {
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
            assert_eq!(hint(&[(name, value)], "", Failure::RateLimited), expected, "{name}: {value}");
        }
        assert_eq!(hint(&[], "", Failure::RateLimited), None);
    }

    #[test]
    fn the_first_hint_that_can_be_read_counts() {
        let body = r#"{"error":{"details":[{"retryDelay":"37s"}]}}"#;
        let reset = [("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "9s")];
        let every = [("retry-after-ms", "1500"), ("retry-after", "20"), reset[0], reset[1]];
        assert_eq!(hint(&every, body, Failure::RateLimited), Some(1.5));
        assert_eq!(hint(&every[1..], body, Failure::RateLimited), Some(20.0));
        assert_eq!(hint(&every[2..], body, Failure::RateLimited), Some(37.0));
        assert_eq!(hint(&every[2..], "", Failure::RateLimited), Some(9.0));
        assert_eq!(hint(&[("retry-after-ms", "x"), ("retry-after", "20")], "", Failure::RateLimited), Some(20.0));
    }

    #[test]
    fn a_reset_counts_only_where_nothing_remains_and_the_rate_is_what_failed() {
        let used_up = [("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "6m0s")];
        assert_eq!(hint(&used_up, "", Failure::RateLimited), Some(360.0));
        assert_eq!(hint(&used_up, "", Failure::Rejected), None);
        let left = [("x-ratelimit-remaining-tokens", "1"), ("x-ratelimit-reset-tokens", "6m0s")];
        assert_eq!(hint(&left, "", Failure::RateLimited), None);
        let both = [
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "1s"),
            ("anthropic-ratelimit-input-tokens-remaining", "0"),
            ("anthropic-ratelimit-input-tokens-reset", "1994-11-06T08:50:07Z"),
            ("anthropic-ratelimit-requests-remaining", "5"),
            ("anthropic-ratelimit-requests-reset", "1994-11-06T08:59:07Z"),
        ];
        assert_eq!(hint(&both, "", Failure::RateLimited), Some(30.0));
    }

    #[test]
    fn a_limit_of_a_day_is_worth_the_longest_wait() {
        let body = r#"{"error":{"details":[
            {"violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},
            {"retryDelay":"3s"}]}}"#;
        assert_eq!(hint(&[], body, Failure::RateLimited), Some(600.0));
    }

    #[test]
    fn spans_are_read_as_providers_write_them() {
        for (text, expected) in [
            ("37s", Some(37.0)),
            ("0.5s", Some(0.5)),
            ("120ms", Some(0.12)),
            ("6m0s", Some(360.0)),
            ("1m30.5s", Some(90.5)),
            ("12", Some(12.0)),
            ("0s", Some(0.0)),
            ("9999999d", Some(600.0)),
            ("", None),
            ("s", None),
            ("5", Some(5.0)),
            ("5 s", None),
            ("5y", None),
            ("1s2", None),
            ("é", None),
            ("1é", None),
            ("..s", None),
            ("-1s", None),
        ] {
            assert_eq!(duration(text).map(|span| span.as_secs_f64()), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_reading(text in "\\PC{0,20}") {
            let _ = duration(&text);
        }
    }
}
