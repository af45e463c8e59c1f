//! Where an upstream is: parsed and repaired once, then trusted.
//!
//! A [`BaseUrl`] is the only way to an upstream's address, and only configuration makes one, so that no request can change where a
//! credential goes. What is read here in two ways by two parsers is refused rather than repaired.

mod region;
mod repair;
mod suggestion;

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use url::{Host, Url};

use crate::adapter::AdapterKind;
use crate::address::{AddressPolicy, RefusedAddress, embedded};

pub use region::{NotARegion, check_region};
pub use suggestion::{LikelyFix, WrongAnswer, likely_fix};

/// Scheme, host, port and the path that all of an upstream's paths share, without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    text: String,
    origin_len: usize,
}

/// Scheme, host and port: what a stored value is bound to. `https://api.openai.com` and `https://api.openai.com:443` are one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin(String);

/// Why a text is not a base URL that may be used. Each says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// Nothing was given.
    #[error("give the base URL of the upstream's API, such as https://api.example.com/v1")]
    Empty,
    /// It has more than [`MAX_BYTES`] bytes.
    #[error("use at most {MAX_BYTES} bytes")]
    TooLong,
    /// It does not begin with `https://` or `http://`.
    #[error("begin with https:// and the host, such as https://api.example.com/v1")]
    Scheme,
    /// It is plain `http`, which this installation does not allow.
    #[error("use https://; plain http needs --allow-private-upstreams")]
    PlainHttp,
    /// It names no host, or one that no DNS name or address can be.
    #[error("name the host by its DNS name or its address, with a port from 1 to 65535 if any")]
    Host,
    /// It holds a user name or a password.
    #[error("leave out the user name and the password; give the key as a credential instead")]
    UserInfo,
    /// It holds a query or a fragment.
    #[error("leave out everything from ? or # on")]
    QueryOrFragment,
    /// It is where a vendor speaks OpenAI's API beside its own, and the adapter is that of its own.
    #[error("use the adapter openai for that path, which speaks OpenAI's API, or leave the path out")]
    OpenAiPath,
    /// It holds spaces, control characters or a backslash.
    #[error("leave out spaces, control characters and backslashes")]
    Character,
    /// Its host is an address in a form that different programs read differently.
    #[error("write the address in its usual form, {0}")]
    OddAddress(IpAddr),
    /// Its host is a name of an instance metadata service.
    #[error("{0} is a metadata service, which is never called")]
    MetadataName(String),
    /// Its host is a name of the machine itself, which this installation does not allow.
    #[error("{0} is this machine itself, which needs --allow-private-upstreams")]
    LoopbackName(String),
    /// Its host is an address that may not be called.
    #[error(transparent)]
    Refused(#[from] RefusedAddress),
}

/// The most bytes that a base URL may have.
pub const MAX_BYTES: usize = 2048;

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
    /// Reads and repairs what an admin wrote, by the adapter: spaces around it, trailing slashes and the path of an endpoint go; OpenAI's
    /// bare host gets its `/v1`, and the bare name of an Azure resource its host. What it gives is read to the same again.
    ///
    /// # Errors
    ///
    /// When it is not a base URL, or one that may not be called; the error says what to do.
    pub fn parse(adapter: AdapterKind, text: &str, policy: AddressPolicy) -> Result<Self, BaseUrlError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(BaseUrlError::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(BaseUrlError::TooLong);
        }
        let text = repair::text(adapter, text);
        let given_host = given_host(&text)?;
        let url = Url::parse(&text).map_err(|_| BaseUrlError::Host)?;
        if url.scheme() == "http" && policy == AddressPolicy::Public {
            return Err(BaseUrlError::PlainHttp);
        }
        let host = checked_host(&url, given_host, policy)?;
        Self::assemble(&url, &host, adapter)
    }

    fn assemble(url: &Url, host: &str, adapter: AdapterKind) -> Result<Self, BaseUrlError> {
        let port = match url.port() {
            Some(0) => return Err(BaseUrlError::Host),
            Some(port) => format!(":{port}"),
            None => String::new(),
        };
        let origin = format!("{}://{host}{port}", url.scheme());
        let path = repair::path(adapter, &origin, url.path())?;
        let base = Self { origin_len: origin.len(), text: origin + path };
        if base.text.len() > MAX_BYTES {
            return Err(BaseUrlError::TooLong);
        }
        // The dialer's own type has to take it too, with a path below it.
        format!("{}/x", base.text).parse::<Uri>().map_err(|_| BaseUrlError::Host)?;
        Ok(base)
    }

    /// The whole URL, without a trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URL of a path below it. `path` begins with a slash and comes from an adapter, or is a request's that
    /// [`is_plain_path`](crate::adapter::is_plain_path) takes.
    #[must_use]
    pub fn with_path(&self, path: &str) -> Uri {
        let text = format!("{}{path}", self.text);
        // Both parts were checked before, so the whole is a URI; the bare path would be refused by the dialer.
        text.parse().unwrap_or_default()
    }

    /// Its path, without a trailing slash; empty where it has none.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.text[self.origin_len..]
    }

    /// Its host, without the port.
    #[must_use]
    pub fn host(&self) -> &str {
        let origin = &self.text[..self.origin_len];
        let authority = origin.split_once("://").map_or(origin, |(_, authority)| authority);
        match authority.rsplit_once(':') {
            // A colon inside brackets is an address's own.
            Some((host, port)) if !port.ends_with(']') => host,
            _ => authority,
        }
    }

    /// The same without an ending of its path; itself where it has no such ending.
    #[must_use]
    pub fn without_ending(&self, ending: &str) -> Self {
        let path = self.path();
        let kept = path.strip_suffix(ending).unwrap_or(path).len();
        Self { text: self.text[..self.origin_len + kept].to_owned(), origin_len: self.origin_len }
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

/// The host as it was written, without its port. The URL parser repairs much (`https:/host`, tabs, backslashes); where another parser
/// might read another host, the text is refused before it.
fn given_host(text: &str) -> Result<&str, BaseUrlError> {
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(BaseUrlError::Character);
    }
    let (scheme, rest) = text.split_once("://").ok_or(BaseUrlError::Scheme)?;
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return Err(BaseUrlError::Scheme);
    }
    if rest.contains(['?', '#']) {
        return Err(BaseUrlError::QueryOrFragment);
    }
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return Err(BaseUrlError::UserInfo);
    }
    let host = match authority.split_once(']') {
        Some((address, _)) => &authority[..=address.len()],
        None => authority.split(':').next().unwrap_or_default(),
    };
    // An escaped host is read by some programs and not by others.
    if host.is_empty() || host.contains('%') { Err(BaseUrlError::Host) } else { Ok(host) }
}

/// The host in its one form: an address as `given` has it, a name in lower case, by IDNA, without the root's dot.
fn checked_host(url: &Url, given: &str, policy: AddressPolicy) -> Result<String, BaseUrlError> {
    match url.host().ok_or(BaseUrlError::Host)? {
        Host::Ipv4(address) => {
            if given != address.to_string() {
                return Err(BaseUrlError::OddAddress(address.into()));
            }
            policy.check(address.into())?;
            Ok(given.to_owned())
        }
        Host::Ipv6(address) => {
            if let Some(inner) = embedded(address) {
                return Err(BaseUrlError::OddAddress(inner.into()));
            }
            policy.check(address.into())?;
            Ok(format!("[{address}]"))
        }
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            check_name(name, policy)?;
            Ok(name.to_owned())
        }
    }
}

fn check_name(name: &str, policy: AddressPolicy) -> Result<(), BaseUrlError> {
    let good_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    if name.len() > 253 || !name.split('.').all(good_label) {
        return Err(BaseUrlError::Host);
    }
    // Their addresses are refused by the dialer in any case; the name gets an answer at once.
    if matches!(
        name,
        "metadata" | "metadata.google.internal" | "metadata.goog" | "instance-data" | "instance-data.ec2.internal"
    ) {
        return Err(BaseUrlError::MetadataName(name.to_owned()));
    }
    if (name == "localhost" || name.ends_with(".localhost")) && policy == AddressPolicy::Public {
        return Err(BaseUrlError::LoopbackName(name.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
