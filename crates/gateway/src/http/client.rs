//! Whose request it is, when proxies stand in between.
//!
//! The peer's own address is the only thing a client cannot choose. When the peer is a trusted proxy, what that
//! proxy appended is as good as the peer's address, and so on from right to left: the first address that is not
//! a trusted proxy is the client. Everything further left was written by the client and is never looked at.
//! An entry that is no address ends the walk; the last good address counts then.
//!
//! `X-Forwarded-For` is used when there is any; else `Forwarded` (RFC 7239). A proxy that writes `Forwarded` must
//! therefore remove `X-Forwarded-For`, as nearly every proxy writes the latter and leaves the former alone.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName};
use ipnet::IpNet;

pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Who sent a request: an extension of every request that reaches the fallback service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// The client behind the trusted proxies. An IPv4 address inside an IPv6 one is written as IPv4.
    pub address: IpAddr,
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// Whether the connection itself is encrypted.
    pub encrypted: bool,
}

impl Client {
    /// Who sent a request with these headers over a connection from `peer`.
    pub fn of(peer: SocketAddr, headers: &HeaderMap, trusted: &[IpNet], encrypted: bool) -> Self {
        Self { address: address(peer.ip(), headers, trusted), peer, encrypted }
    }
}

/// The client's address, from the peer's address and the headers its proxies may have added.
pub(crate) fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return peer;
    }
    if headers.contains_key(X_FORWARDED_FOR) {
        let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
        let hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')).map(hop);
        return first_untrusted(peer, hops, trusted);
    }
    let lines = headers.get_all(FORWARDED).iter().rev();
    let hops = lines.flat_map(|line| forwarded_hops(line.as_bytes()).into_iter().rev());
    first_untrusted(peer, hops, trusted)
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&address))
}

fn first_untrusted(peer: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>, trusted: &[IpNet]) -> IpAddr {
    let mut last_good = peer;
    for hop in hops {
        let Some(address) = hop else { break };
        last_good = address;
        if !is_trusted(address, trusted) {
            break;
        }
    }
    last_good
}

/// One node as proxies write it: an address, `address:port` (IPv4 only) or `[address]` with or without port.
fn hop(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim_matches([' ', '\t']);
    let address = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            (port.is_empty() || is_port(port.strip_prefix(':')?)).then_some(())?;
            IpAddr::V6(address.parse().ok()?)
        }
        None => match text.split_once(':') {
            Some((address, port)) if is_port(port) => IpAddr::V4(address.parse().ok()?),
            _ => text.parse().ok()?,
        },
    };
    Some(address.to_canonical())
}

/// A port, or the obfuscated one RFC 7239 allows (`_` and some letters). A bare IPv6 address never ends in one
/// alone, as it has two colons at least.
fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok() || (text.starts_with('_') && !text.contains(':'))
}

/// The hops of one `Forwarded` line from left to right; one entry is `None` when it names no address.
///
/// A line that breaks the grammar is one `None`: quotes reach over commas, so nothing in such a line can be told
/// apart from what the client put there.
fn forwarded_hops(line: &[u8]) -> Vec<Option<IpAddr>> {
    parse_forwarded(line).unwrap_or_else(|| vec![None])
}

fn parse_forwarded(line: &[u8]) -> Option<Vec<Option<IpAddr>>> {
    let mut hops = Vec::new();
    let mut current = None;
    let mut rest = trim(line);
    loop {
        let equals = rest.iter().position(|byte| *byte == b'=')?;
        let name = trim(&rest[..equals]);
        if name.is_empty() || !name.iter().copied().all(is_token) {
            return None;
        }
        let (value, after) = value(&rest[equals + 1..])?;
        if name.eq_ignore_ascii_case(b"for") {
            current = hop(&value);
        }
        let after = trim(after);
        match after.first() {
            None => break,
            Some(b';') => {}
            Some(b',') => hops.push(current.take()),
            Some(_) => return None,
        }
        rest = trim(&after[1..]);
    }
    hops.push(current);
    Some(hops)
}

/// One value, a token or a quoted string without its quotes, and what follows it.
fn value(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        // Strictly `:`, `[` and `]` need quotes; many proxies leave them off, and nothing is ambiguous.
        let end =
            text.iter().position(|byte| !is_token(*byte) && !b":[]".contains(byte)).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_vec(), &text[end..]));
    };
    let mut value = Vec::new();
    let mut bytes = quoted.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some((value, &quoted[at + 1..])),
            b'\\' => value.push(*bytes.next()?.1),
            byte => value.push(*byte),
        }
    }
    None
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn trim(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const CLIENT: &str = "198.51.100.7";

    /// What the client sent and a trusted proxy appended to, on the same line or the next.
    fn behind_proxy(name: &'static str, sent: &[u8], same_line: bool, appended: &str) -> Option<IpAddr> {
        let mut map = HeaderMap::new();
        if same_line {
            let line = [sent, b", ", appended.as_bytes()].concat();
            map.append(name, HeaderValue::from_bytes(&line).ok()?);
        } else {
            map.append(name, HeaderValue::from_bytes(sent).ok()?);
            map.append(name, HeaderValue::from_str(appended).ok()?);
        }
        Some(address([10, 0, 0, 1].into(), &map, &["10.0.0.0/8".parse().unwrap()]))
    }

    proptest! {
        #[test]
        fn whatever_a_client_sends_its_address_is_what_the_proxy_saw(
            sent in "([0-9a-f:.]{0,9}|[\\[\\]\";,=\\\\ ]|for=|[!-~]){0,12}",
            same_line: bool,
            quoted: bool,
        ) {
            let found = behind_proxy("x-forwarded-for", sent.as_bytes(), same_line, CLIENT);
            prop_assert_eq!(found, Some(CLIENT.parse().unwrap()));
            let appended = if quoted { format!("for=\"{CLIENT}:80\"") } else { format!("for={CLIENT}") };
            let found = behind_proxy("forwarded", sent.as_bytes(), same_line, &appended);
            let honest = [CLIENT.parse().unwrap(), IpAddr::from([10, 0, 0, 1])];
            prop_assert!(found.is_some_and(|found| honest.contains(&found)), "{:?}", found);
        }
    }

    const TRUSTED: &[&str] = &["10.0.0.0/8", "2001:db8:ffff::/48"];

    fn check(peer: &str, headers: &[(&'static str, &str)], expected: &str) {
        let trusted: Vec<IpNet> = TRUSTED.iter().map(|net| net.parse().unwrap()).collect();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let found = address(peer.parse().unwrap(), &map, &trusted);
        assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{peer} {headers:?}");
    }

    fn xff(value: &str, expected: &str) {
        check("10.0.0.1", &[("x-forwarded-for", value)], expected);
    }

    fn forwarded(value: &str, expected: &str) {
        check("10.0.0.1", &[("forwarded", value)], expected);
    }

    #[test]
    fn a_peer_that_is_not_trusted_is_the_client_whatever_it_claims() {
        check("8.8.8.8", &[], "8.8.8.8");
        check("8.8.8.8", &[("x-forwarded-for", "1.2.3.4")], "8.8.8.8");
        check("8.8.8.8", &[("forwarded", "for=1.2.3.4")], "8.8.8.8");
        check("::ffff:8.8.8.8", &[("x-forwarded-for", "1.2.3.4")], "8.8.8.8");
        check("2001:db8::1", &[("x-forwarded-for", "1.2.3.4")], "2001:db8::1");
    }

    #[test]
    fn the_rightmost_untrusted_address_wins() {
        xff("1.2.3.4", "1.2.3.4");
        xff("6.6.6.6, 1.2.3.4", "1.2.3.4");
        xff("6.6.6.6, 1.2.3.4, 10.9.9.9", "1.2.3.4");
        xff("10.1.1.1, 10.2.2.2", "10.1.1.1");
        xff("1.2.3.4,10.2.2.2 ,\t2001:db8:ffff::7", "1.2.3.4");
        check("10.0.0.1", &[], "10.0.0.1");
        check("::ffff:10.0.0.1", &[("x-forwarded-for", "1.2.3.4")], "1.2.3.4");
        check("2001:db8:ffff::1", &[("x-forwarded-for", "1.2.3.4")], "1.2.3.4");
    }

    #[test]
    fn all_lines_count_in_their_order() {
        let lines = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "1.2.3.4, 10.2.2.2")];
        check("10.0.0.1", &lines, "1.2.3.4");
        let lines = [("x-forwarded-for", "1.2.3.4"), ("x-forwarded-for", "10.2.2.2")];
        check("10.0.0.1", &lines, "1.2.3.4");
        check("10.0.0.1", &[("forwarded", "for=6.6.6.6"), ("forwarded", "for=1.2.3.4")], "1.2.3.4");
    }

    #[test]
    fn ports_brackets_and_mapped_addresses() {
        xff("1.2.3.4:5678", "1.2.3.4");
        xff("[2001:db8::5]:443", "2001:db8::5");
        xff("[2001:db8::5]", "2001:db8::5");
        xff("2001:db8::5", "2001:db8::5");
        xff("::ffff:1.2.3.4", "1.2.3.4");
        xff("::1", "::1");
    }

    #[test]
    fn what_is_no_address_ends_the_walk_at_the_last_good_one() {
        xff("6.6.6.6, unknown", "10.0.0.1");
        xff("6.6.6.6, unknown, 10.3.3.3", "10.3.3.3");
        xff("6.6.6.6,,10.3.3.3", "10.3.3.3");
        xff("", "10.0.0.1");
        xff("1.2.3.4:", "10.0.0.1");
        xff("1.2.3.4:99999", "10.0.0.1");
        xff("[2001:db8::5", "10.0.0.1");
        xff("[2001:db8::5]x", "10.0.0.1");
        xff("[1.2.3.4]", "10.0.0.1");
        xff("fe80::1%eth0", "10.0.0.1");
        xff("1.2.3.4 5.6.7.8", "10.0.0.1");
        xff("01.2.3.4", "10.0.0.1");
    }

    #[test]
    fn the_standard_header() {
        forwarded("for=1.2.3.4", "1.2.3.4");
        forwarded("For=\"1.2.3.4:80\";proto=https;by=10.0.0.1", "1.2.3.4");
        forwarded("proto=https ; for = x", "10.0.0.1");
        forwarded("for=6.6.6.6, for=\"[2001:db8::5]:4711\"", "2001:db8::5");
        forwarded("for=[2001:db8::5]", "2001:db8::5");
        forwarded("for=\"\\1.2.3.4\"", "1.2.3.4");
        forwarded("for=1.2.3.4, for=10.2.2.2;proto=http", "1.2.3.4");
        forwarded("for=\"1.2.3.4:_x1\"", "1.2.3.4");
        forwarded("for=6.6.6.6, for=unknown", "10.0.0.1");
        forwarded("for=6.6.6.6, for=_hidden, for=10.4.4.4", "10.4.4.4");
        forwarded("for=6.6.6.6, proto=https", "10.0.0.1");
        forwarded("", "10.0.0.1");
        forwarded("for=", "10.0.0.1");
    }

    #[test]
    fn quotes_that_reach_into_what_the_proxy_added_deceive_nobody() {
        forwarded("for=6.6.6.6;x=\", for=1.2.3.4", "10.0.0.1");
        forwarded("for=6.6.6.6;x=\", for=\"[2001:db8::5]:1\"", "10.0.0.1");
        forwarded("for=6.6.6.6;x=\"\\\", for=\"1.2.3.4\"", "10.0.0.1");
        forwarded("for=6.6.6.6, for=\"1.2.3.4", "10.0.0.1");
    }

    #[test]
    fn the_usual_header_goes_before_the_standard_one() {
        let both = [("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "1.2.3.4")];
        check("10.0.0.1", &both, "1.2.3.4");
    }
}
