//! A hostile peer on the real network: forged, replayed, foreign, oversized, malformed and future messages.
//!
//! What it sends is refused, the node lives, and its state stays what it was.

use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use bzzz_core::body::{AdminActed, Body, JoinStatement, Signed};
use bzzz_core::crypto::{Hash, Keypair};
use bzzz_core::event::{Draft, Event};
use bzzz_core::hlc::Hlc;
use bzzz_core::wire::{MAX_MESSAGE_BYTES, Presence, Wire, topic};
use bzzz_net::{Channel, Net, NetConfig, NetEvent, PeerId, Verdict};
use tokio::runtime::Runtime;

use crate::node::{Node, Start, example, until, until_live};
use crate::support::Place;

const SEED: [u8; 32] = [66; 32];

/// The hostile peer: a network without a core behind it.
struct Foe {
    runtime: Runtime,
    net: Net,
    to: PeerId,
    project: Hash,
    key: Keypair,
    /// Events that were gossiped, in wire form.
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    /// What came back over requests.
    got: Arc<Mutex<Vec<Wire>>>,
}

impl Foe {
    fn new(node: &Node) -> Foe {
        let runtime = Runtime::new().expect("a runtime");
        let project = node.get("status")["project"]["id"]
            .as_str()
            .and_then(Hash::from_hex)
            .expect("an id");
        let mut config = NetConfig::new(SEED);
        config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().expect("an address")];
        // It obeys no limit.
        config.limits.max_message_bytes = 4 * MAX_MESSAGE_BYTES;
        config.limits.max_inflight_bytes = 16 * MAX_MESSAGE_BYTES;
        let (heard, got): (Arc<Mutex<Vec<_>>>, Arc<Mutex<Vec<_>>>) = Default::default();
        let (net, to) = runtime.block_on(async {
            let (net, mut events) = Net::start(config).await.expect("a network");
            net.subscribe(topic(&project)).await.expect("a subscription");
            let (voice, heard, got) = (net.clone(), Arc::clone(&heard), Arc::clone(&got));
            tokio::spawn(async move {
                while let Some(event) = events.recv().await {
                    match event {
                        NetEvent::Gossip {
                            data,
                            id,
                            propagated_from,
                            ..
                        } => {
                            if let Ok(Wire::Events { events, .. }) = Wire::decode(&data) {
                                let events = events.into_iter().map(|e| e.to_vec());
                                heard.lock().expect("a lock").extend(events);
                            }
                            voice.report_validation(id, propagated_from, Verdict::Accept).await;
                        }
                        NetEvent::Request { data, reply, .. } => {
                            got.lock().expect("a lock").extend(Wire::decode(&data));
                            let _ = reply.reply(vec![0]).await;
                        }
                        _ => {}
                    }
                }
            });
            let to = net
                .dial(node.p2p().parse().expect("an address"))
                .await
                .expect("a connection");
            (net, to)
        });
        Foe {
            runtime,
            net,
            to,
            project,
            key: Keypair::from_seed(SEED),
            heard,
            got,
        }
    }

    /// Sends bytes over both channels; what the other side makes of them is its affair.
    fn send_bytes(&self, bytes: &[u8]) -> Vec<Option<Vec<u8>>> {
        let one = |channel| {
            self.runtime
                .block_on(self.net.request(self.to, channel, bytes.to_vec()))
                .ok()
        };
        vec![one(Channel::Sync), one(Channel::Direct)]
    }

    fn send(&self, message: &Wire) {
        self.send_bytes(&message.encode());
        // Gossip may have no listener at the moment; then the requests alone were the attack.
        let _ = self
            .runtime
            .block_on(self.net.publish(topic(&self.project), message.encode()));
    }

    fn events(&self, events: Vec<Vec<u8>>) {
        self.send(&Wire::Events {
            project: self.project,
            events: events.into_iter().map(Into::into).collect(),
            blobs: vec![],
        });
    }

    fn event(&self, seq: u64, prev: Hash, at_ms: u64, epoch: u32, what: &str) -> Event {
        let draft = Draft {
            project: self.project,
            incarnation: 0,
            seq,
            prev,
            hlc: Hlc::from_ms(at_ms),
            epoch,
            deps: vec![],
        };
        Event::sign(&self.key, draft, &Body::AdminActed(AdminActed { action: what.into() }))
    }

    fn presence(&self, sent_ms: u64) -> Wire {
        let presence = Presence {
            project: self.project,
            incarnation: 0,
            sent_ms,
            ttl_ms: u64::MAX,
            agents: vec![],
            // Nobody should come of these: a text that is no address, a name to be asked for, a port that is closed.
            addresses: vec![
                "nonsense".into(),
                "/dns4/nowhere.invalid/tcp/1".into(),
                "/ip4/127.0.0.1/tcp/1".into(),
            ],
        };
        Wire::Presence(Signed::new(&self.key, presence))
    }
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock")
        .as_millis() as u64
}

const HOUR_MS: u64 = 3_600_000;

#[test]
fn a_stranger_changes_nothing() {
    let place = Place::new();
    let mut start = Start::new("a", "security");
    // Nobody gets a seat by asking.
    start.extra = vec!["-v"];
    std::fs::write(place.path("config.toml"), "[project]\nadmit = \"ask\"\n").expect("settings");
    let config = place.path("config.toml");
    let config = config.to_str().expect("a path").to_owned();
    start.extra.extend(["--config", &config]);
    let node = start.up(&place);
    until_live(&[&node], 1);
    let foe = Foe::new(&node);
    // A review while it listens: it hears real events, to be used against their author.
    let ran = place.run(&["review", &example(), "--node", &node.http(), "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let real = until("it has heard events", || {
        let heard = foe.heard.lock().expect("a lock").clone();
        (heard.len() >= 3).then_some(heard)
    });
    let before = node.state().expect("a state");

    // Replayed: as they are, again, and in reverse.
    foe.events(real.clone());
    foe.events(real.iter().rev().cloned().collect());
    // Forged: each with one bit flipped, somewhere else each time.
    let forged = real.iter().enumerate().map(|(n, bytes)| {
        let mut bytes = bytes.clone();
        let at = (n * 37) % bytes.len();
        bytes[at] ^= 1;
        bytes
    });
    foe.events(forged.collect());
    // Its own, which is no member's; and a fork of the author that it cannot sign.
    foe.events(vec![foe.event(0, Hash::ZERO, now_ms(), 0, "let me in").encode()]);
    // Of another project.
    let other = Wire::Events {
        project: Hash([9; 32]),
        events: real.iter().cloned().map(Into::into).collect(),
        blobs: vec![],
    };
    foe.send(&other);
    // Presences: a stranger's, from the past and the future.
    for at in [now_ms(), 0, now_ms() + HOUR_MS, u64::MAX] {
        foe.send(&foe.presence(at));
    }
    // Questions that only members may ask.
    foe.send(&Wire::Digest {
        project: foe.project,
        digest: Hash::ZERO,
    });
    // Malformed: nothing, noise, half a message, deep nesting.
    let half = Wire::Digest {
        project: foe.project,
        digest: Hash::ZERO,
    }
    .encode();
    for bytes in [&[][..], &[0xFF; 1000], &half[..half.len() / 2], &[0x81; 100_000]] {
        let answers = foe.send_bytes(bytes);
        assert!(answers.iter().all(|a| a.as_deref() != Some(&[0])), "{answers:?}");
    }
    // Oversized: more than a message may have.
    let answers = foe.send_bytes(&vec![0; MAX_MESSAGE_BYTES + 1]);
    assert_eq!(answers, [None, None]);
    // A seat is asked for and not given.
    foe.runtime.block_on(async {
        // The oversized message may have cost the connection.
        let _ = foe.net.dial(node.p2p().parse().expect("an address")).await;
    });
    foe.send(&join(&foe));
    until("the node shows that somebody waits", || {
        node.get("admit")["pending"]
            .as_array()
            .filter(|p| p.len() == 1)
            .map(|_| ())
    });

    assert_eq!(node.state(), Some(before));
    let status = node.get("status");
    assert_eq!(
        (&status["project"]["members"], &status["project"]["waiting"]),
        (&1.into(), &0.into())
    );
    assert!(
        foe.got
            .lock()
            .expect("a lock")
            .iter()
            .all(|m| !matches!(m, Wire::Events { .. } | Wire::Heads { .. })),
        "a stranger is served nothing"
    );
    place.run(&["log", "verify", "--node", &node.http()]).ok();
    let ran = place.run(&["review", &example(), "--node", &node.http(), "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
}

fn join(foe: &Foe) -> Wire {
    let statement = JoinStatement {
        project: foe.project,
        owner: "local".into(),
        operator: foe.key.public(),
        voting: false,
    };
    Wire::Join(Signed::new(&foe.key, statement))
}

#[test]
fn a_member_with_a_wrong_clock_is_held_and_one_that_forks_is_excluded() {
    let place = Place::new();
    let node = Start::new("a", "security").up(&place);
    until_live(&[&node], 1);
    let foe = Foe::new(&node);
    foe.send(&join(&foe));
    let epoch = until("it is a member", || {
        let status = node.get("status");
        (status["project"]["members"] == 2).then(|| status["project"]["epoch"].as_u64())?
    });
    let epoch = u32::try_from(epoch).expect("a small number");
    let events = |node: &Node| node.get("status")["project"]["events"].as_u64().expect("a number");

    // A first event in time is taken; the next comes from a clock that is an hour ahead, and waits for its time.
    let count = events(&node);
    let first = foe.event(0, Hash::ZERO, now_ms(), epoch, "hello");
    foe.events(vec![first.encode()]);
    until("it is taken", || (events(&node) == count + 1).then_some(()));
    let late = foe.event(1, first.hash(), now_ms() + HOUR_MS, epoch, "from the future");
    foe.events(vec![late.encode()]);
    until("it is held", || {
        (node.get("status")["project"]["waiting"] == 1).then_some(())
    });
    assert_eq!(events(&node), count + 1);
    // The node's own clock does not follow it: what it writes now has its own time.
    let ran = place.run(&["review", &example(), "--node", &node.http(), "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let opened = node.get("threads?state=all")["threads"][0]["opened_ms"]
        .as_u64()
        .expect("a time");
    assert!(opened.abs_diff(now_ms()) < HOUR_MS / 2);

    // It invites to addresses where nobody is.
    foe.send(&foe.presence(now_ms()));

    // Two events with one number: the proof excludes the feed from there on.
    let count = events(&node);
    let fork = foe.event(0, Hash::ZERO, now_ms() + 1, epoch, "or rather this");
    foe.events(vec![fork.encode()]);
    until("the forked event is gone", || {
        let status = node.try_get("status")?;
        (status["project"]["events"] == count - 1 && status["project"]["waiting"] == 0).then_some(())
    });
    let checked = place.run(&["log", "verify", "--node", &node.http()]);
    assert!(checked.ok().out.contains("1 fork proven"), "{checked:?}");
    // Whatever it says from now on is not heard, also after a restart.
    let next = foe.event(1, fork.hash(), now_ms() + 2, epoch, "still here");
    foe.events(vec![next.encode()]);
    let mut node = node;
    assert_eq!(node.end(rustix::process::Signal::TERM), Some(0), "{}", node.log());
    let data = node.data().to_str().expect("a path").to_owned();
    let checked = place.run(&["log", "verify", "--data", &data]).ok().out.clone();
    assert!(checked.contains("1 fork proven"), "{checked}");
    let node = Start::new("a", "security").up(&place);
    until("it knows what it knew", || (events(&node) >= count - 1).then_some(()));
    let ran = place.run(&["review", &example(), "--node", &node.http(), "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
}
