//! Are the ports free that the settings name?

use std::net::{IpAddr, SocketAddr, TcpListener};

use super::Check;
use crate::client::find;
use crate::settings::Settings;

/// One check for the API's port and one for each peer-to-peer address.
pub fn check(settings: &Settings) -> Vec<Check> {
    // The ports of the node that runs on this very folder are in use as they should be.
    let running = find::running(&settings.data).ok().flatten();
    let mut out = Vec::new();
    let api_runs = running
        .as_ref()
        .is_some_and(|status| status.http.trim_start_matches("http://") == settings.http_listen.to_string());
    out.push(if api_runs && try_bind(settings.http_listen).is_err() {
        Check::ok(
            "http port",
            format!("{} is used by the node that runs here", settings.http_listen),
        )
    } else {
        judge(
            "http port",
            settings.http_listen,
            "choose another one with --http or http.listen; port 0 takes a free one",
        )
    });
    for text in &settings.p2p.listen {
        let Some(address) = socket_of(text) else {
            continue;
        };
        let ours = running.as_ref().is_some_and(|status| {
            status
                .p2p
                .iter()
                .any(|other| socket_of(other).is_some_and(|other| other.port() == address.port()))
        });
        out.push(if ours && try_bind(address).is_err() {
            Check::ok("p2p port", format!("{text} is used by the node that runs here"))
        } else {
            judge(
                "p2p port",
                address,
                "choose another one with --p2p or p2p.listen; port 0 takes a free one",
            )
        });
    }
    out
}

fn judge(name: &'static str, address: SocketAddr, hint: &str) -> Check {
    match try_bind(address) {
        Ok(()) => Check::ok(name, format!("{address} is free")),
        Err(error) => Check::fail(name, format!("{address}: {error}"), hint),
    }
}

fn try_bind(address: SocketAddr) -> std::io::Result<()> {
    TcpListener::bind(address).map(drop)
}

/// The socket of `/ip4/…/tcp/…`; names cannot be listened on.
fn socket_of(text: &str) -> Option<SocketAddr> {
    let mut parts = text.trim_start_matches('/').split('/');
    let host: IpAddr = match (parts.next()?, parts.next()?) {
        ("ip4" | "ip6", host) => host.parse().ok()?,
        _ => return None,
    };
    (parts.next()? == "tcp").then_some(())?;
    Some(SocketAddr::new(host, parts.next()?.parse().ok()?))
}
