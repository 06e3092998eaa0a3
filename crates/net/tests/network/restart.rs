//! A node that comes back with the same identity must be a full member at once.

use std::time::Duration;

use bzzz_net::{Net, PeerId};
use tokio::runtime::Runtime;

use crate::{
    relay::Relay,
    support::{Answers, Node, config, node, start, until, within},
};

const TOPIC: &str = "bzzz/test/restart";
const AT_ONCE: Duration = Duration::from_secs(2);

/// Both directions of gossip and of requests between the two, within two seconds in all.
async fn full_members_at_once(a: &Node, b: &Node) {
    let took = within(AT_ONCE, "gossip and requests both ways", async || {
        // Gossip is a hint: it is sent again until it arrives, as presence is.
        let _ = a.net.publish(TOPIC, b"from a".to_vec()).await;
        let _ = b.net.publish(TOPIC, b"from b".to_vec()).await;
        b.has_heard(b"from a") && a.has_heard(b"from b")
    })
    .await;
    within(AT_ONCE.saturating_sub(took), "requests", async || {
        a.net.request(b.peer, bzzz_net::Channel::Direct, vec![1]).await.is_ok()
            && b.net.request(a.peer, bzzz_net::Channel::Direct, vec![2]).await.is_ok()
    })
    .await;
}

/// A node in a runtime of its own, so that it can die without a farewell.
fn mortal(runtime: &Runtime, n: u8, peers: &[&bzzz_net::Multiaddr]) -> PeerId {
    let settings = config(n, peers);
    runtime.block_on(async move {
        let (net, mut events) = Net::start(settings).await.expect("started");
        net.subscribe(TOPIC).await.expect("subscribed");
        let peer = net.local_peer_id();
        tokio::spawn(async move {
            // Holds the handle, so that the node lives as long as the runtime.
            let _net = net;
            while events.recv().await.is_some() {}
        });
        peer
    })
}

#[test]
fn a_killed_node_is_back_at_once() {
    let main = Runtime::new().expect("a runtime");
    let a = main.block_on(async {
        let a = node(1, &[]).await;
        a.net.subscribe(TOPIC).await.expect("subscribed");
        a
    });
    let doomed = Runtime::new().expect("a runtime");
    let peer = mortal(&doomed, 2, &[&a.addr]);
    main.block_on(a.wait_subscribed(peer, TOPIC));
    doomed.shutdown_background();
    main.block_on(async {
        let b = node(2, &[&a.addr]).await;
        assert_eq!(b.peer, peer);
        b.net.subscribe(TOPIC).await.expect("subscribed");
        full_members_at_once(&a, &b).await;
    });
}

/// The old connection stays open on A's side and carries nothing: A cannot know that B died.
async fn back_behind_a_dead_connection(a_dials: bool) {
    let (a, relay, old) = if a_dials {
        let old = node(2, &[]).await;
        let relay = Relay::to(&old.addr).await;
        (node(1, &[&relay.addr]).await, relay, old)
    } else {
        let a = node(1, &[]).await;
        let relay = Relay::to(&a.addr).await;
        let old = node(2, &[&relay.addr]).await;
        (a, relay, old)
    };
    a.net.subscribe(TOPIC).await.expect("subscribed");
    old.net.subscribe(TOPIC).await.expect("subscribed");
    a.wait_subscribed(old.peer, TOPIC).await;
    old.wait_subscribed(a.peer, TOPIC).await;
    // Older than a simultaneous dial can be.
    until("some time has passed", {
        let start = std::time::Instant::now();
        async move || start.elapsed() > Duration::from_millis(1_300)
    })
    .await;
    relay.go_dark();
    assert!(a.is_connected(old.peer).await, "A holds the dead connection");

    let b = node(2, &[&a.addr]).await;
    b.net.subscribe(TOPIC).await.expect("subscribed");
    full_members_at_once(&a, &b).await;
    assert_eq!(a.net.metrics().connections_replaced, 1);
    let connects = a.read(|seen| (seen.connects.len(), seen.disconnects.len()));
    assert_eq!(connects, (2, 0), "told again, without a disconnect");
}

#[tokio::test]
async fn a_node_returns_behind_a_dead_inbound_connection() {
    back_behind_a_dead_connection(false).await;
}

#[tokio::test]
async fn a_node_returns_behind_a_dead_outbound_connection() {
    back_behind_a_dead_connection(true).await;
}

#[tokio::test]
async fn a_dead_connection_is_noticed_by_ping() {
    let mut settings = config(1, &[]);
    settings.limits.ping_interval = Duration::from_millis(200);
    settings.limits.ping_timeout = Duration::from_millis(400);
    let a = start(settings, Answers::Echo).await;
    let relay = Relay::to(&a.addr).await;
    let b = node(2, &[&relay.addr]).await;
    a.wait_connected(b.peer).await;
    relay.go_dark();
    until("noticed", async || a.read(|seen| seen.disconnects == [b.peer])).await;
    assert_eq!(a.net.metrics().ping_timeouts, 1);
}
