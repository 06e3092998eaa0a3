//! Rosters: weights, steps, quorums and room.

use super::*;
use crate::body::{Cut, JoinStatement, MAX_MEMBERS, MemberSignature, Pool, Roster, RosterChanged, Seat};
use crate::certificate::MAX_CERTIFICATE_BYTES;
use crate::codec;
use crate::crypto::{Hash, Keypair, Signature};
use crate::event::MAX_EVENT_BYTES;

fn seat(n: u8) -> Seat {
    let key = Keypair::from_seed([n; 32]).public();
    Seat {
        node: key,
        operator: key,
    }
}

fn roster(pools: &[(&str, u32, &[u8])]) -> Roster {
    let pools = pools
        .iter()
        .map(|(owner, weight, seats)| {
            let mut seats: Vec<_> = seats.iter().map(|n| seat(*n)).collect();
            seats.sort_unstable();
            Pool {
                owner: owner.to_string(),
                weight: *weight,
                seats,
            }
        })
        .collect();
    Roster {
        epoch: 0,
        prev: Hash::ZERO,
        pools,
        readers: vec![],
        cuts: vec![],
    }
}

#[test]
fn weight_comes_from_the_pool_not_from_the_number_of_agents() {
    let r = roster(&[("ann", 1, &[1, 2]), ("bob", 1, &[3])]);
    assert_eq!(r.total_weight(), 2 * UNITS_PER_WEIGHT);
    let node = |n| seat(n).node;
    let agent = |n: u8| Keypair::from_seed([100 + n; 32]).public();
    let w = r.voter_weights(&[(agent(1), node(1)), (agent(2), node(1)), (agent(3), node(3))]);
    assert_eq!(w[&agent(1)], UNITS_PER_WEIGHT / 4);
    assert_eq!(w[&agent(3)], UNITS_PER_WEIGHT);
    let stranger = r.voter_weights(&[(agent(1), node(9))]);
    assert_eq!(stranger[&agent(1)], 0);
}

#[test]
fn two_thirds_are_not_more_than_two_thirds() {
    assert!(!is_quorum(2, 3));
    assert!(is_quorum(667, 1000));
    assert!(!is_quorum(0, 0));
    assert!(is_quorum(u64::MAX, u64::MAX));
}

#[test]
fn a_roster_changes_by_one_member_at_a_time() {
    let r = roster(&[("ann", 1, &[1, 2]), ("bob", 1, &[3])]);
    let join = |owner: &str, voting| JoinStatement {
        project: Hash::ZERO,
        owner: owner.into(),
        operator: seat(9).operator,
        voting,
    };
    for (owner, voting) in [("ann", true), ("cat", true), ("cat", false)] {
        let next = r.with_member(seat(4).node, &join(owner, voting)).unwrap();
        assert!(r.is_one_step_to(&next), "{owner} {voting}");
    }
    let cut = Cut {
        node: seat(2).node,
        incarnation: 0,
        events: 5,
    };
    let mut less = r.without_member(&cut).unwrap();
    assert_eq!(r.step_to(&less), Some(Step::Went(cut)));
    let more = less.with_member(seat(5).node, &join("ann", true)).unwrap();
    assert!(more.cuts.is_empty(), "a roster names only those whom it removes itself");
    let uncut = Roster {
        cuts: vec![],
        ..less.clone()
    };
    assert!(!r.is_one_step_to(&uncut), "its feed is not cut");
    less.pools[1].weight = 100;
    assert!(!r.is_one_step_to(&less), "a weight changes beside it");
    let two = r.with_member(seat(4).node, &join("cat", true)).unwrap();
    let mut two = two.with_member(seat(5).node, &join("cat", true)).unwrap();
    (two.epoch, two.prev) = (1, r.hash());
    assert!(!r.is_one_step_to(&two), "two at once");
    let mut coup = roster(&[("mallory", 1, &[7])]);
    (coup.epoch, coup.prev) = (1, r.hash());
    coup.cuts = [1u8, 2, 3]
        .iter()
        .map(|n| Cut {
            node: seat(*n).node,
            incarnation: 0,
            events: 0,
        })
        .collect();
    assert!(!r.is_one_step_to(&coup), "everybody is replaced");
}

#[test]
fn however_many_have_gone_another_can_go() {
    let mut r = roster(&[("ann", 1, &[1, 2]), ("bob", 1, &[3])]);
    let mut longest = 0;
    for n in 0..=MAX_MEMBERS as u64 {
        let mut key = [7; 32];
        key[..8].copy_from_slice(&n.to_be_bytes());
        let node = PublicKey(key);
        let join = JoinStatement {
            project: Hash::ZERO,
            owner: "bob".into(),
            operator: node,
            voting: true,
        };
        let cut = Cut {
            node,
            incarnation: 0,
            events: 1,
        };
        r = r.with_member(node, &join).and_then(|r| r.without_member(&cut)).unwrap();
        longest = longest.max(codec::encode(&r).len());
    }
    let cut = Cut {
        node: seat(2).node,
        incarnation: u64::MAX,
        events: u64::MAX,
    };
    let less = r.without_member(&cut).unwrap();
    assert!(less.fits() && less.removes(&cut.node) && longest < 1_024, "{longest}");
}

#[test]
fn a_change_needs_more_than_two_thirds_of_the_roster_before() {
    let project = Hash([9; 32]);
    let r = roster(&[("ann", 1, &[1]), ("bob", 1, &[2]), ("cat", 1, &[3])]);
    let join = JoinStatement {
        project,
        owner: "dan".into(),
        operator: seat(4).node,
        voting: true,
    };
    let next = r.with_member(seat(4).node, &join).unwrap();
    let sign = |n: u8| {
        let key = Keypair::from_seed([n; 32]);
        MemberSignature {
            node: key.public(),
            signature: next.sign(&key, project, 0),
        }
    };
    let change = |who: &[u8]| RosterChanged {
        roster: next.clone(),
        round: 0,
        signatures: who.iter().map(|n| sign(*n)).collect(),
    };
    assert!(matches!(
        r.check_next(project, &change(&[1, 2])),
        Err(RosterError::NoQuorum { .. })
    ));
    assert!(matches!(
        r.check_next(project, &change(&[1, 1, 1])),
        Err(RosterError::NoQuorum { .. })
    ));
    assert!(matches!(
        r.check_next(project, &change(&[1, 2, 4])),
        Err(RosterError::NoQuorum { .. })
    ));
    assert_eq!(r.check_next(project, &change(&[1, 2, 3])), Ok(()));
    assert!(
        r.check_next(Hash([8; 32]), &change(&[1, 2, 3])).is_err(),
        "another project's signatures do not count"
    );
}

#[test]
fn a_roster_grows_only_as_long_as_its_event_has_room_for_all_signatures() {
    for (name_bytes, least) in [(128, 800), (40, MAX_MEMBERS)] {
        let mut r = roster(&[("ann", 1, &[1])]);
        let (mut count, mut chain) = (1, 0);
        let why = loop {
            let mut key = [7; 32];
            key[..8].copy_from_slice(&(count as u64).to_be_bytes());
            let node = PublicKey(key);
            let join = JoinStatement {
                project: Hash::ZERO,
                owner: format!("{count:0>name_bytes$}"),
                operator: node,
                voting: true,
            };
            match r.admit(node, &join) {
                Ok(next) => {
                    r = next;
                    chain += codec::encode(&r).len() + r.seat_count() * SIGNATURE_BYTES;
                }
                Err(why) => break why,
            }
            count += 1;
        };
        assert!(count >= least, "{count} members with names of {name_bytes} bytes");
        assert!(
            why.contains(if least == MAX_MEMBERS { "as many" } else { "fit" }),
            "{why}"
        );
        assert!(
            chain + 2 * MAX_EVENT_BYTES <= MAX_CERTIFICATE_BYTES,
            "all its changes have {chain} bytes"
        );
        let signature = MemberSignature {
            node: seat(1).node,
            signature: Signature([7; 64]),
        };
        let change = RosterChanged {
            round: u32::MAX,
            signatures: vec![signature; r.seat_count()],
            roster: r,
        };
        let room = codec::encode(&change).len() + ENVELOPE_BYTES - 1_024;
        assert!(room <= MAX_EVENT_BYTES, "{room}");
    }
}
