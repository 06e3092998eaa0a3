//! A long, varied and fully signed history of a project, made piece by piece.
//!
//! Twenty nodes in four groups write threads with tasks, claims, leases, findings and messages. What a group writes rests
//! only on events of the same group, so the groups can be signed side by side, and the result is the same on every machine.
//! One event in twenty goes to one big thread; one node, which writes a twentieth of everything, is heard a day late. Each event
//! rests on those that it follows from, so the history is in an order in which nothing has to wait.

use std::collections::VecDeque;

use bzzz_core::blob::BlobRef;
use bzzz_core::body::*;
use bzzz_core::crypto::{Hash, Keypair, PublicKey};
use bzzz_core::event::{Draft, Event, EventRef, FeedId};
use bzzz_core::hlc::Hlc;

/// When the history begins, Unix milliseconds: far enough in the past to be no future on any machine.
const START_MS: u64 = 1_750_000_000_000;
/// How many days it spans.
const DAYS: u64 = 10;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
const GROUPS: usize = 4;
const GROUP_NODES: usize = 5;
/// Events of one group's turn in a piece: large enough that starting a thread costs nothing beside it.
const PIECE: usize = 2_048;
/// Events of a thread from its opening to its end.
const CYCLE: usize = 40;
/// Steps of a cycle in which messages are written.
const MESSAGES: std::ops::Range<usize> = 17..35;

/// The history; call [`Corpus::next_piece`] until it is empty.
pub struct Corpus {
    /// The project's first event.
    pub genesis: Event,
    groups: Vec<Group>,
    prologue: Vec<Event>,
    late: VecDeque<(u64, Event)>,
    late_node: PublicKey,
    delay: u64,
    delivered: u64,
    total: u64,
}

impl Corpus {
    /// A history of about `total` events after the genesis, in a project that has `home` as a member without a vote.
    pub fn new(total: u64, home: PublicKey) -> Corpus {
        let keys: Vec<Keypair> = (0..GROUPS * GROUP_NODES)
            .map(|n| Keypair::from_seed([n as u8 + 1; 32]))
            .collect();
        let genesis = found(&keys, home);
        let project = genesis.hash();
        let step_ms = (DAYS * DAY_MS / total.max(1)).max(1);
        let mut groups: Vec<Group> = keys
            .chunks(GROUP_NODES)
            .enumerate()
            .map(|(number, keys)| Group::new(number, keys, project, step_ms))
            .collect();
        groups[0].authors[0] = Author {
            seq: 1,
            prev: genesis.hash(),
            hlc: genesis.header().hlc,
            ..groups[0].authors[0].clone()
        };
        let mut prologue = vec![genesis.clone()];
        let big = groups[0].open_big();
        prologue.push(big.clone());
        for group in &mut groups {
            group.big = big.reference();
            prologue.extend(group.endorse());
        }
        Corpus {
            genesis,
            late_node: groups[GROUPS - 1].authors[GROUP_NODES - 1].key.public(),
            groups,
            prologue,
            late: VecDeque::new(),
            delay: total / DAYS,
            delivered: 0,
            total,
        }
    }

    /// The next events in the order in which a node hears of them; empty at the end.
    pub fn next_piece(&mut self) -> Vec<Event> {
        let mut out = std::mem::take(&mut self.prologue);
        if self.delivered >= self.total {
            out.extend(self.late.drain(..).map(|(_, event)| event));
            return out;
        }
        let left = (self.total - self.delivered).div_ceil(GROUPS as u64);
        let each = PIECE.min(usize::try_from(left).unwrap_or(PIECE));
        let written: Vec<Vec<Event>> = std::thread::scope(|scope| {
            let work: Vec<_> = self
                .groups
                .iter_mut()
                .map(|group| scope.spawn(move || (0..each).map(|_| group.next()).collect()))
                .collect();
            // A panic in there is a fault of this file.
            work.into_iter().map(|w| w.join().expect("a group writes")).collect()
        });
        let mut written: Vec<_> = written.into_iter().map(Vec::into_iter).collect();
        for _ in 0..each {
            for event in written.iter_mut().filter_map(Iterator::next) {
                self.delivered += 1;
                if event.node() == self.late_node {
                    self.late.push_back((self.delivered + self.delay, event));
                } else {
                    out.push(event);
                }
            }
            while self.late.front().is_some_and(|(due, _)| *due <= self.delivered) {
                out.extend(self.late.pop_front().map(|(_, event)| event));
            }
        }
        out
    }
}

fn found(keys: &[Keypair], home: PublicKey) -> Event {
    let mut pools: Vec<Pool> = keys
        .chunks(GROUP_NODES)
        .enumerate()
        .map(|(n, keys)| {
            let mut seats: Vec<Seat> = keys
                .iter()
                .map(|k| Seat {
                    node: k.public(),
                    operator: k.public(),
                })
                .collect();
            seats.sort_unstable();
            Pool {
                owner: format!("owner-{n}"),
                weight: 1,
                seats,
            }
        })
        .collect();
    pools.sort_by(|a, b| a.owner.cmp(&b.owner));
    let body = Body::Genesis(Genesis {
        name: "history".to_owned(),
        nonce: Hash([42; 32]),
        roster: Roster {
            epoch: 0,
            prev: Hash::ZERO,
            pools,
            readers: vec![home],
            cuts: vec![],
        },
        policy: Policy {
            authority: Authority::Home,
            shares: vec![],
            answers: Answers::Majority,
        },
    });
    let draft = Draft {
        project: Hash::ZERO,
        incarnation: 0,
        seq: 0,
        prev: Hash::ZERO,
        hlc: Hlc::from_ms(START_MS),
        epoch: 0,
        deps: vec![],
    };
    Event::sign(&keys[0], draft, &body)
}

/// A node as its own author, with one agent.
#[derive(Clone)]
struct Author {
    key: Keypair,
    agent: Keypair,
    seq: u64,
    prev: Hash,
    hlc: Hlc,
}

/// Nodes that write about the same threads.
struct Group {
    number: usize,
    project: Hash,
    authors: Vec<Author>,
    big: EventRef,
    written: u64,
    step_ms: u64,
    thread: Option<EventRef>,
    tasks: Vec<EventRef>,
    claims: Vec<EventRef>,
    acks: Vec<EventRef>,
}

impl Group {
    fn new(number: usize, keys: &[Keypair], project: Hash, step_ms: u64) -> Group {
        let authors = keys
            .iter()
            .map(|key| Author {
                agent: key.agent(&project, "reviewer-1"),
                key: key.clone(),
                seq: 0,
                prev: Hash::ZERO,
                hlc: Hlc::default(),
            })
            .collect();
        Group {
            number,
            project,
            authors,
            big: EventRef {
                feed: FeedId {
                    node: keys[0].public(),
                    incarnation: 0,
                },
                seq: 0,
                hash: Hash::ZERO,
            },
            written: 0,
            step_ms,
            thread: None,
            tasks: vec![],
            claims: vec![],
            acks: vec![],
        }
    }

    fn now_ms(&self) -> u64 {
        START_MS + (self.written * GROUPS as u64 + self.number as u64) * self.step_ms
    }

    fn write(&mut self, author: usize, deps: Vec<EventRef>, body: &Body) -> Event {
        let (project, now) = (self.project, self.now_ms());
        let author = &mut self.authors[author];
        author.hlc = author.hlc.tick(now);
        let me = author.key.public();
        let draft = Draft {
            project,
            incarnation: 0,
            seq: author.seq,
            prev: author.prev,
            hlc: author.hlc,
            epoch: 0,
            deps: deps.into_iter().filter(|d| d.feed.node != me).collect(),
        };
        let event = Event::sign(&author.key, draft, body);
        author.seq += 1;
        author.prev = event.hash();
        event
    }

    fn endorse(&mut self) -> Vec<Event> {
        (0..GROUP_NODES)
            .map(|n| {
                let author = &self.authors[n];
                let id = format!("reviewer-{}-{n}", self.number);
                let endorsement = Endorsement {
                    project: self.project,
                    agent: author.agent.public(),
                    role: "reviewer".to_owned(),
                    capabilities: vec!["review".to_owned()],
                    specialization: String::new(),
                    max_tasks: 3,
                    model: None,
                    consent: AgentConsent::sign(&author.agent, self.project, author.key.public(), &id),
                    id,
                };
                let endorsement = Signed::new(&author.key, endorsement);
                self.write(n, vec![], &Body::AgentEndorsed(AgentEndorsed { endorsement }))
            })
            .collect()
    }

    fn open_big(&mut self) -> Event {
        let body = self.opening();
        self.write(0, vec![], &body)
    }

    fn opening(&self) -> Body {
        Body::ThreadOpened(ThreadOpened {
            kind: ThreadKind::Discussion,
            task: "review".to_owned(),
            title: self.text(1),
            subject: None,
            roles: vec!["reviewer".to_owned(), "security".to_owned()],
            timing: Timing {
                findings_ms: 30_000,
                commit_ms: 6_000,
                reveal_ms: 6_000,
                evidence_ms: 6_000,
                final_ms: 12_000,
            },
            budget_microusd: 100_000,
            digest: None,
        })
    }

    /// A text that is not here: its name is all that an event carries of it.
    fn text(&self, about: u64) -> BlobRef {
        let place = (self.number as u64) << 48 | self.written << 8 | about;
        let material = self.authors[0].key.derive("bench text", &place.to_be_bytes());
        BlobRef {
            hash: Hash(material),
            len: 200 + place % 1_000,
        }
    }

    fn next(&mut self) -> Event {
        let step = (self.written as usize) % CYCLE;
        let cycle = (self.written as usize) / CYCLE;
        // The last node of each group only talks: nothing rests on one that is heard late.
        let busy = GROUP_NODES - 1;
        let home = cycle % busy;
        let helper = |n: usize| (home + 1 + n) % busy;
        let thread = self.thread.unwrap_or(self.big);
        let event = match step {
            0 => {
                let body = self.opening();
                let event = self.write(home, vec![], &body);
                self.thread = Some(event.reference());
                self.tasks.clear();
                self.claims.clear();
                self.acks.clear();
                event
            }
            1..=4 => {
                let body = TaskAnnounced {
                    thread: Some(thread.hash),
                    title: self.text(2),
                    role: "reviewer".to_owned(),
                    capabilities: vec!["review".to_owned()],
                    lease_ms: 30_000,
                    priority: 3,
                };
                let event = self.write(home, vec![thread], &Body::TaskAnnounced(body));
                self.tasks.push(event.reference());
                event
            }
            5..=8 => {
                let (task, who) = (self.tasks[step - 5], helper(step));
                let body = TaskClaimed {
                    task: task.hash,
                    agent: self.authors[who].agent.public(),
                    load: 1,
                };
                let event = self.write(who, vec![task], &Body::TaskClaimed(body));
                self.claims.push(event.reference());
                event
            }
            9..=12 => {
                let (task, claim, who) = (self.tasks[step - 9], self.claims[step - 9], helper(step - 4));
                let body = ClaimAcked {
                    task: task.hash,
                    agent: self.authors[who].agent.public(),
                    owner: claim.feed,
                    token: 1,
                    until_ms: self.now_ms() + 30_000,
                };
                let event = self.write(home, vec![claim], &Body::ClaimAcked(body));
                self.acks.push(event.reference());
                event
            }
            13..=16 => {
                let (task, ack, who) = (self.tasks[step - 13], self.acks[step - 13], helper(step - 8));
                let findings = Findings {
                    project: self.project,
                    thread: thread.hash,
                    list: self.text(3),
                    count: 3,
                    veto: false,
                    task: Some(task.hash),
                    token: Some(1),
                    partial: false,
                };
                let findings = Signed::new(&self.authors[who].agent, findings);
                let body = Body::FindingsPosted(FindingsPosted { findings });
                self.write(who, vec![thread, ack], &body)
            }
            step if MESSAGES.contains(&step) => self.message(step, thread),
            35..=38 => {
                let (task, ack, who) = (self.tasks[step - 35], self.acks[step - 35], helper(step - 30));
                let body = TaskCompleted {
                    task: task.hash,
                    token: 1,
                    ok: true,
                    result: None,
                };
                self.write(who, vec![ack], &Body::TaskCompleted(body))
            }
            _ => {
                let body = ThreadClosed {
                    thread: thread.hash,
                    resolved: true,
                };
                self.write(home, vec![thread], &Body::ThreadClosed(body))
            }
        };
        self.written += 1;
        event
    }

    fn message(&mut self, step: usize, thread: EventRef) -> Event {
        let n = step - MESSAGES.start;
        // Eight of forty steps are the last node's: a twentieth of everything is the late node's.
        let who = if n % 9 < 8 && n.is_multiple_of(2) {
            GROUP_NODES - 1
        } else {
            step % (GROUP_NODES - 1)
        };
        let thread = if matches!(n, 3 | 13) { self.big } else { thread };
        let message = Message {
            project: self.project,
            thread: thread.hash,
            kind: MessageKind::Note,
            text: self.text(4),
            parents: vec![thread.hash],
            to: None,
            idempotency_key: None,
        };
        let message = Signed::new(&self.authors[who].agent, message);
        self.write(who, vec![thread], &Body::MessagePosted(MessagePosted { message }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_history_is_what_it_says() {
        let mut corpus = Corpus::new(4_000, PublicKey([9; 32]));
        let mut events = Vec::new();
        loop {
            let piece = corpus.next_piece();
            if piece.is_empty() {
                break;
            }
            events.extend(piece);
        }
        let written = events.len() - 1 - 1 - GROUPS * GROUP_NODES;
        assert_eq!(written, 4_000);
        let late = events.iter().filter(|e| e.node() == corpus.late_node).count() - 1;
        assert_eq!(late, 200);
        let mut threads: BTreeMap<Hash, usize> = BTreeMap::new();
        for event in &events {
            assert!(event.verify().is_ok());
            if let Some(Body::MessagePosted(b)) = event.body() {
                *threads.entry(b.message.statement.thread).or_default() += 1;
            }
        }
        assert_eq!(threads.values().max(), Some(&200));
    }
}
