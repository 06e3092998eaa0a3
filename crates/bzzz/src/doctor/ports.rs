//! Are the ports free that the settings name?
//!
//! While a node runs on the data folder, its own ports are in use as they should be. It may listen elsewhere than the settings say, because flags win
//! over them: then what they name is no concern of the node that runs, and of the next start only.

use std::net::{IpAddr, SocketAddr, TcpListener};

use super::Check;
use crate::client::find;
use crate::settings::Settings;

/// One check for the API's port and one for each peer-to-peer address.
pub fn check(settings: &Settings) -> Vec<Check> {
    // What answers, and not what a crashed node left in its file: somebody else may have its ports by now.
    let running = find::answering(&settings.data).ok().flatten().map(|(_, status)| status);
    let http = |text: &str| text.trim_start_matches("http://").parse().ok();
    let api: Option<Vec<SocketAddr>> = running.as_ref().map(|status| http(&status.http).into_iter().collect());
    let peers: Option<Vec<SocketAddr>> = running
        .as_ref()
        .map(|status| status.p2p.iter().filter_map(|text| socket_of(text)).collect());
    let mut out = vec![judge(
        "http port",
        settings.http_listen,
        &settings.http_listen.to_string(),
        api.as_deref(),
        "choose another one with --http or http.listen; port 0 takes a free one",
    )];
    for text in &settings.p2p.listen {
        if let Some(address) = socket_of(text) {
            let hint = "choose another one with --p2p or p2p.listen; port 0 takes a free one";
            out.push(judge("p2p port", address, text, peers.as_deref(), hint));
        }
    }
    out
}

/// One address; `running` holds those of the node that runs here, if one does.
fn judge(name: &'static str, address: SocketAddr, text: &str, running: Option<&[SocketAddr]>, hint: &str) -> Check {
    let Err(error) = try_bind(address) else {
        return Check::ok(name, format!("{text} is free"));
    };
    match running {
        Some(running) if running.iter().any(|used| used.port() == address.port()) => {
            Check::ok(name, format!("{text} is used by the node that runs here"))
        }
        Some(running) => {
            let elsewhere: Vec<String> = running.iter().map(ToString::to_string).collect();
            Check::warn(
                name,
                format!(
                    "{text} is used by another program ({error}); the node that runs here listens on {}",
                    elsewhere.join(", ")
                ),
                format!("before it is started without those flags, {hint}"),
            )
        }
        None => Check::fail(name, format!("{text}: {error}"), hint),
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
