//! Which network addresses may be called: the rules against server-side request forgery, used when a base URL is parsed and again, on the
//! address itself, when it is dialled.
//!
//! Sources: the IANA special-purpose address registries (RFC 6890), RFC 6052 (NAT64), RFC 3056 (6to4), and the cloud vendors' pages on
//! instance metadata, read in autumn 2026.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which addresses an installation may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressPolicy {
    /// Public ones, over TLS.
    Public,
    /// Loopback and private networks too, and plain `http`: `--allow-private-upstreams`.
    AllowPrivate,
}

/// What kind of address it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Anybody's.
    Public,
    /// Loopback, private, or set aside for tests and documents.
    Private,
    /// Link-local, instance metadata, multicast, unspecified: no upstream is ever there.
    Forbidden,
}

/// Why an address may not be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefusedAddress {
    /// Link-local, instance metadata, multicast or unspecified: refused always.
    #[error("{0} is a link-local, metadata or reserved address, which is never called")]
    Never(IpAddr),
    /// Loopback or private: refused unless the installation allows it.
    #[error("{0} is a loopback or private address, which needs --allow-private-upstreams")]
    Private(IpAddr),
}

impl AddressPolicy {
    /// Whether an address may be called.
    ///
    /// # Errors
    ///
    /// When it may not, with the reason.
    pub fn check(self, address: IpAddr) -> Result<(), RefusedAddress> {
        match (class(address), self) {
            (Class::Forbidden, _) => Err(RefusedAddress::Never(address)),
            (Class::Private, Self::Public) => Err(RefusedAddress::Private(address)),
            (Class::Private, Self::AllowPrivate) | (Class::Public, _) => Ok(()),
        }
    }
}

/// The IPv4 address inside an IPv6 one that stands for it: mapped, compatible, NAT64, 6to4.
pub(crate) fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let joined = |high: u16, low: u16| Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) => joined(g, h),
        // `::` and `::1` are IPv6's own.
        (0, 0, 0, 0, 0, 0) if g != 0 || h > 1 => joined(g, h),
        // RFC 2765's translated form, which Linux routes like the mapped one on some systems.
        (0, 0, 0, 0, 0xffff, 0) => joined(g, h),
        (0x64, 0xff9b, 0, 0, 0, 0) => joined(g, h),
        (0x2002, ..) => joined(b, c),
        _ => None,
    }
}

fn class(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(address) => class_v4(address),
        IpAddr::V6(address) => match embedded(address) {
            Some(inner) => class_v4(inner),
            None => class_v6(address),
        },
    }
}

fn class_v4(address: Ipv4Addr) -> Class {
    match address.octets() {
        // "This network" reaches the host itself on Linux; then link-local with most clouds' metadata, multicast and reserved.
        [0, ..] | [169, 254, ..] | [224..=255, ..] => Class::Forbidden,
        // Metadata outside the link-local range: Alibaba, Azure's wire server, Oracle.
        [100, 100, 100, 200] | [168, 63, 129, 16] | [192, 0, 0, 192] => Class::Forbidden,
        [127 | 10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Class::Private,
        // Protocol assignments, documentation, 6to4 relays, benchmarks.
        [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [192, 88, 99, _] | [198, 18 | 19, ..] => {
            Class::Private
        }
        _ => Class::Public,
    }
}

fn class_v6(address: Ipv6Addr) -> Class {
    let [a, b, c, ..] = address.segments();
    match (a, b) {
        _ if address.is_loopback() => Class::Private,
        // Amazon's and Google's metadata services.
        (0xfd00, 0xec2) | (0xfd20, 0xce) => Class::Forbidden,
        // Unique local and the old site-local addresses, and a network's own NAT64 prefix, of which we can't tell what is behind it.
        (0xfc00..=0xfdff | 0xfec0..=0xfeff, _) => Class::Private,
        (0x64, 0xff9b) if c == 1 => Class::Private,
        // Teredo hides an IPv4 address of its sender's choice.
        (0x2001, 0) => Class::Forbidden,
        // Other protocol assignments, and documentation.
        (0x2001, 1..=0x1ff | 0xdb8) | (0x3fff, 0..=0xfff) => Class::Private,
        // All other public addresses are in 2000::/3.
        (0x2000..=0x3fff, _) => Class::Public,
        _ => Class::Forbidden,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(address: &str) -> (bool, bool) {
        let address = address.parse().unwrap();
        (AddressPolicy::Public.check(address).is_ok(), AddressPolicy::AllowPrivate.check(address).is_ok())
    }

    #[test]
    fn public_addresses_may_be_called() {
        for address in
            ["8.8.8.8", "104.18.6.192", "172.15.0.1", "172.32.0.1", "100.63.0.1", "169.253.1.1", "2606:4700::6810:1"]
        {
            assert_eq!(outcome(address), (true, true), "{address}");
        }
        // A network with DNS64 gives public services such addresses.
        assert_eq!(outcome("64:ff9b::808:808"), (true, true));
    }

    #[test]
    fn loopback_and_private_addresses_need_leave() {
        for address in [
            "127.0.0.1",
            "127.255.255.254",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "::1",
            "fc00::1",
            "fd12:3456::1",
            "fec0::1",
            "2001:db8::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
        ] {
            assert_eq!(outcome(address), (false, true), "{address}");
        }
    }

    #[test]
    fn link_local_and_metadata_addresses_are_never_called() {
        for address in [
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "fe80::a9fe:a9fe",
            "febf::1",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "ff02::1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::",
            "2001::1",
            "100::1",
            "4000::1",
        ] {
            assert_eq!(outcome(address), (false, false), "{address}");
        }
    }
}
