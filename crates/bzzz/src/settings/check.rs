//! Checks of single values: does the text have the shape that its key asks for.
//!
//! These look at the shape only. Whether a peer answers or a port is free shows when the node starts (`bzzz doctor`
//! asks earlier).

use std::net::SocketAddr;

use super::problem::nearest;

/// Roles with built-in analysers.
pub const ROLES: [&str; 5] = ["architect", "reviewer", "security", "performance", "documentation"];
/// Severities, as `review.fail_on` takes them.
pub const SEVERITIES: [&str; 4] = ["critical", "high", "medium", "low"];
/// Longest name of a node, an owner, a project or an agent, bytes.
pub const MAX_NAME: usize = 64;

/// A name as addresses carry it: `[a-zA-Z0-9_-]+`.
pub fn name(text: &str) -> Result<(), String> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if text.is_empty() || text.len() > MAX_NAME || !text.bytes().all(legal) {
        return Err(format!(
            "{text:?} is no name: 1 to {MAX_NAME} letters, digits, `-` or `_`"
        ));
    }
    if text == "any" {
        return Err("`any` means every name in an address, so nothing can be called that".to_owned());
    }
    Ok(())
}

/// Text for people: an owner. Any printable text on one line.
pub fn label(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > MAX_NAME || text.chars().any(char::is_control) {
        return Err(format!(
            "{text:?} is no label: 1 to {MAX_NAME} bytes of text on one line"
        ));
    }
    Ok(())
}

/// One of a few words.
pub fn word(text: &str, words: &[&str]) -> Result<(), String> {
    if words.contains(&text) {
        return Ok(());
    }
    let meant =
        nearest(text, words.iter().copied()).map_or_else(String::new, |meant| format!("; did you mean {meant:?}?"));
    Err(format!("{text:?} is none of {}{meant}", words.join(", ")))
}

/// `127.0.0.1:8080`, `[::1]:0`.
pub fn socket(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no address and port, as in 127.0.0.1:8080 or [::1]:8080"))
}

/// A libp2p multiaddress over TCP (multiformats specification), with a peer id where `peer` asks for one to dial.
pub fn multiaddr(text: &str) -> Result<(), String> {
    let bad = |why: &str| Err(format!("{text:?} is no address to use: {why}"));
    let Some(rest) = text.strip_prefix('/') else {
        return bad("it starts with `/`, as in /ip4/127.0.0.1/tcp/4001");
    };
    let mut parts = rest.split('/');
    let (mut host, mut tcp) = (false, false);
    while let Some(protocol) = parts.next() {
        let Some(value) = parts.next().filter(|value| !value.is_empty()) else {
            return bad(&format!("`{protocol}` has no value"));
        };
        let legal = match protocol {
            "ip4" => value.parse::<std::net::Ipv4Addr>().is_ok(),
            "ip6" => value.parse::<std::net::Ipv6Addr>().is_ok(),
            "dns" | "dns4" | "dns6" | "dnsaddr" => value.bytes().all(|byte| byte.is_ascii_graphic()),
            "tcp" => value.parse::<u16>().is_ok(),
            "p2p" => {
                return if parts.next().is_some() {
                    bad("nothing may follow /p2p/ID")
                } else {
                    peer_id(value)
                };
            }
            "udp" | "quic-v1" | "ws" | "wss" => {
                return bad(&format!("this build speaks TCP only, not `{protocol}`"));
            }
            _ => return bad(&format!("`{protocol}` is not known")),
        };
        if !legal {
            return bad(&format!("{value:?} is no value for `{protocol}`"));
        }
        host |= protocol != "tcp";
        tcp |= protocol == "tcp" || protocol == "dnsaddr";
    }
    if host && tcp {
        Ok(())
    } else {
        bad("a host and a TCP port are needed, as in /ip4/127.0.0.1/tcp/4001")
    }
}

/// A libp2p peer id in base58.
pub fn peer_id(text: &str) -> Result<(), String> {
    let base58 = |byte: u8| byte.is_ascii_alphanumeric() && !matches!(byte, b'0' | b'O' | b'I' | b'l');
    let shape = (text.len() == 52 && text.starts_with("12D3KooW")) || (text.len() == 46 && text.starts_with("Qm"));
    if shape && text.bytes().all(base58) {
        Ok(())
    } else {
        Err(format!(
            "{text:?} is no peer id (they look like 12D3KooW… and have 52 characters)"
        ))
    }
}

/// A hash in hex.
pub fn hex32(text: &str) -> Result<(), String> {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(())
    } else {
        Err(format!("{text:?} is no project id (64 hexadecimal digits)"))
    }
}

/// `sqlite:` or `memory:`.
pub fn store_url(text: &str) -> Result<(), String> {
    match text.split_once(':').map(|(scheme, _)| scheme) {
        Some("sqlite") if text == "sqlite:" => Ok(()),
        Some("sqlite") => Err("`sqlite:` takes nothing after the colon; `data` says which folder".to_owned()),
        Some("memory") if text == "memory:" => Ok(()),
        Some("memory") => Err("`memory:` takes nothing after the colon".to_owned()),
        Some("postgres" | "postgresql") => Err("this build has no PostgreSQL; it keeps its data in SQLite".to_owned()),
        _ => Err("not a store: `sqlite:` (in the data folder) or `memory:`".to_owned()),
    }
}

/// Hides the password and the query of a URL: both may carry secrets.
pub fn mask_url(text: &str) -> String {
    let (text, query) = text.split_once('?').map_or((text, false), |(text, _)| (text, true));
    let mut out = match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            format!("{}***{}", &text[..scheme + 3], &text[at..])
        }
        _ => text.to_owned(),
    };
    if query {
        out.push_str("?***");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiaddresses() {
        let id = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA";
        for good in [
            "/ip4/0.0.0.0/tcp/0",
            "/ip6/::1/tcp/4001",
            "/dns4/walnut/tcp/4001",
            &format!("/ip4/1.2.3.4/tcp/1/p2p/{id}"),
        ] {
            assert_eq!(multiaddr(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:4001",
            "/ip4/300.0.0.1/tcp/1",
            "/ip4/1.2.3.4",
            "/tcp/1",
            "/ip4/1.2.3.4/tcp/70000",
            "/ip4/1.2.3.4/udp/1/quic-v1",
            "/ip4/1.2.3.4/tcp/1/p2p/xyz",
            "/ip4/1.2.3.4/tcp/",
            "/foo/1",
        ] {
            assert!(multiaddr(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn urls_are_masked() {
        assert_eq!(
            mask_url("postgres://me:secret@host/db?sslpassword=x"),
            "postgres://***@host/db?***"
        );
        assert_eq!(mask_url("sqlite:"), "sqlite:");
    }

    #[test]
    fn words_name_the_nearest() {
        assert!(word("secrity", &ROLES).is_err_and(|error| error.contains("did you mean \"security\"")));
    }
}
