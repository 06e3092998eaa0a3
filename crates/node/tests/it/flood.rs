//! Strangers who send without end: memory stays bounded, and honest traffic goes on.

use bzzz_core::body::{AdminActed, Body};
use bzzz_core::crypto::{Hash, Keypair};
use bzzz_core::event::{Draft, Event};
use bzzz_core::feed::{HELD_MEMBER_BYTES, HELD_STRANGER_BYTES};
use bzzz_core::hlc::Hlc;
use bzzz_core::wire::{Wire, topic};
use bzzz_net::{Channel, Net, NetConfig};
use bzzz_node::{Handle, Settings, start};

use crate::support::*;

/// Messages of each kind.
const FLOOD: u64 = 5_000;
/// Strangers' keys in the flood.
const KEYS: u64 = 50;

async fn held(node: &Handle) -> (usize, usize) {
    node.project(None, |p, _| p.feeds.held_bytes()).await.unwrap()
}

/// An event of a stranger that continues nothing: it would wait for ever.
fn strange(project: Hash, n: u64) -> Vec<u8> {
    let mut seed = [0x33; 32];
    seed[0] = (n % KEYS) as u8;
    let draft = Draft {
        project,
        incarnation: 0,
        seq: 1 + n,
        prev: Hash([9; 32]),
        hlc: Hlc::from_ms(1_800_000_000_000),
        epoch: 0,
        deps: vec![],
    };
    let body = Body::AdminActed(AdminActed {
        action: "x".repeat(4096),
    });
    Event::sign(&Keypair::from_seed(seed), draft, &body).encode()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_flood_stays_within_its_bound_and_honest_traffic_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let a = start(settings(&at("a"), "a", &["reviewer"])).await.unwrap();
    let others = Settings {
        peers: a.addresses(),
        ..settings(&at("b"), "b", &["security"])
    };
    let b = start(others).await.unwrap();
    until_live(&a, 2, &["reviewer", "security"]).await;
    let project = a.default_project().await.unwrap();

    let (foe, mut heard) = Net::start(NetConfig::new([0x33; 32])).await.unwrap();
    tokio::spawn(async move { while heard.recv().await.is_some() {} });
    foe.subscribe(topic(&project)).await.unwrap();
    let to = foe.dial(a.addresses()[0].clone()).await.unwrap();
    let flood = tokio::spawn(async move {
        for n in 0..FLOOD {
            let events = match n % 2 {
                0 => vec![strange(project, n).into()],
                _ => vec![n.to_le_bytes().to_vec().into()],
            };
            let message = Wire::Events {
                project,
                events,
                blobs: vec![],
            };
            let bytes = message.encode();
            // What the node makes of it is its affair, refusing to listen any more included.
            let _ = foe.publish(topic(&project), bytes.clone()).await;
            let _ = foe.request(to, Channel::Sync, bytes).await;
        }
        foe.shutdown().await;
    });
    let mut most = (0, 0);
    let mut posts = 0;
    while !flood.is_finished() {
        posts += 1;
        let text = format!("post {posts} in the middle of it");
        post(&a, &text).await;
        let (members, strangers) = held(&a).await;
        most = (most.0.max(members), most.1.max(strangers));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    flood.await.unwrap();
    assert!(
        most.1 > HELD_STRANGER_BYTES / 2,
        "the flood came to where it is bounded: {most:?}"
    );
    assert!(most.0 <= HELD_MEMBER_BYTES && most.1 <= HELD_STRANGER_BYTES, "{most:?}");
    until_same(&[&a, &b]).await;
    let (feeds, mail) = a
        .project(None, |p, _| (p.feeds.heads().count(), p.state.mail.len()))
        .await
        .unwrap();
    assert_eq!(
        (feeds, mail),
        (2, posts),
        "only members have feeds, and nothing that they said is lost"
    );
    for node in [a, b] {
        node.stop().await;
    }
}

async fn post(node: &Handle, text: &str) {
    let project = node.default_project().await.unwrap();
    let command = bzzz_core::node::Command::Post {
        project,
        thread: None,
        agent: None,
        kind: bzzz_core::body::MessageKind::Note,
        text: text.to_owned(),
        parents: vec![],
        to: Some("bzzz://*:reviewer@*:*/".to_owned()),
        idempotency_key: None,
    };
    node.command(command).await.unwrap();
}
