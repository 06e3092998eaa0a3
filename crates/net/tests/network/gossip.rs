//! Gossip: both ways, in a mesh, queued, judged, bounded.

use std::sync::atomic::Ordering;

use bzzz_net::{PublishError, Published, SubscribeError, config};

use crate::support::{Answers, Node, config as settings, node, start, until};

const TOPIC: &str = "bzzz/test/gossip";
const MESSAGES: usize = 100;

/// Everybody publishes; everybody must hear nearly everything from everybody else, and nothing twice.
async fn everybody_talks(nodes: &[Node]) {
    for node in nodes {
        assert!(node.net.subscribe(TOPIC).await.expect("subscribed"));
    }
    for node in nodes {
        for other in nodes.iter().filter(|other| other.peer != node.peer) {
            if node.is_connected(other.peer).await {
                node.wait_subscribed(other.peer, TOPIC).await;
            }
        }
    }
    for n in 0..MESSAGES {
        for node in nodes {
            let data = format!("{} {n}", node.peer).into_bytes();
            node.net.publish(TOPIC, data).await.expect("published");
        }
    }
    // Gossip is a hint: one in fifty may be lost.
    let expected = (nodes.len() - 1) * MESSAGES;
    let enough = expected - expected / 50;
    for node in nodes {
        until("most messages have come", async || node.heard_once_each() >= enough).await;
        let own = node.read(|seen| seen.heard.iter().filter(|h| h.source == node.peer).count());
        assert_eq!(own, 0, "nobody hears their own messages");
        node.read(|seen| {
            for heard in &seen.heard {
                let text = String::from_utf8(heard.data.clone()).expect("text");
                assert!(text.starts_with(&heard.source.to_string()), "the source is the signer");
                assert_eq!(heard.topic, TOPIC);
                assert_eq!(
                    heard.id.as_bytes()[..38],
                    heard.source.to_bytes()[..],
                    "id = from ‖ seqno"
                );
                assert_eq!(heard.id.as_bytes().len(), 38 + 8);
            }
        });
    }
}

#[tokio::test]
async fn two_nodes_gossip_both_ways() {
    let a = node(1, &[]).await;
    let b = node(2, &[&a.addr]).await;
    b.wait_connected(a.peer).await;
    a.wait_connected(b.peer).await;
    everybody_talks(&[a, b]).await;
}

#[tokio::test]
async fn five_nodes_gossip_through_a_line() {
    // Each knows only the one before, so most messages have to be passed on.
    let mut nodes = vec![node(1, &[]).await];
    for n in 2..=5 {
        let before = nodes.last().expect("one").addr.clone();
        nodes.push(node(n, &[&before]).await);
    }
    for pair in nodes.windows(2) {
        pair[1].wait_connected(pair[0].peer).await;
        pair[0].wait_connected(pair[1].peer).await;
    }
    everybody_talks(&nodes).await;
}

#[tokio::test]
async fn a_message_without_listeners_goes_out_when_one_comes() {
    let a = node(1, &[]).await;
    a.net.subscribe(TOPIC).await.expect("subscribed");
    // More than one burst.
    for n in 0..100_u8 {
        let published = a.net.publish(TOPIC, vec![n]).await.expect("taken");
        assert_eq!(published, Published::Queued);
    }
    let b = node(2, &[&a.addr]).await;
    b.net.subscribe(TOPIC).await.expect("subscribed");
    until("all have come", async || b.read(|seen| seen.heard.len()) == 100).await;
    let order: Vec<u8> = b.read(|seen| seen.heard.iter().map(|heard| heard.data[0]).collect());
    assert_eq!(order, (0..100).collect::<Vec<u8>>());
    assert_eq!(a.net.metrics().gossip_queued, 100);
    assert_eq!(a.net.metrics().gossip_published, 100);
}

#[tokio::test]
async fn the_queue_drops_the_oldest() {
    let a = node(1, &[]).await;
    for _ in 0..20 {
        a.net.publish(TOPIC, vec![0; 1024 * 1024 - 1024]).await.expect("taken");
    }
    assert_eq!(a.net.metrics().gossip_queue_dropped, 4, "16 MiB are kept");
}

#[tokio::test]
async fn only_accepted_messages_are_passed_on() {
    let a = node(1, &[]).await;
    let middle = node(2, &[&a.addr]).await;
    let c = node(3, &[&middle.addr]).await;
    for node in [&a, &middle, &c] {
        node.net.subscribe(TOPIC).await.expect("subscribed");
    }
    a.wait_subscribed(middle.peer, TOPIC).await;
    middle.wait_subscribed(c.peer, TOPIC).await;
    middle.verdict.store(2, Ordering::SeqCst);
    a.publish_sent(TOPIC, b"ignored").await;
    until("the middle has it", async || middle.has_heard(b"ignored")).await;
    middle.verdict.store(1, Ordering::SeqCst);
    a.publish_sent(TOPIC, b"rejected").await;
    until("the middle has it", async || middle.has_heard(b"rejected")).await;
    middle.verdict.store(0, Ordering::SeqCst);
    a.publish_sent(TOPIC, b"accepted").await;
    until("the end has it", async || c.has_heard(b"accepted")).await;
    assert_eq!(c.read(|seen| seen.heard.len()), 1, "the other two stayed in the middle");
    assert_eq!(middle.net.metrics().gossip_rejected, 1);
}

#[tokio::test]
async fn gossip_of_a_banned_author_is_dropped_whoever_brings_it() {
    let author = node(1, &[]).await;
    let middle = node(2, &[&author.addr]).await;
    let c = node(3, &[&middle.addr]).await;
    for node in [&author, &middle, &c] {
        node.net.subscribe(TOPIC).await.expect("subscribed");
    }
    author.wait_subscribed(middle.peer, TOPIC).await;
    middle.wait_subscribed(c.peer, TOPIC).await;
    assert!(c.net.ban(author.peer).await);
    author.publish_sent(TOPIC, b"banned").await;
    until("the middle has it", async || middle.has_heard(b"banned")).await;
    middle.publish_sent(TOPIC, b"fine").await;
    until("the end has it", async || c.has_heard(b"fine")).await;
    assert!(!c.has_heard(b"banned"));
    assert!(c.net.unban(author.peer).await);
    author.publish_sent(TOPIC, b"forgiven").await;
    until("the end has it", async || c.has_heard(b"forgiven")).await;
}

#[tokio::test]
async fn the_longest_message_passes_and_a_longer_one_is_refused() {
    let a = node(1, &[]).await;
    let b = node(2, &[&a.addr]).await;
    b.net.subscribe(TOPIC).await.expect("subscribed");
    a.wait_subscribed(b.peer, TOPIC).await;
    let longest = vec![7; 1024 * 1024 - 1024];
    a.publish_sent(TOPIC, &longest).await;
    until("it has come", async || b.has_heard(&longest)).await;
    let too_long = a.net.publish(TOPIC, vec![7; longest.len() + 1]).await;
    assert!(matches!(too_long, Err(PublishError::TooLarge { .. })), "{too_long:?}");
}

#[tokio::test]
async fn topics_are_bounded() {
    let a = start(settings(1, &[]), Answers::Echo).await;
    for n in 0..config::MAX_TOPICS {
        assert!(a.net.subscribe(format!("t{n}")).await.expect("subscribed"));
    }
    assert!(!a.net.subscribe("t0").await.expect("followed already"));
    let refused = a.net.subscribe("one too many").await;
    assert!(matches!(refused, Err(SubscribeError::TooMany { .. })), "{refused:?}");
    assert!(a.net.unsubscribe("t5").await);
    assert!(!a.net.unsubscribe("t5").await);
    assert!(a.net.subscribe("one more").await.expect("there is room again"));
    let name = "x".repeat(config::MAX_TOPIC_BYTES + 1);
    assert!(matches!(
        a.net.subscribe(name).await,
        Err(SubscribeError::TopicName { .. })
    ));
    assert!(matches!(
        a.net.publish("", vec![]).await,
        Err(PublishError::TopicName { .. })
    ));
    // All of them are accepted by a peer.
    let b = node(2, &[&a.addr]).await;
    until("the peer knows the topics", async || {
        let peers = b.net.peers().await;
        peers
            .first()
            .is_some_and(|info| info.topics.len() == config::MAX_TOPICS)
    })
    .await;
}
