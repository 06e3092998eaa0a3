//! The simulated world: one queue of happenings in virtual time, and the nodes that they happen to.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::check::Check;
use super::clock::Clock;
use super::dice::Dice;
use super::disk::Disk;
use super::log::{self, Log, Step};
use super::members::Group;
use super::net::Net;
use super::script::Script;
use super::{Config, Failure, Summary, Violation};
use crate::crypto::{Hash, PublicKey};
use crate::node::{Effect, Input, Node, NodeConfig};
use crate::wire::Wire;

/// After the faults the world has so long to come to rest, virtual milliseconds.
pub(super) const QUIET_LIMIT_MS: u64 = 8 * 60_000;
/// Steps that one node may take at one instant: beyond it, it is running in a circle.
const MAX_STEPS_AT_ONCE: u32 = 20_000;

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

/// Everything.
pub(super) struct World {
    pub cfg: Config,
    pub dice: Dice,
    pub now: u64,
    /// Unix milliseconds at the start.
    pub base: u64,
    tie: u64,
    queue: BTreeMap<(u64, u64), Happening>,
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
    trace: Hash,
    log: Option<Log>,
    pub violation: Option<Violation>,
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
            tie: 0,
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
        };
        world.populate();
        world.schedule_faults();
        world
    }

    /// Plans something.
    pub fn at(&mut self, at: u64, what: Happening) {
        self.tie += 1;
        self.queue.insert((at.max(self.now), self.tie), what);
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
            let Some(((at, _), what)) = self.queue.pop_first() else {
                break;
            };
            self.now = at;
            self.happen(what);
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
            Happening::Calm => self.calm_down(),
            Happening::Rest => self.look_for_rest(),
        }
    }

    /// Gives a node an input, and carries out what it wants.
    pub fn feed(&mut self, n: usize, input: Input) {
        if self.members[n].node.is_none() {
            return;
        }
        if let Input::Answered { ask, .. } | Input::ModelFailed { ask, .. } = &input {
            self.close_call(n, *ask);
        }
        let described = match self.log {
            Some(Log::Writer(_) | Log::Reader { .. }) => log::describe_input(self, &input),
            _ => String::new(),
        };
        let presence_of = match &input {
            Input::Received {
                message: Wire::Presence(p),
                ..
            } => Some(p.by),
            _ => None,
        };
        let mark = log::mark_input(&input);
        self.take_step(n, mark, &described, |node, local| node.handle(local, input));
        if let Some(by) = presence_of {
            self.check_presence(n, &by);
        }
    }

    /// One step of a node: a panic in it is a violation, and ends the node.
    pub fn take_step(
        &mut self,
        n: usize,
        mark: Vec<u8>,
        input: &str,
        work: impl FnOnce(&mut Node, u64) -> Vec<Effect>,
    ) {
        let local = self.local(n);
        let Some(mut node) = self.members[n].node.take() else {
            return;
        };
        self.summary.steps += 1;
        let now = self.now;
        let busy = &mut self.members[n].busy;
        *busy = if busy.0 == now { (now, busy.1 + 1) } else { (now, 0) };
        if busy.1 > MAX_STEPS_AT_ONCE {
            self.violate(
                "progress",
                format!("{} takes endless steps at one instant", self.name(n)),
            );
        }
        let worked = catch_unwind(AssertUnwindSafe(|| {
            let effects = work(&mut node, local);
            (node, effects)
        }));
        match worked {
            Ok((node, effects)) => {
                self.members[n].node = Some(node);
                self.record(n, &mark, input, &effects);
                self.carry_out(n, effects);
                if self.violation.is_none() {
                    self.check_step(n);
                }
            }
            Err(panic) => {
                let text = panic
                    .downcast_ref::<String>()
                    .cloned()
                    .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
                self.record(n, &mark, input, &[]);
                self.violate(
                    "no-panic",
                    format!("{} panics: {}", self.name(n), text.unwrap_or_default()),
                );
            }
        }
    }

    /// Enters a step into the trace, and into the log if there is one.
    fn record(&mut self, n: usize, mark: &[u8], input: &str, effects: &[Effect]) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.trace.0);
        hasher.update(&self.now.to_le_bytes());
        hasher.update(&(n as u64).to_le_bytes());
        hasher.update(mark);
        for effect in effects {
            hasher.update(&log::mark_effect(effect));
        }
        self.trace = Hash(*hasher.finalize().as_bytes());
        if matches!(self.log, None | Some(Log::Silent)) {
            return;
        }
        let step = Step {
            step: self.summary.steps,
            at_ms: self.now,
            node: n,
            input: input.to_owned(),
            effects: effects.iter().map(|e| log::describe_effect(self, e)).collect(),
            trace: self.trace.short(),
        };
        if let Some(log) = &mut self.log
            && let Err(why) = log.push(step)
        {
            self.violate("replay", why);
        }
    }
}
