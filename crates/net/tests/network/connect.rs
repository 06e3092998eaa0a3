//! Who gets in: addresses, lists, the private key, limits.

use std::time::Duration;

use bzzz_net::{DialError, Net, NetError, Warning};

use crate::support::{Answers, config, loopback, node, peer, seed, start, until};

#[tokio::test]
async fn a_port_in_use_is_named_with_the_remedy() {
    let a = node(1, &[]).await;
    let mut second = config(2, &[]);
    second.listen = vec![a.addr.clone()];
    let error = Net::start(second).await.expect_err("the port is taken");
    assert!(matches!(error, NetError::PortInUse { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains(&a.addr.to_string()) && text.contains("another port"),
        "{text}"
    );
}

#[tokio::test]
async fn bad_listen_addresses_are_refused() {
    for (address, expected) in [
        ("/ip4/127.0.0.1/udp/1/quic-v1", "of the form"),
        // TEST-NET-3 (RFC 5737): never an address of this machine.
        ("/ip4/203.0.113.77/tcp/0", "one of this machine"),
    ] {
        let mut bad = config(1, &[]);
        bad.listen = vec![address.parse().expect("an address")];
        let error = Net::start(bad).await.expect_err("refused").to_string();
        assert!(error.contains(address) && error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn connections_tell_who_and_from_where() {
    let a = node(1, &[]).await;
    let b = node(2, &[&a.full_addr()]).await;
    b.wait_connected(a.peer).await;
    a.wait_connected(b.peer).await;
    until("told", async || a.read(|seen| !seen.connects.is_empty())).await;
    until("told", async || b.read(|seen| !seen.connects.is_empty())).await;
    assert_eq!(a.read(|seen| seen.connects.clone()), [(b.peer, false, true)]);
    assert_eq!(b.read(|seen| seen.connects.clone()), [(a.peer, true, true)]);
    until("identified", async || {
        let peers = a.net.peers().await;
        let agent = peers.first().and_then(|info| info.agent_version.clone());
        agent.is_some_and(|agent| agent.starts_with("bzzz/"))
    })
    .await;
    assert_eq!(a.net.metrics().peers_connected, 1);
    assert!(a.net.disconnect(b.peer).await);
    until("told", async || b.read(|seen| seen.disconnects == [a.peer])).await;
    // A static peer is dialled again.
    until("back again", async || a.read(|seen| seen.connects.len() == 2)).await;
}

#[tokio::test]
async fn a_peer_that_is_not_up_yet_is_dialled_until_it_is() {
    // A port that is free: taken and given back.
    let probe = node(1, &[]).await;
    let address = probe.addr.clone();
    probe.net.shutdown().await;

    let early = node(2, &[&address]).await;
    until("a first dial failed", async || early.net.metrics().dials_failed >= 2).await;
    let warnings = early.read(|seen| seen.warnings.clone());
    assert_eq!(warnings.len(), 1, "told once: {warnings:?}");
    assert!(
        matches!(&warnings[0], Warning::PeerUnreachable { address: at, reason }
        if *at == address && reason.contains("refused") && !reason.starts_with(':') && reason.lines().count() == 1),
        "{warnings:?}"
    );

    let mut late = config(1, &[]);
    late.listen = vec![address];
    let late = start(late, Answers::Echo).await;
    early.wait_connected(late.peer).await;
    early.echo(late.peer, b"at last").await;
}

#[tokio::test]
async fn a_peer_list_may_hold_the_node_itself() {
    // One list for all nodes of a cluster is how people write it.
    let a = node(1, &[]).await;
    let probe = node(2, &[]).await;
    let own = probe.addr.clone();
    probe.net.shutdown().await;
    let mut settings = config(2, &[&own, &a.addr]);
    settings.listen = vec![own];
    let b = start(settings, Answers::Echo).await;
    b.wait_connected(a.peer).await;
    assert!(b.read(|seen| seen.warnings.is_empty()));
    assert_eq!(b.net.metrics().dials_failed, 0);
}

#[tokio::test]
async fn dialling_by_hand_reports_the_outcome() {
    let a = node(1, &[]).await;
    let b = node(2, &[]).await;
    assert_eq!(b.net.dial(a.addr.clone()).await, Ok(a.peer));
    assert_eq!(b.net.dial(a.full_addr()).await, Ok(a.peer), "connected already");
    let wrong = format!("{}/p2p/{}", a.addr, peer(9)).parse().expect("an address");
    let error = b.net.dial(wrong).await.expect_err("somebody else").to_string();
    assert!(error.contains(&a.peer.to_string()), "{error}");
    let own = b.net.dial(b.addr.clone()).await.expect_err("itself").to_string();
    assert!(own.contains("the node itself"), "{own}");
}

#[tokio::test]
async fn a_peer_list_with_an_outdated_identity_does_no_harm() {
    let a = node(1, &[]).await;
    let outdated = format!("{}/p2p/{}", a.addr, peer(9)).parse().expect("an address");
    let b = node(2, &[&outdated, &a.addr]).await;
    until("told", async || {
        let is_told = |warning: &Warning| matches!(warning, Warning::WrongPeer { obtained, .. } if *obtained == a.peer);
        b.read(|seen| seen.warnings.iter().any(is_told))
    })
    .await;
    b.wait_connected(a.peer).await;
    // Time enough for several dials, if there were any.
    let failed = b.net.metrics().dials_failed;
    let opened = b.net.metrics().connections_opened;
    let start = std::time::Instant::now();
    until("a while", async || start.elapsed().as_secs() >= 2).await;
    assert!(b.net.metrics().dials_failed <= failed + 1);
    assert!(b.net.metrics().connections_opened <= opened + 1);
    b.wait_connected(a.peer).await;
    b.echo(a.peer, b"fine").await;
}

#[tokio::test]
async fn only_allowed_peers_get_in() {
    let mut closed = config(1, &[]);
    closed.allow = Some(vec![peer(2)]);
    let closed = start(closed, Answers::Echo).await;
    let stranger = node(3, &[&closed.addr]).await;
    let friend = node(2, &[&closed.addr]).await;
    friend.wait_connected(closed.peer).await;
    friend.echo(closed.peer, b"hello").await;
    until("the stranger was turned away", async || {
        closed.net.metrics().connections_refused >= 2
    })
    .await;
    assert!(closed.read(|seen| seen.connects.iter().all(|(who, ..)| *who == friend.peer)));
    assert!(!closed.is_connected(stranger.peer).await);
}

#[tokio::test]
async fn denied_and_banned_peers_stay_out() {
    let mut wary = config(1, &[]);
    wary.deny = vec![peer(3)];
    let wary = start(wary, Answers::Echo).await;
    let denied = node(3, &[&wary.addr]).await;
    let other = node(2, &[&wary.addr]).await;
    other.wait_connected(wary.peer).await;
    until("refused", async || wary.net.metrics().connections_refused >= 1).await;
    assert!(!wary.is_connected(denied.peer).await);

    assert!(wary.net.ban(other.peer).await);
    assert!(!wary.net.ban(other.peer).await, "banned already");
    until("thrown out", async || {
        wary.read(|seen| seen.disconnects == [other.peer])
    })
    .await;
    let refused = wary.net.metrics().connections_refused;
    until("and kept out", async || {
        wary.net.metrics().connections_refused > refused
    })
    .await;
    assert!(!wary.is_connected(other.peer).await);

    assert!(wary.net.unban(other.peer).await);
    wary.wait_connected(other.peer).await;
}

#[tokio::test]
async fn a_private_network_keeps_strangers_out() {
    let private = |n: u8, key: Option<[u8; 32]>, peers: &[&bzzz_net::Multiaddr]| {
        let mut config = config(n, peers);
        config.private_key = key;
        // With a wrong key both sides wait for bytes that never make sense.
        config.limits.handshake_timeout = Duration::from_millis(500);
        config
    };
    let a = start(private(1, Some(seed(77)), &[]), Answers::Echo).await;
    let friend = start(private(2, Some(seed(77)), &[&a.addr]), Answers::Echo).await;
    friend.wait_connected(a.peer).await;
    friend.echo(a.peer, b"hello").await;
    for (n, key) in [(3, Some(seed(78))), (4, None)] {
        let stranger = start(private(n, key, &[]), Answers::Echo).await;
        let refused = stranger.net.dial(a.addr.clone()).await;
        assert!(
            matches!(&refused, Err(DialError::Failed { reason, .. })
                if reason.contains("private network")),
            "{refused:?}"
        );
        assert!(!a.is_connected(stranger.peer).await);
    }
}

#[tokio::test]
async fn connections_are_limited() {
    let mut small = config(1, &[]);
    small.limits.max_inbound = 2;
    let small = start(small, Answers::Echo).await;
    let mut others = Vec::new();
    for n in 2..=5 {
        others.push(node(n, &[&small.addr]).await);
    }
    until("two got in, the others did not", async || {
        let metrics = small.net.metrics();
        metrics.peers_connected == 2 && metrics.connections_refused >= 2
    })
    .await;
    assert_eq!(small.net.peers().await.len(), 2);
    // A place that becomes free is taken.
    let inside = small.net.peers().await[0].peer;
    let leaver = others.iter().find(|node| node.peer == inside).expect("one of them");
    leaver.net.shutdown().await;
    until("another one got in", async || {
        let peers = small.net.peers().await;
        peers.len() == 2 && peers.iter().all(|info| info.peer != inside)
    })
    .await;
}

#[tokio::test]
async fn two_nodes_that_dial_each_other_at_once_end_with_one_connection() {
    for round in 0..5 {
        let a = node(1, &[]).await;
        let b = node(2, &[]).await;
        let (to_a, to_b) = (b.net.dial(a.full_addr()), a.net.dial(b.full_addr()));
        let (to_a, to_b) = tokio::join!(to_a, to_b);
        assert!(to_a.is_ok() || to_b.is_ok(), "round {round}: {to_a:?} {to_b:?}");
        a.wait_connected(b.peer).await;
        b.wait_connected(a.peer).await;
        a.net.subscribe("t").await.expect("subscribed");
        b.net.subscribe("t").await.expect("subscribed");
        a.wait_subscribed(b.peer, "t").await;
        b.wait_subscribed(a.peer, "t").await;
        let open = |node: &crate::support::Node| {
            let metrics = node.net.metrics();
            metrics.connections_opened - metrics.connections_closed - metrics.connections_replaced
        };
        until("one connection", async || open(&a) == 1 && open(&b) == 1).await;
        a.echo(b.peer, b"ping").await;
        b.echo(a.peer, b"pong").await;
    }
}

#[tokio::test]
async fn shutdown_frees_the_port_and_ends_the_handles() {
    let a = node(1, &[]).await;
    let b = node(2, &[&a.addr]).await;
    b.wait_connected(a.peer).await;
    a.net.shutdown().await;
    until("the peer noticed", async || b.read(|seen| seen.disconnects == [a.peer])).await;
    assert!(a.net.peers().await.is_empty());
    assert!(a.net.publish("t", vec![]).await.is_err());
    a.net.shutdown().await;
    let mut again = config(1, &[]);
    again.listen = vec![a.addr.clone()];
    let again = start(again, Answers::Echo).await;
    b.wait_connected(again.peer).await;
}

#[tokio::test]
async fn dropping_everything_ends_the_network() {
    let b = node(2, &[]).await;
    let mut settings = config(1, &[&b.addr]);
    settings.listen = vec![loopback()];
    let (net, events) = Net::start(settings).await.expect("started");
    b.wait_connected(net.local_peer_id()).await;
    drop((net, events));
    until("the peer noticed", async || b.read(|seen| seen.disconnects.len() == 1)).await;
}
