//! The simulated world: one queue of happenings in virtual time, and the nodes that they happen to.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use super::check::Check;
use super::clock::Clock;
use super::dice::Dice;
use super::disk::Disk;
use super::log::Log;
use super::members::Group;
use super::net::Net;
use super::script::Script;
use super::{Config, Failure, Summary, Violation};
use crate::crypto::{Hash, PublicKey};
use crate::node::{Input, Node, NodeConfig};
use crate::wire::Wire;

/// After the faults the world has so long to come to rest, virtual milliseconds.
pub(super) const QUIET_LIMIT_MS: u64 = 8 * 60_000;

/// Something that will happen.
#[derive(Debug)]
pub(super) enum Happening {
    /// An answer of a node's own surroundings; void if the node has died since.
    Local { node: usize, life: u32, input: Box<Input> },
    /// A message arrives.
    Message {
        to: usize,
        from: PublicKey,
        wire: Rc<Wire>,
        gossip: bool,
    },
    /// An fsync comes back.
    Fsync { node: usize, life: u32, upto: usize },
    /// A node asked to be called.
    Wake { node: usize, life: u32, at: u64 },
    /// A connection comes to stand.
    Link(usize, usize),
    /// A connection breaks.
    Sever(usize, usize),
    /// Somebody commands something.
    Script,
    /// A node dies.
    Crash,
    /// A dead node comes back.
    Restart { node: usize },
    /// A backup is taken.
    Backup,
    /// A group is cut in two.
    Partition,
    /// It is whole again.
    Heal { group: usize },
    /// A node can hear and not speak.
    Mute,
    /// A liar lies.
    Lie,
    /// A liar was given a reason to lie about a review.
    Provoked { node: usize, thread: Hash },
    /// Faults end.
    Calm,
    /// Looks whether all has come to rest.
    Rest,
}

/// Whom a node serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    /// It does what the core says.
    Honest,
    /// It lies.
    Byzantine,
}

/// A node and what surrounds it.
pub(super) struct Member {
    pub cfg: NodeConfig,
    pub me: PublicKey,
    pub group: usize,
    pub nature: Nature,
    pub node: Option<Node>,
    pub life: u32,
    pub disk: Disk,
    pub clock: Clock,
    /// True time of the next call, if one is due.
    pub wake: Option<u64>,
    pub muted_until: u64,
    /// How far its log was seen to be durable.
    pub witnessed: usize,
    pub busy: (u64, u32),
}

/// Is shown how far a run is, and says whether it goes on.
type Watch = Box<dyn FnMut(&Summary) -> bool>;

/// Happenings between two looks of whoever watches: some milliseconds of work.
const WATCH_EVERY: u64 = 1_000;

/// Everything.
pub(super) struct World {
    pub cfg: Config,
    pub dice: Dice,
    pub now: u64,
    /// Unix milliseconds at the start.
    pub base: u64,
    happened: u64,
    /// By time; of one time in the order in which they were planned.
    queue: BTreeMap<u64, VecDeque<Happening>>,
    pub members: Vec<Member>,
    pub index: BTreeMap<PublicKey, usize>,
    pub groups: Vec<Group>,
    pub net: Net,
    pub script: Script,
    pub wishes: super::wishes::Wishes,
    pub summary: Summary,
    pub check: Check,
    pub calm: bool,
    pub rested: bool,
    pub trace: Hash,
    pub log: Option<Log>,
    pub violation: Option<Violation>,
    pub watch: Option<Watch>,
}

impl World {
    /// Before anything happened. With a log, every step is written down.
    pub fn new(cfg: Config, log: Option<Log>) -> Self {
        let mut dice = Dice::new(cfg.seed, "world");
        // Some runs pass midnight, where daily limits turn over.
        let base = 1_800_000_000_000 / 86_400_000 * 86_400_000 + 86_400_000 - dice.below(600_000);
        let mut world = World {
            summary: Summary {
                nodes: cfg.nodes,
                seed: cfg.seed,
                ..Summary::default()
            },
            cfg,
            dice,
            now: 0,
            base,
            happened: 0,
            queue: BTreeMap::new(),
            members: Vec::new(),
            index: BTreeMap::new(),
            groups: Vec::new(),
            net: Net::default(),
            script: Script::default(),
            wishes: super::wishes::Wishes::default(),
            check: Check::default(),
            calm: false,
            rested: false,
            trace: Hash::ZERO,
            log,
            violation: None,
            watch: None,
        };
        world.populate();
        world.schedule_faults();
        world
    }

    /// Plans something.
    pub fn at(&mut self, at: u64, what: Happening) {
        self.queue.entry(at.max(self.now)).or_default().push_back(what);
    }

    /// Plans something for later.
    pub fn after(&mut self, delay: u64, what: Happening) {
        self.at(self.now + delay, what);
    }

    /// Notes the first invariant that breaks.
    pub fn violate(&mut self, invariant: &'static str, what: impl Into<String>) {
        if self.violation.is_none() {
            self.violation = Some(Violation {
                invariant,
                what: what.into(),
            });
        }
    }

    /// A node's own time.
    pub fn local(&self, n: usize) -> u64 {
        self.members[n].clock.read(self.base, self.now)
    }

    /// A member, for people.
    pub fn name(&self, n: usize) -> String {
        format!("n{n}")
    }

    /// Runs to the end.
    pub fn run(mut self) -> Result<Summary, Box<Failure>> {
        self.turn();
        let Some(violation) = self.violation.take() else {
            self.summary.virtual_ms = self.now;
            self.summary.trace = Some(self.trace);
            return Ok(self.summary);
        };
        let log = match self.log.take() {
            Some(log) => log.finish(&violation),
            None => {
                // The same again, this time written down.
                let log = Log::writer(&self.cfg);
                let config = self.cfg.clone();
                return Err(World::new(self.cfg, Some(log)).run().err().unwrap_or_else(|| {
                    Box::new(Failure {
                        config,
                        step: 0,
                        at_ms: 0,
                        violation: Violation {
                            invariant: "replay",
                            what: "a failure did not come again with the same seed".into(),
                        },
                        log: String::new(),
                    })
                }));
            }
        };
        Err(Box::new(Failure {
            step: self.summary.steps,
            at_ms: self.now,
            config: self.cfg,
            violation,
            log,
        }))
    }

    fn turn(&mut self) {
        while !self.rested && self.violation.is_none() {
            let Some(mut next) = self.queue.first_entry() else {
                break;
            };
            self.now = *next.key();
            // It stays until it is empty, for what happens now may plan more for this very time.
            let Some(what) = next.get_mut().pop_front() else {
                next.remove();
                continue;
            };
            self.happen(what);
            self.summary.interrupted |= !self.goes_on();
            if self.summary.interrupted {
                break;
            }
        }
    }

    /// Whether whoever watches lets the run go on.
    fn goes_on(&mut self) -> bool {
        self.happened += 1;
        match &mut self.watch {
            Some(watch) if self.happened.is_multiple_of(WATCH_EVERY) => {
                self.summary.virtual_ms = self.now;
                watch(&self.summary)
            }
            _ => true,
        }
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Local { node, life, input } if self.members[node].life == life => self.feed(node, *input),
            Happening::Local { .. } => {}
            Happening::Message { to, from, wire, gossip } => self.arrive(to, from, &wire, gossip),
            Happening::Fsync { node, life, upto } if self.members[node].life == life => self.synced(node, upto),
            Happening::Fsync { .. } => {}
            Happening::Wake { node, life, at } => {
                let member = &mut self.members[node];
                if member.life == life && member.wake == Some(at) {
                    member.wake = None;
                    self.feed(node, Input::Wake);
                }
            }
            Happening::Link(a, b) => self.link(a, b),
            Happening::Sever(a, b) => self.sever(a, b),
            Happening::Script => self.play(),
            Happening::Crash => self.crash_somebody(),
            Happening::Restart { node } => self.restart(node),
            Happening::Backup => self.back_up(),
            Happening::Partition => self.partition(),
            Happening::Heal { group } => self.heal(group),
            Happening::Mute => self.mute(),
            Happening::Lie => self.lie(),
            Happening::Provoked { node, thread } => self.answer_provocation(node, thread),
            Happening::Calm => self.calm_down(),
            Happening::Rest => self.look_for_rest(),
        }
    }
}
