//! Links: they lose, duplicate and reorder messages, they break, and they are cut by partitions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use super::world::{Happening, World};
use crate::crypto::PublicKey;
use crate::node::Input;
use crate::wire::Wire;

/// Neighbours of a node in its project's mesh.
pub(super) const MESH_PEERS: usize = 8;
/// What a message to a node without a standing connection takes longer, milliseconds: it is dialled first.
const DIAL_MS: u64 = 30;

/// All connections.
#[derive(Debug, Default)]
pub(super) struct Net {
    /// Who wants to be connected with whom.
    pub wanted: BTreeMap<usize, BTreeSet<usize>>,
    /// Standing connections, the lesser index first.
    pub up: BTreeSet<(usize, usize)>,
    /// By group: on which side of the cut each node is, while there is one.
    pub cut: BTreeMap<usize, BTreeSet<usize>>,
}

impl Net {
    /// Two nodes want to be connected.
    pub fn want(&mut self, a: usize, b: usize) {
        self.wanted.entry(a).or_default().insert(b);
        self.wanted.entry(b).or_default().insert(a);
    }

    /// Whether a connection stands.
    pub fn is_up(&self, a: usize, b: usize) -> bool {
        self.up.contains(&(a.min(b), a.max(b)))
    }
}

impl World {
    /// Whether a partition lies between two nodes.
    pub fn is_cut(&self, a: usize, b: usize) -> bool {
        let side = self.net.cut.get(&self.members[a].group);
        side.is_some_and(|side| side.contains(&a) != side.contains(&b))
    }

    /// A node's index, for people.
    pub fn who(&self, key: &PublicKey) -> String {
        match self.index.get(key) {
            Some(n) => self.name(*n),
            None => key.short(),
        }
    }

    /// Sends to one node.
    pub fn send(&mut self, from: usize, to: usize, wire: Wire) {
        self.summary.messages += 1;
        if self.members[from].muted_until > self.now {
            self.summary.lost += 1;
            return;
        }
        let wire = Rc::new(wire);
        let dial = if self.net.is_up(from, to) { 0 } else { DIAL_MS };
        self.hop(from, to, &wire, dial);
    }

    fn hop(&mut self, from: usize, to: usize, wire: &Rc<Wire>, extra: u64) {
        let f = &self.cfg.faults;
        let (loss, duplicate, latency) = match self.calm {
            true => (0, 0, (1, 20)),
            false => (f.loss, f.duplicate, f.latency_ms),
        };
        if self.is_cut(from, to) || self.dice.chance(loss) {
            self.summary.lost += 1;
            return;
        }
        let copies = if self.dice.chance(duplicate) { 2 } else { 1 };
        self.summary.duplicated += copies - 1;
        for _ in 0..copies {
            let delay = extra + self.dice.range(latency.0, latency.1);
            let message = Happening::Message {
                to,
                from: self.members[from].me,
                wire: wire.clone(),
                gossip: false,
            };
            self.after(delay, message);
        }
    }

    /// Publishes in the group's mesh: each neighbour passes it on once; `choose` says what a liar shows to whom.
    pub fn flood(&mut self, from: usize, choose: impl Fn(usize) -> Rc<Wire>) {
        self.summary.messages += 1;
        if self.members[from].muted_until > self.now {
            self.summary.lost += 1;
            return;
        }
        let f = &self.cfg.faults;
        let (loss, duplicate, latency) = match self.calm {
            true => (0, 0, (1, 20)),
            false => (f.loss, f.duplicate, f.latency_ms),
        };
        let mut seen: BTreeMap<usize, u64> = BTreeMap::from([(from, 0)]);
        let mut queue: VecDeque<usize> = VecDeque::from([from]);
        while let Some(a) = queue.pop_front() {
            let so_far = seen[&a];
            let neighbours: Vec<usize> = self.net.wanted.get(&a).into_iter().flatten().copied().collect();
            for b in neighbours {
                if seen.contains_key(&b) || !self.net.is_up(a, b) || self.is_cut(a, b) || self.dice.chance(loss) {
                    continue;
                }
                let at = so_far + self.dice.range(latency.0, latency.1);
                seen.insert(b, at);
                if self.members[b].node.is_some() && self.members[b].muted_until <= self.now {
                    queue.push_back(b);
                }
            }
        }
        let key = self.members[from].me;
        for (to, delay) in seen.into_iter().filter(|(to, _)| *to != from) {
            let copies = if self.dice.chance(duplicate) { 2 } else { 1 };
            self.summary.duplicated += copies - 1;
            for copy in 0..copies {
                let message = Happening::Message {
                    to,
                    from: key,
                    wire: choose(to),
                    gossip: true,
                };
                self.after(delay * (copy + 1), message);
            }
        }
    }

    /// A message arrives, if its receiver is there.
    pub fn arrive(&mut self, to: usize, from: PublicKey, wire: &Rc<Wire>, gossip: bool) {
        let sender = self.index.get(&from).copied();
        if !gossip && sender.is_some_and(|s| self.is_cut(s, to)) {
            self.summary.lost += 1;
            return;
        }
        let message = (**wire).clone();
        self.feed(to, Input::Received { from, message, gossip });
    }

    /// A connection comes to stand, if both are there and nothing lies between them.
    pub fn link(&mut self, a: usize, b: usize) {
        let there = |n: usize| self.members[n].node.is_some();
        if self.net.is_up(a, b) || self.is_cut(a, b) || !there(a) || !there(b) {
            return;
        }
        self.net.up.insert((a.min(b), a.max(b)));
        let (ka, kb) = (self.members[a].me, self.members[b].me);
        self.feed(
            a,
            Input::Connected {
                peer: kb,
                loopback: false,
            },
        );
        self.feed(
            b,
            Input::Connected {
                peer: ka,
                loopback: false,
            },
        );
    }

    /// A connection breaks.
    pub fn sever(&mut self, a: usize, b: usize) {
        let there = |n: usize| self.members[n].node.is_some();
        let cause = self.is_cut(a, b) || !there(a) || !there(b);
        if !cause || !self.net.up.remove(&(a.min(b), a.max(b))) {
            return;
        }
        let (ka, kb) = (self.members[a].me, self.members[b].me);
        self.feed(a, Input::Disconnected { peer: kb });
        self.feed(b, Input::Disconnected { peer: ka });
    }

    /// Plans the connections of a node that has come up.
    pub fn dial(&mut self, n: usize, within_ms: u64) {
        let peers: Vec<usize> = self.net.wanted.get(&n).into_iter().flatten().copied().collect();
        for peer in peers {
            if !self.net.is_up(n, peer) {
                let delay = self.dice.range(1, within_ms);
                self.after(delay, Happening::Link(n, peer));
            }
        }
    }
}
