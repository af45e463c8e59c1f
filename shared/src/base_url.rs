//! Where an upstream is: parsed and repaired once, then trusted.
//!
//! A [`BaseUrl`] is the only way to an upstream's address, and only configuration makes one, so that no request can change where a
//! credential goes.

use std::fmt;

use http::Uri;

/// Scheme, host, port and the path that all of an upstream's paths share, without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    text: String,
    origin_len: usize,
}

/// Scheme, host and port: what a stored value is bound to. `https://api.openai.com` and `https://api.openai.com:443` are one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin(String);

impl Origin {
    /// The origin as text, the port left out where it is the scheme's own.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl BaseUrl {
    /// The whole URL, without a trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URL of a path below it. `path` begins with a slash and comes from an adapter, never from a request.
    #[must_use]
    pub fn with_path(&self, path: &str) -> Uri {
        let text = format!("{}{path}", self.text);
        // Both parts were checked before, so the whole is a URI; the bare path would be refused by the dialer.
        text.parse().unwrap_or_default()
    }

    /// Its origin.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin(self.text[..self.origin_len].to_owned())
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
