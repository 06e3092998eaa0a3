//! What the core's inner steps cost beside the bare thing that they are built on.
//!
//! criterion gives each step its statistics; after it a table gives the ratios. For the ratios, ours and bare are measured in
//! turns within the same second and the middle one of many is taken, so that a noisy machine meets both alike.
//! `cargo bench -p bzzz-core --bench core`; with `-- --test` everything runs once.

#![allow(missing_docs, clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bzzz_core::address::Address;
use bzzz_core::blob::BlobRef;
use bzzz_core::body::*;
use bzzz_core::crypto::{Context, Hash, Keypair};
use bzzz_core::event::{Draft, Event, OrderKey};
use bzzz_core::feed::{Feeds, Offer};
use bzzz_core::hlc::Hlc;
use bzzz_core::state::{Meta, State, check_statements};
use criterion::Criterion;
use ed25519_dalek::{Signer as _, SigningKey, Verifier as _, VerifyingKey};
use sha2::{Digest as _, Sha256};

/// Messages in the prepared thread.
const MESSAGES: usize = 2_000;
/// Pairs of measurements behind a ratio.
const TURNS: usize = 101;
const START_MS: u64 = 1_750_000_000_000;

/// A project of one node, and a thread with signed messages.
struct World {
    key: Keypair,
    seed: [u8; 32],
    genesis: Event,
    thread: Hash,
    events: Vec<Event>,
}

impl World {
    fn new() -> World {
        let seed = [7; 32];
        let key = Keypair::from_seed(seed);
        let seat = Seat {
            node: key.public(),
            operator: key.public(),
        };
        let roster = Roster {
            epoch: 0,
            prev: Hash::ZERO,
            pools: vec![Pool {
                owner: "bench".into(),
                weight: 1,
                seats: vec![seat],
            }],
            readers: vec![],
            cuts: vec![],
        };
        let policy = Policy {
            authority: Authority::Home,
            shares: vec![],
            answers: Answers::Majority,
        };
        let body = Body::Genesis(Genesis {
            name: "bench".into(),
            nonce: Hash([1; 32]),
            roster,
            policy,
        });
        let genesis = Event::sign(&key, draft(Hash::ZERO, 0, Hash::ZERO), &body);
        let thread = Hash([9; 32]);
        let mut world = World {
            key,
            seed,
            events: vec![],
            thread,
            genesis,
        };
        let mut prev = world.genesis.hash();
        for n in 0..MESSAGES as u64 {
            let event = Event::sign(&world.key, draft(world.genesis.hash(), n + 1, prev), &world.message(n));
            prev = event.hash();
            world.events.push(event);
        }
        world
    }

    fn message(&self, number: u64) -> Body {
        let mut text = [3; 32];
        text[..8].copy_from_slice(&number.to_be_bytes());
        let message = Message {
            project: self.genesis.hash(),
            thread: self.thread,
            kind: MessageKind::Note,
            text: BlobRef {
                hash: Hash(text),
                len: 300,
            },
            parents: vec![self.thread],
            to: None,
            idempotency_key: None,
        };
        let agent = self.key.agent(&self.genesis.hash(), "reviewer-1");
        Body::MessagePosted(MessagePosted {
            message: Signed::new(&agent, message),
        })
    }

    fn empty(&self) -> (Feeds, State) {
        let mut feeds = Feeds::default();
        feeds.accept(&self.genesis);
        (feeds, State::new(&self.genesis).expect("a genesis"))
    }
}

fn draft(project: Hash, seq: u64, prev: Hash) -> Draft {
    Draft {
        project,
        incarnation: 0,
        seq,
        prev,
        hlc: Hlc::from_ms(START_MS + seq),
        epoch: 0,
        deps: vec![],
    }
}

/// A step of ours, the bare thing, and how often one measurement repeats them.
struct Pair<'a> {
    name: &'static str,
    bare_name: &'static str,
    ours: Box<dyn FnMut() + 'a>,
    bare: Box<dyn FnMut() + 'a>,
    /// Operations in one call.
    each: u32,
}

fn main() {
    let world = World::new();
    let mut pairs = vec![
        append(&world),
        verify(&world),
        verify_inner(&world),
        verify_many(&world),
        fold(&world),
        parse(),
        matching(),
    ];
    let quick = std::env::args().any(|arg| arg == "--test");
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for pair in &mut pairs {
        let mut group = criterion.benchmark_group(pair.name);
        group.bench_function("ours", |b| b.iter(&mut pair.ours));
        group.bench_function("bare", |b| b.iter(&mut pair.bare));
        group.finish();
    }
    criterion.final_summary();
    println!("{:<24} {:>12} {:>12} {:>7}   bare is", "name", "ours", "bare", "ratio");
    for pair in &mut pairs {
        let (ours, bare) = in_turns(pair, if quick { 3 } else { TURNS });
        let ratio = ours.as_secs_f64() / bare.as_secs_f64().max(1e-12);
        let one = |time: Duration| format!("{:.0} ns", time.as_secs_f64() * 1e9);
        println!(
            "{:<24} {:>12} {:>12} {ratio:>7.2}   {}",
            pair.name,
            one(ours),
            one(bare),
            pair.bare_name
        );
    }
}

/// The middle one of many measurements of each, taken in turns.
fn in_turns(pair: &mut Pair<'_>, turns: usize) -> (Duration, Duration) {
    // About a millisecond for each measurement: far above the clock's grain, far below a time slice.
    let started = Instant::now();
    (pair.ours)();
    let repeat = (1_000_000 / started.elapsed().as_nanos().max(1)).clamp(1, 10_000) as u32;
    let (mut ours, mut bare) = (Vec::with_capacity(turns), Vec::with_capacity(turns));
    for _ in 0..turns {
        for (work, times) in [(&mut pair.ours, &mut ours), (&mut pair.bare, &mut bare)] {
            let started = Instant::now();
            (0..repeat).for_each(|_| work());
            times.push(started.elapsed() / repeat / pair.each);
        }
    }
    ours.sort_unstable();
    bare.sort_unstable();
    (ours[turns / 2], bare[turns / 2])
}

/// A body that is there becomes an event: encoded, hashed, signed, entered into its feed and applied.
fn append(world: &World) -> Pair<'_> {
    let bare_key = SigningKey::from_bytes(&world.seed);
    let bytes = world.events[0].encode();
    let (mut feeds, mut state) = world.empty();
    let (mut seq, mut prev) = (1, world.genesis.hash());
    let bodies: Vec<Body> = (0..64).map(|n| world.message(n)).collect();
    let ours = move || {
        let body = &bodies[seq as usize % bodies.len()];
        let event = Event::sign(&world.key, draft(world.genesis.hash(), seq, prev), body);
        feeds.accept(&event);
        state.apply(&Meta::of(&event), body);
        seq += 1;
        prev = event.hash();
        // The thread stays small, or this would measure the memory of the machine.
        if seq > 10_000 {
            (feeds, state) = world.empty();
            (seq, prev) = (1, world.genesis.hash());
        }
    };
    let bare = move || {
        black_box(bare_key.sign(black_box(&bytes)));
        black_box(Sha256::digest(black_box(&bytes)));
    };
    Pair {
        name: "sign + append",
        bare_name: "ed25519-dalek sign + SHA-256 of the same bytes",
        ours: Box::new(ours),
        bare: Box::new(bare),
        each: 1,
    }
}

fn keys(world: &World) -> (VerifyingKey, SigningKey) {
    let key = SigningKey::from_bytes(&world.seed);
    (key.verifying_key(), key)
}

/// An event from outside, up to its author's signature.
fn verify(world: &World) -> Pair<'_> {
    let (public, key) = keys(world);
    let bytes = world.events[0].encode();
    let signature = key.sign(&bytes);
    assert!(public.verify(&bytes, &signature).is_ok());
    let wire = bytes.clone();
    Pair {
        name: "verify",
        bare_name: "verify_strict of the same bytes, key decoded before",
        ours: Box::new(move || {
            black_box(Event::decode(black_box(&wire)).expect("a good event"));
        }),
        bare: Box::new(move || {
            let checked = public.verify_strict(black_box(&bytes), &signature);
            checked.expect("a good signature");
        }),
        each: 1,
    }
}

/// The same with the agent's signature inside.
fn verify_inner(world: &World) -> Pair<'_> {
    let (public, key) = keys(world);
    let bytes = world.events[0].encode();
    let signature = key.sign(&bytes);
    let wire = bytes.clone();
    Pair {
        name: "verify with statement",
        bare_name: "two verify_strict",
        ours: Box::new(move || {
            let event = Event::decode(black_box(&wire)).expect("a good event");
            let body = event.body().expect("a known body");
            check_statements(&event, &body).expect("a good statement");
            black_box(body);
        }),
        bare: Box::new(move || {
            for _ in 0..2 {
                let checked = public.verify_strict(black_box(&bytes), &signature);
                checked.expect("a good signature");
            }
        }),
        each: 1,
    }
}

/// Keys that sign in turn: as many nodes and agents as a busy project has, so that what is kept of them does not fit the nearest caches.
const SIGNERS: u8 = 40;

/// A check of one signature, by many keys in turn.
fn verify_many(world: &World) -> Pair<'static> {
    let bytes = world.events[0].encode();
    let signers = (0..SIGNERS).map(|n| {
        let key = SigningKey::from_bytes(&[n + 1; 32]);
        let ours = Keypair::from_seed([n + 1; 32]);
        let signed = ours.sign(Context::Event, &bytes);
        (ours.public(), signed, key.verifying_key(), key.sign(&bytes))
    });
    let signers: Vec<_> = signers.collect();
    let bare = signers.clone();
    let message = bytes.clone();
    Pair {
        name: "verify, 40 keys",
        bare_name: "verify_strict by 40 keys, decoded before",
        ours: Box::new(move || {
            for (key, signature, _, _) in &signers {
                assert!(key.verify(Context::Event, black_box(&message), signature));
            }
        }),
        bare: Box::new(move || {
            for (_, _, key, signature) in &bare {
                key.verify_strict(black_box(&bytes), signature)
                    .expect("a good signature");
            }
        }),
        each: u32::from(SIGNERS),
    }
}

/// Verified events, one after the other, into a project without any.
fn fold(world: &World) -> Pair<'_> {
    let verified: Vec<(Event, Body)> = world
        .events
        .iter()
        .map(|e| (e.clone(), e.body().expect("a known body")))
        .collect();
    let keys: Vec<OrderKey> = world.events.iter().map(Event::order).collect();
    Pair {
        name: "fold",
        bare_name: "BTreeMap insert of the same keys, no values",
        ours: Box::new(move || {
            let (mut feeds, mut state) = world.empty();
            for (event, body) in &verified {
                assert!(feeds.offer(event, &state.rosters, u64::MAX / 2) == Offer::Ready);
                feeds.accept(event);
                state.apply(&Meta::of(event), body);
            }
            black_box(&state);
        }),
        bare: Box::new(move || {
            let mut map = BTreeMap::new();
            for key in &keys {
                map.insert(*key, ());
            }
            black_box(&map);
        }),
        each: MESSAGES as u32,
    }
}

const ADDRESS: &str = "bzzz://reviewer-1:reviewer@atlas:review-42/src/net/owner.rs";

fn parse() -> Pair<'static> {
    Pair {
        name: "address parse",
        bare_name: "split at the five separators, parts kept as strings",
        ours: Box::new(|| {
            black_box(Address::parse(black_box(ADDRESS)).expect("a good address"));
        }),
        bare: Box::new(|| {
            black_box(split(black_box(ADDRESS)).expect("a good address"));
        }),
        each: 1,
    }
}

fn split(text: &str) -> Option<[String; 5]> {
    let rest = text.strip_prefix("bzzz://")?;
    let (agent, rest) = rest.split_once(':')?;
    let (role, rest) = rest.split_once('@')?;
    let (project, rest) = rest.split_once(':')?;
    let (task, path) = rest.split_once('/')?;
    Some([agent, role, project, task, path].map(str::to_owned))
}

fn matching() -> Pair<'static> {
    let pattern = Address::parse("bzzz://*:reviewer@atlas:review-42/src/net/").expect("a pattern");
    let address = Address::parse(ADDRESS).expect("a good address");
    let (ours, bare) = (address, split(ADDRESS).expect("a good address"));
    Pair {
        name: "address match",
        bare_name: "three string comparisons and a prefix",
        ours: Box::new(move || {
            assert!(black_box(&pattern).matches(black_box(&ours)));
        }),
        bare: Box::new(move || {
            let [_, role, project, task, path] = black_box(&bare);
            let same = role == "reviewer" && project == "atlas" && task == "review-42";
            assert!(same && path.starts_with("src/net/"));
        }),
        each: 1,
    }
}
