//! A few nodes as they are, in one process: everything that they send arrives at once, and every write succeeds.

use std::collections::VecDeque;

use bzzz_core::body::{Body, JoinStatement, Signed};
use bzzz_core::crypto::{Hash, Keypair, PublicKey};
use bzzz_core::event::{Event, FeedId};
use bzzz_core::ledger::Limits;
use bzzz_core::node::{
    Admit, AgentSpec, Command, CommandError, Effect, Input, Node, NodeConfig, Outcome, Pace, Project,
};
use bzzz_core::wire::Wire;

use crate::world::{Member, START_MS, World};

/// One node with what it has written down.
struct Host {
    node: Node,
    stored: Vec<Event>,
    up: bool,
}

/// Nodes that all reach each other.
pub struct Mesh {
    hosts: Vec<Host>,
    pub project: Hash,
    pub now_ms: u64,
    /// The lengths of all messages with rosters that were sent.
    pub roster_pages: Vec<usize>,
    /// From which epochs on rosters were asked for.
    pub rosters_wanted: Vec<u32>,
}

/// The settings of a node with a key of its own and one agent, so that it asks for a vote.
pub fn config(member: &Member, owner: &str, admit: Admit, join: Option<Option<Hash>>) -> NodeConfig {
    let agent = AgentSpec {
        id: format!("reviewer-{}", &member.node().to_string()[..8]),
        role: "reviewer".into(),
        capabilities: vec![],
        specialization: String::new(),
        max_tasks: 1,
        model: None,
    };
    NodeConfig {
        key: member.key.clone(),
        operator: member.operator.clone(),
        owner: owner.into(),
        incarnation: 0,
        agents: vec![agent],
        admit,
        join,
        limits: Limits {
            agent_microusd: None,
            agent_day_microusd: None,
            node_day_microusd: None,
            node_month_microusd: None,
            chunk_microusd: 1_000,
        },
        pace: Pace::default(),
    }
}

impl Mesh {
    /// The members of a world, one owner each, as running nodes; of those in `silent` only the key is used, by the test.
    pub fn of(world: &World, admit: Admit, silent: &[usize]) -> Mesh {
        let mut mesh = Mesh {
            hosts: vec![],
            project: world.project(),
            now_ms: START_MS + 60_000,
            roster_pages: vec![],
            rosters_wanted: vec![],
        };
        for (i, member) in world.members.iter().enumerate() {
            let owner = world.roster().owner(&member.node()).unwrap_or("reader").to_owned();
            let mut node = Node::new(config(member, &owner, admit, None));
            node.load_event(&Default::default(), &world.genesis);
            mesh.hosts.push(Host {
                node,
                stored: vec![world.genesis.clone()],
                up: !silent.contains(&i),
            });
        }
        for i in 0..mesh.hosts.len() {
            mesh.start(i);
        }
        mesh.pass(20_000);
        mesh
    }

    /// A newcomer that asks for a seat in whatever project it is offered. Returns its number.
    pub fn newcomer(&mut self, seed: u8, owner: &str) -> usize {
        let member = Member::new(seed);
        let node = Node::new(config(&member, owner, Admit::Ask, Some(None)));
        self.hosts.push(Host {
            node,
            stored: vec![],
            up: true,
        });
        let i = self.hosts.len() - 1;
        self.start(i);
        self.pass(10_000);
        i
    }

    fn start(&mut self, i: usize) {
        if !self.hosts[i].up {
            return;
        }
        let effects = self.hosts[i].node.start(self.now_ms);
        self.settle(i, effects);
        let me = self.me(i);
        for other in 0..self.hosts.len() {
            if other != i && self.hosts[other].up {
                let peer = self.me(other);
                self.input(i, Input::Connected { peer, loopback: false });
                self.input(
                    other,
                    Input::Connected {
                        peer: me,
                        loopback: false,
                    },
                );
            }
        }
    }

    pub fn me(&self, i: usize) -> PublicKey {
        self.hosts[i].node.me()
    }

    pub fn p(&self, i: usize) -> &Project {
        self.hosts[i].node.project(&self.project).expect("it has the project")
    }

    /// Whether node `i` counts `node` as a member.
    pub fn has(&self, i: usize, node: &PublicKey) -> bool {
        self.p(i).state.rosters.latest().is_member(node)
    }

    /// Time passes, in steps, for all nodes.
    pub fn pass(&mut self, ms: u64) {
        for _ in 0..ms / 500 {
            self.now_ms += 500;
            for i in 0..self.hosts.len() {
                if self.hosts[i].up {
                    self.input(i, Input::Wake);
                }
            }
        }
    }

    /// A command, and time for what follows from it.
    pub fn command(&mut self, i: usize, command: Command) -> Result<Outcome, CommandError> {
        let effects = self.hosts[i]
            .node
            .handle(self.now_ms, Input::Command { id: 77, command });
        let result = self.settle(i, effects).expect("an answer");
        self.pass(20_000);
        result
    }

    /// Events that a test has signed with a member's key reach everybody.
    pub fn publish(&mut self, from: PublicKey, events: &[Event]) {
        let message = Wire::Events {
            project: self.project,
            events: events.iter().map(|e| e.encode().into()).collect(),
            blobs: vec![],
        };
        for i in 0..self.hosts.len() {
            if self.hosts[i].up {
                let message = message.clone();
                self.input(
                    i,
                    Input::Received {
                        from,
                        message,
                        gossip: true,
                    },
                );
            }
        }
        self.pass(20_000);
    }

    /// A message reaches a node, and what follows from it happens.
    pub fn receive(&mut self, i: usize, from: PublicKey, message: Wire) {
        let gossip = false;
        self.input(i, Input::Received { from, message, gossip });
    }

    /// A request for a seat reaches a node, from the one that asks.
    pub fn ask(&mut self, i: usize, request: &Signed<JoinStatement>) {
        let message = Wire::Join(request.clone());
        let from = request.by;
        self.input(
            i,
            Input::Received {
                from,
                message,
                gossip: false,
            },
        );
    }

    /// Kills a node and brings it up from what it has written down.
    pub fn restart(&mut self, i: usize) {
        let cfg = self.hosts[i].node.config().clone();
        let mut node = Node::new(cfg);
        for event in &self.hosts[i].stored {
            node.load_event(&Default::default(), event);
        }
        self.hosts[i].node = node;
        self.hosts[i].up = true;
        self.start(i);
    }

    pub fn stop(&mut self, i: usize) {
        self.hosts[i].up = false;
        let peer = self.me(i);
        for other in 0..self.hosts.len() {
            if self.hosts[other].up {
                self.input(other, Input::Disconnected { peer });
            }
        }
    }

    fn input(&mut self, i: usize, input: Input) {
        let effects = self.hosts[i].node.handle(self.now_ms, input);
        self.settle(i, effects);
    }

    /// Carries out effects until nothing is left to do; the answer to the command, if there was one.
    fn settle(&mut self, i: usize, effects: Vec<Effect>) -> Option<Result<Outcome, CommandError>> {
        let mut answer = None;
        let mut queue: VecDeque<(usize, Effect)> = effects.into_iter().map(|e| (i, e)).collect();
        while let Some((i, effect)) = queue.pop_front() {
            let now = self.now_ms;
            let mut give = |hosts: &mut Vec<Host>, to: usize, input: Input| {
                if hosts[to].up {
                    let effects = hosts[to].node.handle(now, input);
                    queue.extend(effects.into_iter().map(|e| (to, e)));
                }
            };
            let from = self.me(i);
            match effect {
                Effect::Append { id, writes } => {
                    self.hosts[i].stored.extend(writes.into_iter().flat_map(|w| w.events));
                    give(&mut self.hosts, i, Input::Appended { id });
                }
                Effect::Store(write) => self.hosts[i].stored.extend(write.events),
                Effect::Broadcast { message, .. } => {
                    for to in (0..self.hosts.len()).filter(|to| *to != i) {
                        let message = message.clone();
                        give(
                            &mut self.hosts,
                            to,
                            Input::Received {
                                from,
                                message,
                                gossip: true,
                            },
                        );
                    }
                }
                Effect::Send { to, message } => {
                    match &message {
                        Wire::Rosters { .. } => self.roster_pages.push(message.encode().len()),
                        Wire::WantRosters { from, .. } => self.rosters_wanted.push(*from),
                        _ => {}
                    }
                    if let Some(to) = self.hosts.iter().position(|h| h.node.me() == to) {
                        give(
                            &mut self.hosts,
                            to,
                            Input::Received {
                                from,
                                message,
                                gossip: false,
                            },
                        );
                    }
                }
                Effect::Serve {
                    to,
                    feed,
                    from: first,
                    count,
                    project,
                } => {
                    let events = self.range(i, feed, first, count);
                    let message = Wire::Events {
                        project,
                        events,
                        blobs: vec![],
                    };
                    if let Some(to) = self.hosts.iter().position(|h| h.node.me() == to) {
                        give(
                            &mut self.hosts,
                            to,
                            Input::Received {
                                from,
                                message,
                                gossip: false,
                            },
                        );
                    }
                }
                Effect::Reply { id: 77, result } => answer = Some(result),
                Effect::Reload => self.reload(i),
                _ => {}
            }
        }
        answer
    }

    fn range(&self, i: usize, feed: FeedId, first: u64, count: u64) -> Vec<minicbor::bytes::ByteVec> {
        let mut events: Vec<&Event> = self.hosts[i]
            .stored
            .iter()
            .filter(|e| e.feed() == feed && (first..first.saturating_add(count)).contains(&e.header().seq))
            .collect();
        events.sort_by_key(|e| e.header().seq);
        events.into_iter().map(|e| e.encode().into()).collect()
    }

    /// Loads a node anew with the ends that a removal has set, as the shell does.
    fn reload(&mut self, i: usize) {
        let mut ends = Default::default();
        loop {
            let mut node = Node::new(self.hosts[i].node.config().clone());
            for event in &self.hosts[i].stored {
                node.load_event(&ends, event);
            }
            if !node.cuts_bind(&mut ends) {
                self.hosts[i].node = node;
                break;
            }
        }
        let effects = self.hosts[i].node.start(self.now_ms);
        self.settle(i, effects);
    }
}

/// An event that a test writes with a member's key, as the next of its feed.
pub fn forge(key: &Keypair, project: Hash, seq: u64, prev: Hash, at_ms: u64, body: &Body) -> Event {
    let draft = bzzz_core::event::Draft {
        project,
        incarnation: 0,
        seq,
        prev,
        hlc: bzzz_core::hlc::Hlc::from_ms(at_ms),
        epoch: 0,
        deps: vec![],
    };
    Event::sign(key, draft, body)
}
