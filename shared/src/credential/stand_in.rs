//! Token endpoints on this machine itself, which stand in for Google's and Microsoft's in tests.
//!
//! A value names where its tokens are minted, and nothing but the providers' own hosts is taken from it, with one exception: plain `http`
//! at a loopback address, written as one. The dialer calls neither plain `http` nor loopback unless the installation allows private
//! upstreams, and then what is sent does not leave the machine. So no check by a policy is needed where values are read.

use std::net::IpAddr;

use http::Uri;
use http::uri::Scheme;

/// Whether a URI is such a place. A name never is: a resolver could say that it is elsewhere.
pub(super) fn is_on_this_machine(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    uri.scheme() == Some(&Scheme::HTTP)
        && host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        && !uri.authority().is_some_and(|authority| authority.as_str().contains('@'))
        && uri.query().is_none()
}
