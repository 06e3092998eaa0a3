//! One value has one form, and nothing else is accepted.

use bzzz_core::body::{
    AdminActed, AgentEndorsed, Body, ChunkDrawn, Endorsement, FinalVote, KINDS, MAX_NUMBER, Signed, Statement,
    kind_name,
};
use bzzz_core::codec::{self, CodecError};
use bzzz_core::crypto::{self, Context, Hash, Keypair, Signature};
use bzzz_core::event::{Checked, Draft, EVENT_VERSION, Event, EventError, Header, MAX_DEPS, MAX_EVENT_BYTES};
use bzzz_core::hlc::Hlc;
use minicbor::bytes::ByteVec;
use proptest::prelude::*;

use crate::bodies;
use crate::generator::Generator;

const CONTEXTS: [Context; 15] = [
    Context::Event,
    Context::Roster,
    Context::RosterChange,
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

fn draft(g: &mut Generator) -> Draft {
    let seq = g.integer(48);
    Draft {
        project: bodies::hash(g),
        incarnation: g.integer(64),
        seq,
        prev: if seq == 0 { Hash::ZERO } else { bodies::hash(g) },
        hlc: Hlc(g.integer(64)),
        epoch: g.integer(32) as u32,
        deps: (0..g.below(4)).map(|_| bodies::event_ref(g)).collect(),
    }
}

fn event(kind: u16, g: &mut Generator) -> Event {
    let key = bodies::keypair(g);
    let body = bodies::body(kind, g);
    Event::sign(&key, draft(g), &body)
}

/// Where the items of canonical CBOR begin: offset, major type, argument, length of the head.
fn heads(bytes: &[u8]) -> Vec<(usize, u8, u64, usize)> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let (major, info) = (bytes[at] >> 5, bytes[at] & 31);
        let extra = match info {
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => 0,
        };
        let mut argument = u64::from(info);
        if extra > 0 {
            argument = bytes[at + 1..at + 1 + extra]
                .iter()
                .fold(0, |n, b| n << 8 | u64::from(*b));
        }
        out.push((at, major, argument, 1 + extra));
        at += 1 + extra;
        if major == 2 || major == 3 {
            at += argument as usize;
        }
    }
    out
}

/// Other encodings of the same value, and the value with something appended.
fn other_forms(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for (at, major, argument, len) in heads(bytes) {
        // Simple values (false, true, null) have no longer form of interest: RFC 8949 forbids it outright.
        if major == 7 {
            continue;
        }
        for (info, width) in [(24u8, 1usize), (25, 2), (26, 4), (27, 8)] {
            if width < len {
                continue;
            }
            let mut form = bytes[..at].to_vec();
            form.push(major << 5 | info);
            form.extend_from_slice(&argument.to_be_bytes()[8 - width..]);
            form.extend_from_slice(&bytes[at + len..]);
            out.push(form);
        }
        if major == 2 || major == 3 {
            let mut form = bytes[..at].to_vec();
            let end = at + len + argument as usize;
            form.push(major << 5 | 31);
            form.extend_from_slice(&bytes[at..end]);
            form.push(0xff);
            form.extend_from_slice(&bytes[end..]);
            out.push(form);
        }
    }
    // The outermost array without a length, and with one more element.
    let mut open = bytes.to_vec();
    open[0] = 0x9f;
    open.push(0xff);
    out.push(open);
    let mut longer = bytes.to_vec();
    longer.push(0xf6);
    out.push(longer.clone());
    // An absent field at the end is left out, never null.
    if bytes[0] & 31 < 23 {
        longer[0] += 1;
        out.push(longer);
    }
    out.push(bytes[..bytes.len() - 1].to_vec());
    out
}

#[test]
fn every_kind_has_a_sample_and_a_name() {
    for (kind, name) in KINDS {
        let body = bodies::body(*kind, &mut Generator::new(1));
        assert_eq!((body.kind(), body.name()), (*kind, *name));
        assert_eq!(kind_name(*kind), *name);
    }
    assert_eq!(kind_name(9_999), "Unknown");
    assert_eq!(Body::from_kind_and_bytes(9_999, &[0x80]), None);
}

#[test]
fn each_context_is_a_signature_space_of_its_own() {
    let key = Keypair::from_seed([5; 32]);
    for signed_in in CONTEXTS {
        let signature = key.sign(signed_in, b"bytes");
        for read_in in CONTEXTS {
            assert_eq!(key.public().verify(read_in, b"bytes", &signature), signed_in == read_in);
            assert_eq!(
                crypto::hash(read_in, b"bytes") == crypto::hash(signed_in, b"bytes"),
                signed_in == read_in
            );
        }
    }
}

#[test]
fn a_statement_signed_for_one_purpose_is_not_taken_for_another() {
    let g = &mut Generator::new(3);
    let key = bodies::keypair(g);
    let project = bodies::hash(g);
    let statement = bodies::endorsement(g, project, &key).statement;
    let signature = key.sign(FinalVote::CONTEXT, &codec::encode(&statement));
    let crossed = Signed {
        statement: statement.clone(),
        by: key.public(),
        signature,
    };
    assert!(!crossed.verify());
    assert!(Signed::<Endorsement>::new(&key, statement).verify());
}

#[test]
fn the_envelope_has_limits() {
    let g = &mut Generator::new(9);
    let key = bodies::keypair(g);
    let body = bodies::body(36, g);
    let with = |change: &dyn Fn(&mut Draft)| {
        let mut draft = draft(&mut Generator::new(11));
        (draft.seq, draft.prev) = (3, Hash([1; 32]));
        change(&mut draft);
        Event::decode(&Event::sign(&key, draft, &body).encode())
    };
    assert!(with(&|_| ()).is_ok());
    assert!(matches!(with(&|d| d.seq = 0), Err(EventError::Rule(_))));
    assert!(matches!(with(&|d| d.prev = Hash::ZERO), Err(EventError::Rule(_))));
    let dep = bodies::event_ref(g);
    assert!(with(&|d| d.deps = vec![dep; MAX_DEPS]).is_ok());
    assert!(matches!(
        with(&|d| d.deps = vec![dep; MAX_DEPS + 1]),
        Err(EventError::Rule(_))
    ));
    assert!(matches!(
        Event::decode(&vec![0; MAX_EVENT_BYTES + 1]),
        Err(EventError::Codec(CodecError::TooLong { .. }))
    ));
}

#[test]
fn an_unknown_version_is_named() {
    let g = &mut Generator::new(2);
    let header = event(36, g).header().clone();
    let newer = codec::encode(&Header {
        version: EVENT_VERSION + 1,
        ..header
    });
    let wire = codec::encode(&(ByteVec::from(newer), Signature([0; 64])));
    assert_eq!(Event::decode(&wire), Err(EventError::Version(EVENT_VERSION + 1)));
}

#[test]
fn lists_in_a_wrong_order_are_refused() {
    let g = &mut Generator::new(21);
    loop {
        let Body::Proposed(mut proposed) = bodies::body(40, g) else {
            unreachable!()
        };
        if proposed.panel.len() < 2 {
            continue;
        }
        proposed.panel.reverse();
        let (kind, bytes) = Body::Proposed(proposed.clone()).to_kind_and_bytes();
        assert_eq!(Body::from_kind_and_bytes(kind, &bytes), None);
        proposed.panel[1] = proposed.panel[0].clone();
        let (kind, bytes) = Body::Proposed(proposed).to_kind_and_bytes();
        assert_eq!(Body::from_kind_and_bytes(kind, &bytes), None, "the same agent twice");
        break;
    }
    let refused = |change: &dyn Fn(&mut bzzz_core::body::Roster)| {
        let g = &mut Generator::new(4);
        let Body::RosterProposed(mut b) = bodies::body(2, g) else {
            unreachable!()
        };
        b.roster.readers = vec![bodies::key(g), bodies::key(g)];
        b.roster.readers.sort();
        let good = Body::RosterProposed(b.clone()).to_kind_and_bytes();
        assert!(Body::from_kind_and_bytes(good.0, &good.1).is_some());
        change(&mut b.roster);
        let (kind, bytes) = Body::RosterProposed(b).to_kind_and_bytes();
        assert_eq!(Body::from_kind_and_bytes(kind, &bytes), None);
    };
    refused(&|r| r.readers.reverse());
    refused(&|r| r.readers[0] = r.pools[0].seats[0].node);
    refused(&|r| r.pools[0].weight = 0);
    refused(&|r| r.pools[0].weight = 1_001);
    refused(&|r| r.pools[0].seats.clear());
    refused(&|r| r.pools.clear());
    refused(&|r| r.pools.push(r.pools[0].clone()));
    refused(&|r| r.pools[0].owner = "a\nb".into());
}

#[test]
fn a_number_that_not_every_language_holds_is_refused() {
    let body = |amount_microusd| Body::ChunkDrawn(ChunkDrawn { amount_microusd }).to_kind_and_bytes();
    for (amount, accepted) in [
        (0, true),
        (MAX_NUMBER, true),
        (MAX_NUMBER + 1, false),
        (u64::MAX, false),
    ] {
        let (kind, bytes) = body(amount);
        assert_eq!(Body::from_kind_and_bytes(kind, &bytes).is_some(), accepted, "{amount}");
    }
    // Bytes of a text that look like a number are none.
    let action = String::from_utf8(vec![0x1b; 9]).expect("control characters");
    let (kind, bytes) = Body::AdminActed(AdminActed { action }).to_kind_and_bytes();
    assert!(Body::from_kind_and_bytes(kind, &bytes).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_body_round_trips_and_has_one_form(seed in any::<u64>()) {
        for (number, _) in KINDS {
            let g = &mut Generator::new(seed ^ u64::from(*number));
            let body = bodies::body(*number, g);
            let (kind, bytes) = body.to_kind_and_bytes();
            prop_assert_eq!(Body::from_kind_and_bytes(kind, &bytes), Some(body));
            for form in other_forms(&bytes) {
                prop_assert_eq!(Body::from_kind_and_bytes(kind, &form), None, "kind {} as {:02x?}", kind, form);
            }
        }
    }

    #[test]
    fn every_event_round_trips_and_one_flipped_bit_is_refused(seed in any::<u64>(), flips in prop::collection::vec(any::<u32>(), 12)) {
        for (number, _) in KINDS {
            let g = &mut Generator::new(seed ^ u64::from(*number));
            let event = event(*number, g);
            let wire = event.encode();
            prop_assert_eq!(&Event::decode(&wire).unwrap(), &event);
            prop_assert!(event.body().is_some());
            for flip in &flips {
                let bit = *flip as usize % (wire.len() * 8);
                let mut bad = wire.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(Event::decode(&bad).is_err(), "kind {number}, bit {bit}");
            }
        }
    }

    #[test]
    fn other_forms_of_an_event_are_refused(seed in any::<u64>()) {
        let g = &mut Generator::new(seed);
        let kind = g.pick(KINDS).0;
        let event = event(kind, g);
        let key = bodies::keypair(g);
        for form in other_forms(&event.encode()) {
            prop_assert!(Event::decode(&form).is_err());
        }
        // The author signs a signed part in another form: the signature is right, the form is not.
        let signed = codec::encode(&Header { node: key.public(), ..event.header().clone() });
        for form in other_forms(&signed) {
            let signature = key.sign(Context::Event, &form);
            let wire = codec::encode(&(ByteVec::from(form), signature));
            prop_assert!(matches!(Event::decode(&wire), Err(EventError::Codec(_))));
        }
    }

    #[test]
    fn decoding_never_panics(seed in any::<u64>(), noise in prop::collection::vec((any::<u32>(), any::<u8>()), 1..20), junk in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Event::decode(&junk);
        let _ = bzzz_core::certificate::Certificate::decode(&junk);
        let g = &mut Generator::new(seed);
        let kind = g.pick(KINDS).0;
        let _ = Body::from_kind_and_bytes(kind, &junk);
        let event = event(kind, g);
        let mut wire = event.encode();
        for (at, byte) in &noise {
            let at = *at as usize % wire.len();
            wire[at] = *byte;
            if let Ok(event) = Event::decode_trusted(&wire) {
                let _ = event.body();
            }
        }
        wire.truncate(noise[0].0 as usize % wire.len());
        let _ = Event::decode_trusted(&wire);
    }
}

#[test]
fn an_endorsement_without_the_agents_word_for_this_node_is_refused() {
    let g = &mut Generator::new(11);
    let (host, thief) = (bodies::keypair(g), bodies::keypair(g));
    let project = bodies::hash(g);
    let good = bodies::endorsement(g, project, &host);
    let check = |by: &Keypair, endorsement: Signed<Endorsement>| {
        let body = Body::AgentEndorsed(AgentEndorsed { endorsement });
        let draft = Draft {
            project,
            incarnation: 0,
            seq: 0,
            prev: Hash::ZERO,
            hlc: Hlc(1),
            epoch: 0,
            deps: vec![],
        };
        Checked::check(&Event::sign(by, draft, &body).encode()).is_ok()
    };
    assert!(check(&host, good.clone()));
    assert!(!check(&thief, Signed::new(&thief, good.statement.clone())));
    let mut other = good.statement.clone();
    other.id.push('2');
    assert!(!check(&host, Signed::new(&host, other)), "another id");
    let mut anew = good.statement;
    anew.max_tasks += 1;
    assert!(check(&host, Signed::new(&host, anew)), "what the node alone says");
}
