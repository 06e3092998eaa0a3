//! The formats are permanent: `tests/data/vectors.json` was written once, and the code reproduces every byte of it.
//!
//! The file is the reference for other implementations (`docs/protocol.md`). With `BZZZ_WRITE_VECTORS` set it is written anew, which
//! is right only when a kind is added; a changed line in it means that old events can no longer be read.

use std::path::PathBuf;

use bzzz_core::blob::Blob;
use bzzz_core::body::*;
use bzzz_core::change::{ChangeSet, Subject};
use bzzz_core::codec;
use bzzz_core::crypto::{self, Context, Hash, Keypair};
use bzzz_core::event::{Draft, Event, FeedId};
use bzzz_core::hlc::Hlc;
use bzzz_core::wire::{AgentPresence, AgentStatus, Head, Presence, Wire, heads_digest};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use crate::bodies;
use crate::certificates::decision;
use crate::generator::Generator;
use crate::world::World;

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// RFC 8949, section 8, for the items that the formats use.
fn diagnostic(bytes: &[u8]) -> String {
    fn item(d: &mut minicbor::Decoder<'_>) -> Result<String, minicbor::decode::Error> {
        use minicbor::data::Type;
        Ok(match d.datatype()? {
            Type::Bytes => format!("h'{}'", hex(d.bytes()?)),
            Type::String => format!("{:?}", d.str()?),
            Type::Bool => d.bool()?.to_string(),
            Type::Null => {
                d.null()?;
                "null".into()
            }
            Type::Array => {
                let len = d.array()?.unwrap_or_default();
                let items: Result<Vec<String>, _> = (0..len).map(|_| item(d)).collect();
                format!("[{}]", items?.join(", "))
            }
            _ => d.u64()?.to_string(),
        })
    }
    item(&mut minicbor::Decoder::new(bytes)).expect("our own encoding")
}

/// One event of each kind by the node with seed 01…01; the genesis event has no project.
fn events() -> Vec<Value> {
    let key = Keypair::from_seed([1; 32]);
    let mut out = Vec::new();
    for (kind, name) in KINDS {
        let g = &mut Generator::new(u64::from(*kind));
        let body = bodies::body(*kind, g);
        let first = *kind == 1;
        let draft = Draft {
            project: if first { Hash::ZERO } else { Hash([0xAA; 32]) },
            incarnation: 0,
            seq: if first { 0 } else { u64::from(*kind) },
            prev: if first { Hash::ZERO } else { Hash([0xBB; 32]) },
            hlc: Hlc(Hlc::from_ms(1_790_000_000_000).0 + u64::from(*kind)),
            epoch: u32::from(!first),
            deps: if *kind % 2 == 0 {
                vec![bodies::event_ref(g)]
            } else {
                vec![]
            },
        };
        let event = Event::sign(&key, draft, &body);
        let (_, body) = body.to_kind_and_bytes();
        out.push(json!({
            "kind": kind,
            "name": name,
            "body": hex(&body),
            "body_diagnostic": diagnostic(&body),
            "event": hex(&event.encode()),
            "hash": event.hash(),
        }));
    }
    out
}

fn signatures() -> Vec<Value> {
    const ALL: [Context; 18] = [
        Context::Event,
        Context::Roster,
        Context::RosterChange,
        Context::RosterPrepare,
        Context::Subject,
        Context::SubjectSalt,
        Context::Endorsement,
        Context::Agent,
        Context::Message,
        Context::Findings,
        Context::Commit,
        Context::Reveal,
        Context::FinalVote,
        Context::Receipt,
        Context::Answer,
        Context::Presence,
        Context::Heads,
        Context::Join,
    ];
    let key = Keypair::from_seed([7; 32]);
    let bytes = b"bytes";
    ALL.iter()
        .map(|context| {
            json!({
                "context": context.text(),
                "bytes": hex(bytes),
                "hash": crypto::hash(*context, bytes),
                "seed": hex(&[7; 32]),
                "key": key.public(),
                "signature": hex(&key.sign(*context, bytes).0),
            })
        })
        .collect()
}

fn roster() -> Value {
    let w = World::new(&[("ann", 1, 3), ("bob", 2, 1)], 1, Authority::Home);
    let roster = w.roster();
    let voters: Vec<_> = [(0, "a"), (0, "b"), (1, "c"), (3, "d")]
        .iter()
        .map(|(i, id)| (w.agent(*i, id).public(), w.members[*i].node()))
        .collect();
    let weights = roster.voter_weights(&voters);
    json!({
        "roster": hex(&codec::encode(roster)),
        "diagnostic": diagnostic(&codec::encode(roster)),
        "hash": roster.hash(),
        "total_weight": roster.total_weight(),
        "seat_weights": roster.weights().iter().map(|(k, w)| json!([k, w])).collect::<Vec<_>>(),
        "panel": voters.iter().map(|(a, n)| json!({"agent": a, "node": n, "weight": weights[a]})).collect::<Vec<_>>(),
        "change_statement": hex(&codec::encode(&RosterStatement::new(Hash([0xAA; 32]), roster.hash(), 3))),
        "change_signature_by_seed_01": hex(&roster.sign(&w.members[0].key, Hash([0xAA; 32]), 3).0),
    })
}

/// What a certificate shows of a change, with the commits and without them.
fn subjects() -> Vec<Value> {
    let salt = [0x5A; 16];
    let diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n";
    let alone = ChangeSet::from_diff("x", diff.as_bytes());
    let between = ChangeSet {
        base: Some("1".repeat(40)),
        head: Some("2".repeat(64)),
        ..alone.clone()
    };
    let shown = [alone, between].map(|set| {
        let subject = Subject::new(&salt, &set);
        json!({
            "blob_salt": hex(&salt),
            "diff_text": diff,
            "change": hex(&set.to_cbor().expect("a change")),
            "subject": hex(&codec::encode(&subject)),
            "diagnostic": diagnostic(&codec::encode(&subject)),
            "hash": subject.hash(),
        })
    });
    shown.into()
}

/// One message of each kind between nodes.
fn messages() -> Vec<Value> {
    let g = &mut Generator::new(8);
    let key = Keypair::from_seed([1; 32]);
    let (project, hash) = (Hash([0xAA; 32]), bodies::hash(g));
    let feed = bodies::event_ref(g).feed;
    let blob = Blob {
        salt: [0x5A; 16],
        bytes: b"text".to_vec(),
    };
    let bytes = |b: &[u8]| minicbor::bytes::ByteVec::from(b.to_vec());
    let presence = Presence {
        project,
        incarnation: 1,
        sent_ms: 1_790_000_000_000,
        ttl_ms: 5_000,
        agents: vec![AgentPresence {
            agent: bodies::key(g),
            status: AgentStatus::Working,
            load: 2,
        }],
        addresses: vec!["/ip4/192.0.2.7/tcp/4001".to_owned()],
    };
    let join = JoinStatement {
        project: Hash::ZERO,
        owner: "dan".into(),
        operator: bodies::key(g),
        voting: true,
    };
    let head = Head {
        feed,
        len: 7,
        head: bodies::hash(g),
        end: Some(9),
    };
    let all = [
        Wire::Events {
            project,
            events: vec![bytes(&[1, 2, 3])],
            blobs: vec![blob.clone()],
        },
        Wire::Presence(Signed::new(&key, presence)),
        Wire::Digest {
            project,
            digest: heads_digest(&[head]),
        },
        Wire::Heads {
            project,
            heads: vec![head],
            from: None,
            upto: Some(head.feed),
            answer: true,
        },
        Wire::Want {
            project,
            feed,
            from: 7,
            count: 1_024,
        },
        Wire::WantBlob { project, hash },
        Wire::Blob { project, blob },
        Wire::Fork {
            project,
            a: bytes(&[1]),
            b: bytes(&[2]),
        },
        Wire::Join(Signed::new(&key, join)),
        Wire::Welcome { project, granted: true },
        Wire::Renew {
            project,
            task: hash,
            token: 3,
        },
        Wire::Rosters {
            project,
            changes: vec![roster_change()],
            latest: 2,
        },
        Wire::WantRosters { project, from: 2 },
    ];
    all.iter()
        .map(|m| {
            let bytes = m.encode();
            assert_eq!(Wire::decode(&bytes).as_ref(), Ok(m));
            json!({ "message": hex(&bytes), "diagnostic": diagnostic(&bytes) })
        })
        .collect()
}

/// A reader more, signed by all three members.
fn roster_change() -> RosterChanged {
    let w = World::three();
    let mut next = w.next_roster();
    next.readers.push(Keypair::from_seed([77; 32]).public());
    w.change(&next, &[0, 1, 2])
}

/// The digest of what a node has: a feed that goes on, one that a fork ended in the middle, two that ended at their beginning, one of
/// them never heard of, and a member of which no later life counts.
fn heads() -> Value {
    let node = |n: u8| Keypair::from_seed([n; 32]).public();
    let mut heads = [
        (node(1), 0, 7, Hash([0x11; 32]), None),
        (node(2), 0, 3, Hash([0x22; 32]), Some(3)),
        (node(2), 5, 0, Hash::ZERO, Some(0)),
        (node(3), 0, 2, Hash([0x33; 32]), Some(9)),
        (node(4), u64::MAX, 0, Hash::ZERO, Some(0)),
    ]
    .map(|(node, incarnation, len, head, end)| Head {
        feed: FeedId { node, incarnation },
        len,
        head,
        end,
    });
    heads.sort_by_key(|h| h.feed);
    let shown: Vec<Value> = heads.iter().map(|h| json!(hex(&codec::encode(h)))).collect();
    json!({ "heads": shown, "digest": hex(&heads_digest(&heads).0) })
}

fn vectors() -> Value {
    let d = decision();
    let verified = d
        .certificate
        .verify(Some(d.world.project()))
        .expect("a certificate that holds");
    let blob = Blob {
        salt: [0x5A; 16],
        bytes: b"May it land?".to_vec(),
    };
    let reveal = Reveal {
        proposal: Hash([1; 32]),
        choice: Choice::RequestChanges,
        nonce: Hash([2; 32]),
        reason: None,
    };
    let agent = Keypair::from_seed([1; 32])
        .agent(&Hash([0xAA; 32]), "reviewer-1")
        .public();
    json!({
        "contexts": signatures(),
        "blob": {
            "salt": hex(&blob.salt), "bytes": hex(&blob.bytes), "hash": blob.hash(),
            "reference": hex(&codec::encode(&blob.reference())),
        },
        "hlc": [
            { "ms": 0, "counter": 1, "value": 1 },
            { "ms": 1_790_000_000_000u64, "counter": 0, "value": Hlc::from_ms(1_790_000_000_000).0 },
            { "ms": 1_790_000_000_000u64, "counter": 3, "value": Hlc::from_ms(1_790_000_000_000).0 + 3 },
        ],
        "commitment": {
            "agent": agent, "reveal": hex(&codec::encode(&reveal)), "commitment": reveal.commitment(&agent),
        },
        "roster": roster(),
        "subjects": subjects(),
        "events": events(),
        "messages": messages(),
        "heads": heads(),
        "certificate": {
            "pem": d.certificate.to_pem(),
            "project": verified.project,
            "outcome": verified,
        },
    })
}

#[test]
fn the_code_reproduces_the_committed_vectors() {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/data/vectors.json"].iter().collect();
    let text = format!("{:#}\n", vectors());
    if std::env::var_os("BZZZ_WRITE_VECTORS").is_some() {
        std::fs::write(&path, &text).expect("write the vectors");
    }
    let committed = std::fs::read_to_string(&path).expect("read the vectors");
    let (ours, theirs): (Value, Value) = (
        serde_json::from_str(&text).expect("our own JSON"),
        serde_json::from_str(&committed).expect("the committed JSON"),
    );
    for part in [
        "messages",
        "heads",
        "contexts",
        "blob",
        "hlc",
        "commitment",
        "roster",
        "certificate",
    ] {
        assert_eq!(ours[part], theirs[part], "{part}");
    }
    for (ours, theirs) in ours["events"]
        .as_array()
        .unwrap()
        .iter()
        .zip(theirs["events"].as_array().unwrap())
    {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours, theirs);
}

#[test]
fn the_committed_events_are_read_as_what_they_are() {
    let committed: Value = serde_json::from_str(include_str!("../data/vectors.json")).expect("the committed JSON");
    for vector in committed["events"].as_array().expect("events") {
        let wire = HEXLOWER.decode(vector["event"].as_str().unwrap().as_bytes()).unwrap();
        let event = Event::decode(&wire).expect("a signed event");
        assert_eq!(Some(event.hash()), Hash::from_hex(vector["hash"].as_str().unwrap()));
        assert_eq!(event.body().map(|b| b.name()), vector["name"].as_str());
    }
}

#[test]
fn the_protocol_tells_of_every_kind_and_context() {
    let text = include_str!("../../../../docs/protocol.md");
    for (kind, name) in KINDS {
        assert!(
            text.contains(&format!("| {kind} | `{name}` |")),
            "docs/protocol.md lacks kind {kind}, {name}"
        );
    }
    for vector in signatures() {
        let context = vector["context"].as_str().expect("a context");
        assert!(
            text.contains(&format!("| `{context}` |")),
            "docs/protocol.md lacks {context}"
        );
    }
}
