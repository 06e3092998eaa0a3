//! Rosters that are shown ahead of their events: a page at a time, however many there are.

use bzzz_core::body::*;
use bzzz_core::crypto::{Hash, Keypair};
use bzzz_core::node::Admit;
use bzzz_core::wire::{ROSTERS_PAGE_BYTES, Wire, rosters_page};

use crate::mesh::Mesh;
use crate::world::World;

/// So many changes are some two and a half mebibytes: three pages.
const CHANGES: u32 = 150;

/// Three seats and 500 readers, whose weights go up and down.
fn chain(w: &mut World) -> Vec<RosterChanged> {
    let mut changes = vec![];
    for epoch in 1..=CHANGES {
        let mut next = w.next_roster();
        if epoch == 1 {
            let reader = |n: u16| {
                let mut seed = [77; 32];
                seed[..2].copy_from_slice(&n.to_be_bytes());
                Keypair::from_seed(seed).public()
            };
            next.readers = (0..500).map(reader).collect();
            next.readers.sort();
        }
        next.pools[0].weight = 1 + epoch % 2;
        changes.push(w.change(&next, &[0, 1, 2]));
        w.rosters.push(next);
    }
    changes
}

/// Two nodes of three, the first of which knows all rosters.
fn one_knows() -> (Mesh, World, Vec<RosterChanged>) {
    let mut w = World::three();
    let mut mesh = Mesh::of(&w, Admit::Ask, &[2]);
    let changes = chain(&mut w);
    let (project, from) = (mesh.project, mesh.me(2));
    let mut rest = &changes[..];
    while !rest.is_empty() {
        let page = rosters_page(rest);
        rest = &rest[page.len()..];
        let (changes, latest) = (page.to_vec(), CHANGES);
        mesh.receive(
            0,
            from,
            Wire::Rosters {
                project,
                changes,
                latest,
            },
        );
    }
    assert_eq!(mesh.p(0).newest_roster().epoch, CHANGES);
    (mesh.roster_pages, mesh.rosters_wanted) = (vec![], vec![]);
    (mesh, w, changes)
}

#[test]
fn all_rosters_come_page_after_page() {
    let (mut mesh, _, _) = one_knows();
    let (project, asks) = (mesh.project, mesh.me(1));
    let want = Wire::WantRosters { project, from: 1 };
    mesh.receive(0, asks, want.clone());
    assert_eq!(mesh.p(1).newest_roster(), mesh.p(0).newest_roster());
    assert_eq!(mesh.roster_pages.len(), 3, "{:?}", mesh.roster_pages);
    assert!(mesh.roster_pages.iter().all(|len| *len < ROSTERS_PAGE_BYTES + 100));
    assert!(mesh.rosters_wanted.is_sorted() && mesh.rosters_wanted.len() == 2);
    mesh.receive(0, asks, want.clone());
    assert_eq!(
        mesh.roster_pages.len(),
        3,
        "nobody is shown the same ones over and over"
    );
    mesh.now_ms += 2_001;
    mesh.receive(0, asks, want);
    assert_eq!(mesh.roster_pages.len(), 4, "a page was lost: it is shown again");
}

#[test]
fn who_knows_the_first_ones_goes_on_from_there() {
    let (mut mesh, _, changes) = one_knows();
    let (project, liar) = (mesh.project, mesh.me(2));
    let (first, latest) = (changes[..70].to_vec(), 70);
    let changes = first;
    mesh.receive(
        1,
        liar,
        Wire::Rosters {
            project,
            changes,
            latest,
        },
    );
    assert_eq!(mesh.p(1).newest_roster().epoch, 70);
    // It is shown the first page, as who has events beyond the end of a feed is: the rest is asked for.
    let asks = mesh.me(1);
    mesh.receive(0, asks, Wire::WantRosters { project, from: 1 });
    assert_eq!(mesh.p(1).newest_roster().epoch, CHANGES);
    assert_eq!(mesh.rosters_wanted[0], 71);
}

#[test]
fn who_says_to_know_more_and_shows_nothing_that_follows_is_not_asked_again_and_again() {
    let (mut mesh, _, changes) = one_knows();
    let (project, liar) = (mesh.project, mesh.me(2));
    let mut wrong = changes[0].clone();
    wrong.roster.prev = Hash([1; 32]);
    let message = Wire::Rosters {
        project,
        changes: vec![wrong],
        latest: u32::MAX,
    };
    mesh.receive(1, liar, message);
    assert!(mesh.rosters_wanted.is_empty(), "what it showed does not follow");
    let changes = vec![];
    mesh.receive(
        1,
        liar,
        Wire::Rosters {
            project,
            changes,
            latest: u32::MAX,
        },
    );
    assert_eq!(mesh.rosters_wanted, [1], "one small question for one message");
    assert_eq!(mesh.p(1).newest_roster().epoch, 0);
    // Nor does a first epoch that there is not do harm to who is asked.
    for from in [0, CHANGES + 1, u32::MAX] {
        mesh.receive(0, liar, Wire::WantRosters { project, from });
    }
}
