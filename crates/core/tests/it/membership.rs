//! Who gets in and who has to go: by whose word, and against whose.

use bzzz_core::body::*;
use bzzz_core::crypto::{Hash, Keypair, PublicKey};
use bzzz_core::event::Event;
use bzzz_core::node::{Admit, Command, CommandError};
use bzzz_core::roster::UNITS_PER_WEIGHT;
use bzzz_core::state::{MAX_CONSENTS, MAX_VOUCHED_SEATS, Question, Wish};

use crate::mesh::{Mesh, forge};
use crate::world::{Member, World};

fn four() -> World {
    let pools = [("ann", 1, 1), ("bob", 1, 1), ("cat", 1, 1), ("dan", 1, 1)];
    World::new(&pools, 0, Authority::Home)
}

fn remove(node: PublicKey, events: u64) -> Body {
    let change = MembershipChange::Remove {
        node,
        incarnation: 0,
        events,
    };
    Body::MembershipConsented(MembershipConsented { change })
}

fn request(w: &World, newcomer: &Keypair, owner: &str, voting: bool) -> Signed<JoinStatement> {
    let statement = JoinStatement {
        project: w.project(),
        owner: owner.into(),
        operator: newcomer.public(),
        voting,
    };
    Signed::new(newcomer, statement)
}

fn admit(join: &Signed<JoinStatement>) -> Body {
    let change = MembershipChange::Admit(join.clone());
    Body::MembershipConsented(MembershipConsented { change })
}

fn questions(w: &World) -> Vec<Question> {
    let state = w.state();
    state.membership.questions(&state.rosters)
}

fn carried(w: &World) -> bool {
    questions(w).iter().any(|q| q.enough)
}

// What the state says.

#[test]
fn a_new_owner_needs_more_than_two_thirds() {
    let mut w = four();
    let join = request(&w, &Keypair::from_seed([90; 32]), "eve", true);
    for (i, enough) in [(0, false), (1, false), (2, true)] {
        w.append(i, admit(&join));
        assert_eq!(carried(&w), enough, "after {}", i + 1);
    }
    let question = &questions(&w)[0];
    assert_eq!(
        (question.weight, question.wish.clone()),
        (3 * UNITS_PER_WEIGHT, Wish::Admit(join))
    );
    assert!(question.binds(&w.members[2].node()));
    assert!(
        !question.binds(&w.members[3].node()),
        "who has not consented is not ready"
    );
}

#[test]
fn two_requests_of_one_node_are_two_questions() {
    let mut w = four();
    let key = Keypair::from_seed([90; 32]);
    for (i, owner) in [(0, "eve"), (1, "eve"), (2, "fay"), (3, "fay")] {
        let join = request(&w, &key, owner, true);
        w.append(i, admit(&join));
    }
    assert_eq!(questions(&w).len(), 2);
    assert!(!carried(&w));
}

#[test]
fn a_pool_lets_its_own_in_and_no_other() {
    for (by, owner, voting, enough) in [
        (1, "bob", true, true),
        (0, "bob", true, false),
        (1, "bob", false, false),
        (1, "eve", true, false),
    ] {
        let mut w = four();
        let join = request(&w, &Keypair::from_seed([90; 32]), owner, voting);
        w.append(by, admit(&join));
        assert_eq!(carried(&w), enough, "{by} {owner} {voting}");
    }
}

#[test]
fn a_removal_needs_two_thirds_of_the_others_and_half_of_all() {
    let mut w = four();
    let node = w.members[3].node();
    w.append(3, remove(node, 0));
    for (i, enough) in [(0, false), (1, false), (2, true)] {
        w.append(i, remove(node, u64::from(i as u8)));
        assert_eq!(carried(&w), enough, "after {}", i + 1);
    }
    assert!(
        questions(&w)[0].binds(&node),
        "its own node does not stand in the way of the others"
    );

    let mut three = World::three();
    let node = three.members[2].node();
    three.append(0, remove(node, 0));
    assert!(!carried(&three));
    three.append(1, remove(node, 0));
    assert!(carried(&three));

    // Two thirds of the others and no half of all: a minority would rule.
    let mut heavy = World::new(&[("ann", 1, 1), ("bob", 1, 1), ("cat", 3, 1)], 0, Authority::Home);
    let node = heavy.members[2].node();
    heavy.append(0, remove(node, 0));
    heavy.append(1, remove(node, 0));
    assert!(!carried(&heavy));
}

#[test]
fn the_latest_word_counts_and_leaving_is_final() {
    let mut w = four();
    let node = w.members[3].node();
    for i in 0..3 {
        w.append(i, remove(node, 0));
    }
    let change = MembershipChange::Withdraw { node };
    w.append(0, Body::MembershipConsented(MembershipConsented { change }));
    assert!(!carried(&w), "it was taken back");
    let change = MembershipChange::Leave;
    let left = w.append(3, Body::MembershipConsented(MembershipConsented { change }));
    assert!(carried(&w));
    let change = MembershipChange::Withdraw { node };
    w.append(3, Body::MembershipConsented(MembershipConsented { change }));
    let question = &questions(&w)[0];
    assert_eq!((question.wish.clone(), question.enough), (Wish::Leave, true));
    assert_eq!(question.places.last(), Some(&(0, left.header().seq + 1)));
}

/// The next roster comes into force by the signatures of some, written by a member.
fn comes_into_force(w: &mut World, by: usize, next: Roster, signers: &[usize]) -> RosterChanged {
    let change = w.change(&next, signers);
    w.append(by, Body::RosterChanged(change.clone()));
    w.rosters.push(next);
    change
}

#[test]
fn who_writes_a_roster_or_its_leave_again_does_not_move_its_end() {
    let mut w = four();
    let node = w.members[3].node();
    let reader = |w: &World, seed| {
        let key = Keypair::from_seed([seed; 32]);
        let join = request(w, &key, "eve", false);
        w.roster().with_member(key.public(), &join.statement).expect("a roster")
    };
    let next = reader(&w, 90);
    let first = comes_into_force(&mut w, 3, next, &[0, 1, 2]);
    let place = w.state().roster_place(&node).expect("a place");
    assert_eq!(place, (0, w.members[3].written()), "behind what it wrote");
    for _ in 0..3 {
        w.append(3, Body::RosterChanged(first.clone()));
        assert_eq!(w.state().roster_place(&node), Some(place));
    }
    let next = reader(&w, 91);
    let second = comes_into_force(&mut w, 3, next, &[0, 1, 2]);
    let later = w.state().roster_place(&node).expect("a place");
    assert_eq!(later, (0, w.members[3].written()), "another roster is another place");
    for change in [first, second] {
        w.append(3, Body::RosterChanged(change));
        assert_eq!(w.state().roster_place(&node), Some(later));
    }
    let leave = || {
        let change = MembershipChange::Leave;
        Body::MembershipConsented(MembershipConsented { change })
    };
    let left = w.append(3, leave()).header().seq + 1;
    w.append(3, leave());
    assert_eq!(w.state().membership.left(&node), Some((0, left)));
}

#[test]
fn a_pool_lets_in_so_many_and_no_more_however_many_go_again() {
    let mut w = World::three();
    let vouched = |w: &mut World, seed: u8| {
        let join = request(w, &Keypair::from_seed([seed; 32]), "cat", true);
        w.append(2, admit(&join));
        let found = questions(w).into_iter().find(|q| q.wish == Wish::Admit(join.clone()));
        (join, found.is_some_and(|q| q.enough))
    };
    for seed in 100..100 + MAX_VOUCHED_SEATS as u8 - 1 {
        let join = request(&w, &Keypair::from_seed([seed; 32]), "cat", true);
        let next = w.roster().with_member(join.by, &join.statement).expect("a roster");
        comes_into_force(&mut w, 0, next, &[0, 1, 2]);
        if seed == 100 {
            assert!(vouched(&mut w, 201).1, "there is room");
        }
        let cut = Cut {
            node: join.by,
            incarnation: 0,
            events: 0,
        };
        let next = w.roster().without_member(&cut).expect("a roster");
        assert_eq!(next.cuts, [cut], "only whom it removes itself");
        comes_into_force(&mut w, 0, next, &[0, 1, 2]);
    }
    let (join, enough) = vouched(&mut w, 200);
    assert!(!enough, "one seat is left in the pool, and the rest have gone");
    for i in 0..2 {
        w.append(i, admit(&join));
    }
    assert!(carried(&w), "a quorum may");
    let state = w.state();
    assert_eq!(state.rosters.cuts().count(), MAX_VOUCHED_SEATS - 1);
    let gone = Keypair::from_seed([100; 32]);
    let again = request(&w, &gone, "cat", true);
    assert!(state.rosters.was_removed(&gone.public()) && !state.rosters.latest().removes(&gone.public()));
    let why = state.rosters.admit(gone.public(), &again.statement);
    assert!(why.is_err_and(|why| why.contains("new key")));
    for i in 0..3 {
        w.append(i, admit(&again));
    }
    assert!(
        questions(&w).iter().all(|q| q.node != gone.public()),
        "nobody comes back"
    );
}

#[test]
fn a_member_without_a_vote_shows_a_request_and_weighs_nothing() {
    let mut w = World::new(&[("ann", 1, 1), ("bob", 1, 1)], 1, Authority::Home);
    let join = request(&w, &Keypair::from_seed([90; 32]), "ann", true);
    w.append(2, admit(&join));
    let question = &questions(&w)[0];
    assert_eq!((question.weight, question.enough, question.seats.len()), (0, false, 0));
    let removal = remove(w.members[0].node(), 0);
    w.append(2, removal);
    assert!(questions(&w).iter().all(|q| q.places.is_empty()));
}

#[test]
fn the_words_of_one_author_are_bounded() {
    let mut w = World::three();
    for n in 0..=MAX_CONSENTS {
        let mut seed = [91; 32];
        seed[..2].copy_from_slice(&(n as u16).to_be_bytes());
        let join = request(&w, &Keypair::from_seed(seed), "eve", true);
        w.append(0, admit(&join));
    }
    assert_eq!(questions(&w).len(), MAX_CONSENTS);
}

#[test]
fn a_request_for_another_project_or_forged_is_refused_for_good() {
    let w = World::three();
    let key = Keypair::from_seed([90; 32]);
    let good = request(&w, &key, "eve", true);
    let check = |join: &Signed<JoinStatement>| {
        let body = admit(join);
        let event = forge(&w.members[0].key, w.project(), 1, Hash::ZERO, w.now_ms, &body);
        bzzz_core::state::check_statements(&event, &body).is_ok()
    };
    assert!(check(&good));
    for project in [Hash::ZERO, Hash([7; 32])] {
        let statement = JoinStatement {
            project,
            ..good.statement.clone()
        };
        assert!(!check(&Signed::new(&key, statement)));
    }
    let forged = Signed {
        by: w.members[1].node(),
        ..good
    };
    assert!(!check(&forged));
}

// What nodes do.

#[test]
fn one_seat_alone_removes_nobody_and_enough_do() {
    let mut mesh = Mesh::of(&four(), Admit::Ask, &[]);
    let (project, node) = (mesh.project, mesh.me(3));
    let before = mesh.p(0).feeds.total();
    for (i, gone) in [(0, false), (1, false), (2, true)] {
        mesh.command(i, Command::Remove { project, node })
            .expect("a seat may say so");
        assert_eq!(!mesh.has(0, &node), gone, "after {}", i + 1);
    }
    assert!(mesh.p(0).feeds.total() > before);
    let cut = mesh.p(0).state.rosters.latest().cuts[0];
    assert!(
        cut.node == node && cut.events > 0,
        "what it had written stands: {cut:?}"
    );
    let again = mesh.command(
        0,
        Command::Admit {
            project,
            node,
            owner: None,
        },
    );
    assert!(matches!(again, Err(CommandError::Conflict(why)) if why.contains("same key")));
}

#[test]
fn a_third_of_three_goes_by_the_word_of_the_two_others() {
    let mut mesh = Mesh::of(&World::three(), Admit::Ask, &[]);
    let (project, node) = (mesh.project, mesh.me(2));
    mesh.command(0, Command::Remove { project, node }).expect("a word");
    assert!(mesh.has(1, &node));
    mesh.command(1, Command::Remove { project, node }).expect("a word");
    assert!(!mesh.has(0, &node) && !mesh.has(1, &node));
}

#[test]
fn who_leaves_is_let_go_by_all_and_does_nothing_more() {
    let mut mesh = Mesh::of(&four(), Admit::Ask, &[]);
    let (project, node) = (mesh.project, mesh.me(3));
    mesh.command(3, Command::Leave { project }).expect("anybody may");
    assert!((0..3).all(|i| !mesh.has(i, &node)));
    let (cut, left) = (
        mesh.p(0).state.rosters.latest().cuts[0],
        mesh.p(0).state.membership.left(&node),
    );
    assert_eq!(
        Some((cut.incarnation, cut.events)),
        left,
        "its feed ends behind its word"
    );
    assert!(mesh.command(3, Command::Leave { project }).is_err());
}

#[test]
fn the_last_vote_stays() {
    let w = World::new(&[("ann", 1, 1)], 1, Authority::Home);
    let mut mesh = Mesh::of(&w, Admit::Ask, &[]);
    let project = mesh.project;
    let left = mesh.command(0, Command::Leave { project });
    assert!(matches!(left, Err(CommandError::Conflict(_))));
    mesh.command(1, Command::Leave { project }).expect("a reader may go");
    assert!(!mesh.has(0, &mesh.me(1)));
}

#[test]
fn a_newcomer_of_another_owner_comes_in_when_enough_say_so() {
    let mut mesh = Mesh::of(&four(), Admit::Ask, &[]);
    let new = mesh.newcomer(50, "eve");
    let (project, node) = (mesh.project, mesh.me(new));
    for (i, inside) in [(0, false), (1, false), (2, true)] {
        mesh.command(
            i,
            Command::Admit {
                project,
                node,
                owner: None,
            },
        )
        .expect("it has asked");
        assert_eq!(mesh.has(0, &node), inside, "after {}", i + 1);
    }
    mesh.pass(20_000);
    assert!(mesh.p(new).is_seat(), "it has learnt of it");
    let stranger = Member::new(60).node();
    let unknown = mesh.command(
        0,
        Command::Admit {
            project,
            node: stranger,
            owner: None,
        },
    );
    assert!(matches!(unknown, Err(CommandError::NotFound { .. })));
}

#[test]
fn an_owner_lets_its_own_in_by_one_word() {
    let mut mesh = Mesh::of(&four(), Admit::Ask, &[]);
    let new = mesh.newcomer(50, "bob");
    let (project, node) = (mesh.project, mesh.me(new));
    let total = mesh.p(0).state.rosters.latest().total_weight();
    mesh.command(
        0,
        Command::Admit {
            project,
            node,
            owner: None,
        },
    )
    .expect("it has asked");
    assert!(!mesh.has(0, &node), "another owner's word is not enough");
    mesh.command(
        1,
        Command::Admit {
            project,
            node,
            owner: None,
        },
    )
    .expect("it has asked");
    assert!(mesh.has(0, &node));
    assert_eq!(mesh.p(0).state.rosters.latest().total_weight(), total);
}

/// Whether seats with more than a third of the weight of the latest roster have each change of the last epochs in their feeds.
fn every_change_is_kept(mesh: &Mesh, i: usize) -> bool {
    let state = &mesh.p(i).state;
    let roster = state.rosters.latest();
    (1..=roster.epoch).all(|epoch| {
        let holders = state.roster_holders.get(&epoch).into_iter().flatten();
        roster.is_third(roster.weight_of_all(holders))
    })
}

#[test]
fn the_changes_of_earlier_epochs_are_kept_where_more_than_a_third_of_the_weight_is() {
    let mut mesh = Mesh::of(&four(), Admit::Ask, &[]);
    let project = mesh.project;
    for (seed, owner) in [(50, "eve"), (51, "fay"), (52, "gus")] {
        let new = mesh.newcomer(seed, owner);
        let node = mesh.me(new);
        let count = mesh.p(0).state.rosters.latest().seat_count();
        for i in (0..count).take_while(|i| *i <= count * 2 / 3) {
            let admit = Command::Admit {
                project,
                node,
                owner: None,
            };
            mesh.command(i, admit).expect("it has asked");
        }
        assert!(mesh.has(0, &node), "{owner}");
    }
    mesh.pass(60_000);
    assert_eq!(mesh.p(0).state.rosters.latest().epoch, 3);
    assert!(every_change_is_kept(&mesh, 0));
    // Who holds the first change goes: those who stay repeat it.
    let holders = mesh.p(0).state.roster_holders[&1].clone();
    let gone = (0..7).find(|i| holders.contains(&mesh.me(*i))).expect("a holder");
    let node = mesh.me(gone);
    let stay: Vec<usize> = (0..7).filter(|i| *i != gone).collect();
    for i in &stay[..5] {
        mesh.command(*i, Command::Remove { project, node }).expect("a word");
    }
    assert!(!mesh.has(stay[0], &node));
    mesh.pass(60_000);
    assert!(every_change_is_kept(&mesh, stay[0]));
}

#[test]
fn a_person_lets_in_by_the_request_that_was_seen() {
    let mut w = four();
    let mut mesh = Mesh::of(&w, Admit::Ask, &[3]);
    w.now_ms = mesh.now_ms;
    let new = mesh.newcomer(50, "eve");
    let (project, node) = (mesh.project, mesh.me(new));
    // It asks again, now for a place in the pool of the one who has looked at its first request.
    let key = Member::new(50).key;
    let other = request(&w, &key, "ann", true);
    mesh.ask(0, &other);
    let named = |owner: &str| Command::Admit {
        project,
        node,
        owner: Some(owner.into()),
    };
    assert!(matches!(
        mesh.command(0, named("ann")),
        Err(CommandError::NotFound { .. })
    ));
    mesh.command(0, named("eve")).expect("the first request");
    let said = mesh
        .p(0)
        .state
        .membership
        .said(&mesh.me(0), &node)
        .map(|c| c.change.clone());
    assert!(matches!(said, Some(MembershipChange::Admit(join)) if join.statement.owner == "eve"));
    // Another member vouches for the other request: who has not been asked must say which one is meant.
    mesh.stop(new);
    let event = w.append(3, admit(&other));
    mesh.publish(w.members[3].node(), &[event]);
    mesh.command(2, Command::Withdraw { project, node })
        .expect("a request waited here");
    let unnamed = Command::Admit {
        project,
        node,
        owner: None,
    };
    assert!(
        matches!(mesh.command(2, unnamed), Err(CommandError::Conflict(why)) if why.contains("ann") && why.contains("eve"))
    );
    assert!(!mesh.has(0, &node));
}

#[test]
fn open_nodes_ask_nobody() {
    let mut mesh = Mesh::of(&four(), Admit::Open, &[]);
    let new = mesh.newcomer(50, "eve");
    let node = mesh.me(new);
    assert!(mesh.has(0, &node) && mesh.p(new).is_seat());
}

#[test]
fn who_proposed_may_be_gone_and_another_goes_on() {
    let mut mesh = Mesh::of(
        &World::new(
            &[
                ("ann", 1, 1),
                ("bob", 1, 1),
                ("cat", 1, 1),
                ("dan", 1, 1),
                ("eve", 1, 1),
            ],
            0,
            Authority::Home,
        ),
        Admit::Ask,
        &[],
    );
    let (project, node) = (mesh.project, mesh.me(4));
    for i in 0..2 {
        mesh.command(i, Command::Remove { project, node }).expect("a word");
    }
    assert!(mesh.has(3, &node));
    // The founder, who would propose it, is away while the last words are said.
    mesh.stop(0);
    for i in 2..4 {
        mesh.command(i, Command::Remove { project, node }).expect("a word");
    }
    mesh.pass(60_000);
    assert!(!mesh.has(3, &node), "the next in line has proposed it");
    mesh.restart(0);
    mesh.pass(30_000);
    assert!(!mesh.has(0, &node));
}

/// Everything that one seat can say for a roster, from its next number on.
fn press(w: &mut World, i: usize, next: &Roster, consent: Option<Body>) -> Vec<Event> {
    let (roster, epoch) = (next.hash(), next.epoch);
    let signature = next.sign(&w.members[i].key, w.project(), 0);
    let ready = next.prepare(&w.members[i].key, w.project(), 0);
    let mut bodies: Vec<Body> = consent.into_iter().collect();
    bodies.push(Body::RosterProposed(RosterProposed { roster: next.clone() }));
    bodies.push(Body::RosterPrepared(RosterPrepared {
        roster,
        epoch,
        round: 0,
        signature: ready,
    }));
    bodies.push(Body::RosterSigned(RosterSigned {
        roster,
        epoch,
        round: 0,
        signature,
        prepares: vec![],
    }));
    bodies.into_iter().map(|body| w.append(i, body)).collect()
}

/// Also where it holds a third of the weight, or half of it.
#[test]
fn a_seat_that_lies_moves_nobody() {
    let pools = [("ann", 1, 1), ("bob", 1, 1), ("cat", 1, 1), ("dan", 1, 1)];
    for seats in 2..=4 {
        lies_are_in_vain(World::new(&pools[4 - seats..], 0, Authority::Home), seats - 1);
    }
}

fn lies_are_in_vain(mut w: World, last: usize) {
    let mut mesh = Mesh::of(&w, Admit::Ask, &[last]);
    w.now_ms = mesh.now_ms;
    let (liar, victim) = (w.members[last].node(), w.members[0].node());
    let cut = |events| Cut {
        node: victim,
        incarnation: 0,
        events,
    };
    let sock = Keypair::from_seed([90; 32]);
    let mine = request(&w, &sock, "sock", true);
    let reader = request(&w, &sock, "dan", false);
    let first = w.roster().owner(&victim).expect("an owner").to_owned();
    let elsewhere = request(&w, &sock, &first, true);
    let roster = w.roster().clone();
    let newcomer = |join: &Signed<JoinStatement>| roster.with_member(sock.public(), &join.statement).expect("a roster");
    let out = |events| roster.without_member(&cut(events)).expect("a roster");
    let lies = [
        (out(1), None),
        (out(1), Some(remove(victim, 1))),
        (out(0), Some(remove(victim, 0))),
        (newcomer(&mine), None),
        (newcomer(&mine), Some(admit(&mine))),
        (newcomer(&reader), Some(admit(&reader))),
        (newcomer(&elsewhere), Some(admit(&elsewhere))),
    ];
    for (next, consent) in lies {
        let events = press(&mut w, last, &next, consent);
        mesh.publish(liar, &events);
    }
    for i in 0..last {
        assert_eq!(mesh.p(i).state.rosters.latest(), &roster, "nothing has changed at {i}");
        assert!(
            mesh.p(i)
                .feeds
                .get(&w.members[last].feed())
                .is_some_and(|f| f.len() > 20),
            "it was heard"
        );
    }
}

#[test]
fn a_cut_below_what_was_accepted_is_not_made() {
    let mut w = four();
    let mut mesh = Mesh::of(&w, Admit::Ask, &[3]);
    w.now_ms = mesh.now_ms;
    let (liar, victim) = (w.members[3].node(), w.members[0].node());
    let project = mesh.project;
    let written = mesh.p(1).feeds.get(&mesh.p(0).feed()).expect("a feed").len();
    assert!(written > 1);
    // Two honest want it out; the third word is the liar's, with a cut at the beginning, and another far beyond the end.
    for events in [0, u64::MAX] {
        let cut = Cut {
            node: victim,
            incarnation: 0,
            events,
        };
        let next = w.roster().without_member(&cut).expect("a roster");
        let events = press(&mut w, 3, &next, Some(remove(victim, events)));
        mesh.publish(liar, &events);
    }
    for i in [1, 2] {
        mesh.command(i, Command::Remove { project, node: victim })
            .expect("a word");
    }
    mesh.pass(60_000);
    let latest = mesh.p(1).state.rosters.latest();
    assert!(!latest.is_member(&victim), "enough want it");
    assert!((written..1_000).contains(&latest.cuts[0].events), "{:?}", latest.cuts);
}

/// Its removal waits for a seat that is away. Meanwhile it writes again what brought an old roster; whoever proposed where its feed
/// ends would have to propose anew each time.
#[test]
fn who_is_to_go_goes_although_it_repeats_a_roster() {
    let mut w = four();
    let mut mesh = Mesh::of(&w, Admit::Ask, &[3]);
    let (project, node) = (mesh.project, mesh.me(3));
    let new = mesh.newcomer(50, "bob");
    let admit = Command::Admit {
        project,
        node: mesh.me(new),
        owner: None,
    };
    mesh.command(1, admit).expect("it has asked");
    let change = mesh.p(0).state.rosters.changes_to(1)[0].clone();
    let mut again = |mesh: &mut Mesh| {
        w.now_ms = mesh.now_ms;
        let event = w.append(3, Body::RosterChanged(change.clone()));
        mesh.publish(node, &[event]);
        w.members[3].written()
    };
    let first = again(&mut mesh);
    for i in [2, new, 1] {
        mesh.command(i, Command::Remove { project, node }).expect("a word");
    }
    mesh.stop(2);
    mesh.command(0, Command::Remove { project, node }).expect("a word");
    let proposals = |mesh: &Mesh| {
        let all = mesh.p(0).state.roster_proposals.values();
        all.filter(|(roster, _)| roster.removes(&node)).count()
    };
    assert_eq!(
        (proposals(&mesh), mesh.has(0, &node)),
        (1, true),
        "it is not signed by enough"
    );
    for _ in 0..5 {
        again(&mut mesh);
    }
    assert_eq!(proposals(&mesh), 1, "what was proposed is still wanted");
    mesh.restart(2);
    for _ in 0..5 {
        again(&mut mesh);
    }
    assert!(!mesh.has(0, &node) && !mesh.has(2, &node));
    let cut = mesh.p(0).state.rosters.cut(&node, 0);
    assert_eq!(cut, Some(first), "behind the first writing");
}

#[test]
fn what_the_format_cannot_say_is_refused_instead_of_written_for_oneself() {
    let mut mesh = Mesh::of(&four(), Admit::Ask, &[]);
    let project = mesh.project;
    let before = mesh.p(0).feeds.total();
    let far = MAX_PHASE_MS + 1;
    let timing = Timing {
        findings_ms: far,
        commit_ms: 1,
        reveal_ms: 1,
        evidence_ms: 1,
        final_ms: 1,
    };
    let opened = mesh.command(
        0,
        Command::OpenThread {
            project,
            kind: ThreadKind::Discussion,
            task: "t".into(),
            title: "t".into(),
            subject: None,
            roles: vec![],
            timing,
            budget_microusd: 0,
        },
    );
    assert!(
        matches!(&opened, Err(CommandError::Invalid(why)) if why.contains("thirty days")),
        "{opened:?}"
    );
    assert_eq!(mesh.p(0).feeds.total(), before, "nothing was written");
}
