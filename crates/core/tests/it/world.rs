//! A project with several nodes, and replicas that receive its events in any order.

use bzzz_core::blob::{Blob, BlobRef};
use bzzz_core::body::*;
use bzzz_core::change::{ChangeSet, Subject};
use bzzz_core::crypto::{Hash, Keypair, PublicKey};
use bzzz_core::event::{Draft, Event, EventRef, FeedId};
use bzzz_core::feed::{Feeds, Offer};
use bzzz_core::hlc::Hlc;
use bzzz_core::state::{Meta, State, check_statements};

/// When every world begins: a Unix time in milliseconds.
pub const START_MS: u64 = 1_790_000_000_000;
/// Later than everything that happens in a world.
pub const LATER_MS: u64 = START_MS * 2;

/// A node as its own author.
#[derive(Clone)]
pub struct Member {
    pub key: Keypair,
    pub operator: Keypair,
    pub incarnation: u64,
    seq: u64,
    prev: Hash,
    hlc: Hlc,
}

impl Member {
    pub fn new(n: u8) -> Self {
        Member {
            key: Keypair::from_seed([n + 1; 32]),
            operator: Keypair::from_seed([n + 101; 32]),
            incarnation: 0,
            seq: 0,
            prev: Hash::ZERO,
            hlc: Hlc::default(),
        }
    }

    pub fn node(&self) -> PublicKey {
        self.key.public()
    }

    pub fn feed(&self) -> FeedId {
        FeedId {
            node: self.node(),
            incarnation: self.incarnation,
        }
    }

    /// How many events it has written in this life.
    pub fn written(&self) -> u64 {
        self.seq
    }
}

/// A project, its members, and everything that they have written, in the order of writing.
#[derive(Clone)]
pub struct World {
    pub members: Vec<Member>,
    pub genesis: Event,
    pub events: Vec<Event>,
    pub rosters: Vec<Roster>,
    pub now_ms: u64,
}

impl World {
    /// A project with pools `(owner, weight, seats)` and readers. Members are numbered in this order.
    pub fn new(pools: &[(&str, u32, u8)], readers: u8, authority: Authority) -> World {
        World::with_policy(pools, readers, authority, Answers::Majority)
    }

    /// [`World::new`] with a rule for answers.
    pub fn with_policy(pools: &[(&str, u32, u8)], readers: u8, authority: Authority, answers: Answers) -> World {
        let seats: u8 = pools.iter().map(|p| p.2).sum();
        let mut members: Vec<Member> = (0..seats + readers).map(Member::new).collect();
        let mut next = members.iter();
        let pool = |(owner, weight, seats): &(&str, u32, u8)| {
            let mut seats: Vec<Seat> = next
                .by_ref()
                .take(usize::from(*seats))
                .map(|m| Seat {
                    node: m.node(),
                    operator: m.operator.public(),
                })
                .collect();
            seats.sort();
            Pool {
                owner: (*owner).into(),
                weight: *weight,
                seats,
            }
        };
        let mut roster = Roster {
            epoch: 0,
            prev: Hash::ZERO,
            pools: pools.iter().map(pool).collect(),
            readers: vec![],
            cuts: vec![],
        };
        roster.readers = members[usize::from(seats)..].iter().map(Member::node).collect();
        roster.readers.sort();
        let shares = members[..2]
            .iter()
            .map(|m| Share {
                node: m.node(),
                amount_microusd: 5_000_000,
            })
            .collect();
        let body = Body::Genesis(Genesis {
            name: "atlas".into(),
            nonce: Hash([42; 32]),
            roster: roster.clone(),
            policy: Policy {
                authority,
                shares,
                answers,
            },
        });
        let genesis = write(&mut members[0], Hash::ZERO, 0, START_MS, vec![], &body);
        World {
            members,
            events: vec![genesis.clone()],
            genesis,
            rosters: vec![roster],
            now_ms: START_MS,
        }
    }

    /// Three owners of equal weight with one node each.
    pub fn three() -> World {
        World::new(&[("ann", 1, 1), ("bob", 1, 1), ("cat", 1, 1)], 0, Authority::Home)
    }

    pub fn project(&self) -> Hash {
        self.genesis.hash()
    }

    pub fn roster(&self) -> &Roster {
        &self.rosters[self.rosters.len() - 1]
    }

    /// Member `i` writes an event that rests on others.
    pub fn append_on(&mut self, i: usize, deps: Vec<EventRef>, body: &Body) -> Event {
        self.now_ms += 10;
        let (project, epoch, now_ms) = (self.project(), self.roster().epoch, self.now_ms);
        let event = write(&mut self.members[i], project, epoch, now_ms, deps, body);
        self.events.push(event.clone());
        event
    }

    /// Member `i` writes an event.
    pub fn append(&mut self, i: usize, body: Body) -> Event {
        self.append_on(i, vec![], &body)
    }

    /// Member `i` begins a new life with a wall clock that may lie behind its old one.
    pub fn restart(&mut self, i: usize, clock_behind_ms: u64) {
        let before = self.members[i].incarnation;
        let member = &mut self.members[i];
        let hlc = Hlc::from_ms(member.hlc.ms().saturating_sub(clock_behind_ms));
        *member = Member {
            incarnation: before + 1,
            seq: 0,
            prev: Hash::ZERO,
            hlc,
            ..member.clone()
        };
        self.append(i, Body::IncarnationStarted(IncarnationStarted { before }));
    }

    /// Another signed event with the number of member `i`'s last one: the second half of a fork.
    pub fn fork(&self, i: usize, body: &Body) -> Event {
        let last = self
            .events
            .iter()
            .rfind(|e| e.feed() == self.members[i].feed())
            .expect("the member has written");
        let h = last.header();
        let draft = Draft {
            project: h.project,
            incarnation: h.incarnation,
            seq: h.seq,
            prev: h.prev,
            hlc: h.hlc,
            epoch: h.epoch,
            deps: vec![],
        };
        Event::sign(&self.members[i].key, draft, body)
    }

    /// The next roster with `signers` under it.
    pub fn change(&self, next: &Roster, signers: &[usize]) -> RosterChanged {
        let mut signatures: Vec<MemberSignature> = signers
            .iter()
            .map(|i| MemberSignature {
                node: self.members[*i].node(),
                signature: next.sign(&self.members[*i].key, self.project(), 0),
            })
            .collect();
        signatures.sort_by_key(|s| s.node);
        RosterChanged {
            roster: next.clone(),
            round: 0,
            signatures,
        }
    }

    /// The roster to come, to be altered by the caller.
    pub fn next_roster(&self) -> Roster {
        Roster {
            epoch: self.roster().epoch + 1,
            prev: self.roster().hash(),
            cuts: vec![],
            ..self.roster().clone()
        }
    }

    pub fn agent(&self, i: usize, id: &str) -> Keypair {
        self.members[i].key.agent(&self.project(), id)
    }

    pub fn endorsement(&self, i: usize, id: &str, model: Option<&str>) -> Signed<Endorsement> {
        Signed::new(
            &self.members[i].key,
            Endorsement {
                project: self.project(),
                agent: self.agent(i, id).public(),
                id: id.into(),
                role: id.split('-').next().unwrap_or(id).into(),
                capabilities: vec!["review".into()],
                specialization: String::new(),
                max_tasks: 3,
                model: model.map(Into::into),
                consent: AgentConsent::sign(&self.agent(i, id), self.project(), self.members[i].node(), id),
            },
        )
    }

    pub fn text(&self, text: &str) -> BlobRef {
        let secret = self.members[0].key.derive("salt", text.as_bytes());
        Blob::new(&secret, text.as_bytes().to_vec()).reference()
    }

    /// The text of a change that adds this line, between two commits.
    pub fn changed_line(&self, line: &str) -> Blob {
        let diff = format!("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+{line}\n");
        let mut set = ChangeSet::from_diff("main...work", diff.as_bytes());
        set.base = Some("1".repeat(40));
        set.head = Some("2".repeat(40));
        let secret = self.members[0].key.derive("salt", line.as_bytes());
        Blob::new(&secret, set.to_cbor().expect("a change"))
    }

    pub fn thread(&mut self, home: usize) -> Hash {
        self.thread_asking(home, &[])
    }

    /// A review that asks these roles.
    pub fn thread_asking(&mut self, home: usize, roles: &[&str]) -> Hash {
        self.thread_with(home, roles, "change").hash()
    }

    /// A review of this text.
    pub fn thread_about(&mut self, home: usize, change: &str) -> Event {
        self.thread_with(home, &[], change)
    }

    fn thread_with(&mut self, home: usize, roles: &[&str], change: &str) -> Event {
        let (title, change) = (self.text("title"), self.changed_line(change));
        let set = ChangeSet::from_cbor(&change.bytes).expect("a change");
        let body = ThreadOpened {
            kind: ThreadKind::Review,
            task: "review".into(),
            title,
            subject: Some(change.reference()),
            roles: roles.iter().map(|r| (*r).to_owned()).collect(),
            timing: Timing {
                findings_ms: 1_000,
                commit_ms: 1_000,
                reveal_ms: 1_000,
                evidence_ms: 1_000,
                final_ms: 1_000,
            },
            budget_microusd: 0,
            digest: Some(Subject::new(&change.salt, &set).hash()),
        };
        self.append(home, Body::ThreadOpened(body))
    }

    /// The event that opened a thread.
    pub fn opening(&self, thread: Hash) -> &Event {
        self.events
            .iter()
            .find(|e| e.hash() == thread)
            .expect("an opened thread")
    }

    /// The state of one who has received everything in the order of writing.
    pub fn state(&self) -> State {
        let mut replica = Replica::new(&self.genesis);
        for event in &self.events {
            replica.offer(event, LATER_MS);
        }
        replica.state
    }
}

fn write(member: &mut Member, project: Hash, epoch: u32, now_ms: u64, deps: Vec<EventRef>, body: &Body) -> Event {
    member.hlc = member.hlc.tick(now_ms.saturating_sub(skew_ms(member)));
    let draft = Draft {
        project,
        incarnation: member.incarnation,
        seq: member.seq,
        prev: member.prev,
        hlc: member.hlc,
        epoch,
        deps,
    };
    let event = Event::sign(&member.key, draft, body);
    member.seq += 1;
    member.prev = event.hash();
    event
}

/// Members' clocks disagree, so that events interleave and some have equal times.
fn skew_ms(member: &Member) -> u64 {
    u64::from(member.node().0[0] % 4) * 10
}

/// One node's view: feeds and state, as the node keeps them.
pub struct Replica {
    pub feeds: Feeds,
    pub state: State,
    pub accepted: Vec<Event>,
    pub refused: Vec<&'static str>,
    genesis: Event,
}

impl Replica {
    pub fn new(genesis: &Event) -> Replica {
        let mut replica = Replica {
            feeds: Feeds::default(),
            state: State::new(genesis).expect("a genesis event"),
            accepted: Vec::new(),
            refused: Vec::new(),
            genesis: genesis.clone(),
        };
        replica.offer(genesis, LATER_MS);
        replica
    }

    /// Takes an event, and whatever it was that held others up.
    pub fn offer(&mut self, event: &Event, now_ms: u64) {
        self.offer_all(vec![event.clone()], now_ms);
    }

    pub fn time_passed(&mut self, now_ms: u64) {
        let ready = self.feeds.time_passed(now_ms);
        self.offer_all(ready, now_ms);
    }

    fn offer_all(&mut self, mut queue: Vec<Event>, now_ms: u64) {
        while let Some(event) = queue.pop() {
            match self.feeds.offer(&event, &self.state.rosters, now_ms) {
                Offer::Ready => queue.extend(self.accept(&event)),
                Offer::Fork => queue.extend(self.end(event.feed(), event.header().seq)),
                Offer::Refused(why) => self.refused.push(why),
                Offer::Known | Offer::Held | Offer::Full | Offer::OtherSide => {}
            }
        }
    }

    fn accept(&mut self, event: &Event) -> Vec<Event> {
        let mut ready = self.feeds.accept(event);
        self.accepted.push(event.clone());
        let Some(body) = event.body() else { return ready };
        if let Err(why) = check_statements(event, &body) {
            panic!("a world writes true statements: {why}");
        }
        let before = self.state.rosters.latest().epoch;
        self.state.apply(&Meta::of(event), &body);
        let roster = self.state.rosters.latest().clone();
        if roster.epoch > before {
            ready.extend(self.feeds.epoch_known(roster.epoch));
            for cut in &roster.cuts {
                let later: Vec<FeedId> = self
                    .feeds
                    .heads()
                    .map(|(id, _, _)| id)
                    .filter(|id| id.node == cut.node && id.incarnation > cut.incarnation)
                    .collect();
                let feed = FeedId {
                    node: cut.node,
                    incarnation: cut.incarnation,
                };
                ready.extend(self.end(feed, cut.events));
                for id in later {
                    ready.extend(self.end(id, 0));
                }
            }
        }
        ready
    }

    fn end(&mut self, id: FeedId, at: u64) -> Vec<Event> {
        let ended = self.feeds.end(id, at);
        if ended.refold {
            self.accepted.retain(|e| e.feed() != id || e.header().seq < at);
            self.state = fold(&self.genesis, &self.accepted);
        }
        ended.ready
    }
}

/// The plain fold of events in the order given.
pub fn fold(genesis: &Event, events: &[Event]) -> State {
    let mut state = State::new(genesis).expect("a genesis event");
    for event in events {
        if let Some(body) = event.body() {
            state.apply(&Meta::of(event), &body);
        }
    }
    state
}
