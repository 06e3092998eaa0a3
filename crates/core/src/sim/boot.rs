//! Bringing nodes up from their disks, and what is then known to be durable.

use std::sync::Arc;

use super::world::World;
use crate::event::Event;
use crate::node::{Input, Node};
use crate::wire::Wire;

impl World {
    /// Brings a node up from what is on its disk.
    pub fn restart(&mut self, n: usize) {
        if self.members[n].node.is_some() {
            return;
        }
        self.members[n].life += 1;
        self.boot(n);
        self.dial(n, 1_000);
    }

    /// The machine as the disk gives it, not started.
    pub fn load_anew(&self, n: usize) -> Node {
        let mut ends = std::collections::BTreeMap::new();
        loop {
            let mut node = Node::new(self.members[n].cfg.clone());
            super::carry::load(&mut node, &mut ends, &self.members[n].disk);
            if !node.cuts_bind(&mut ends) {
                return node;
            }
        }
    }

    /// Makes the machine from the disk and starts it.
    pub fn boot(&mut self, n: usize) {
        self.boot_after(n, None);
    }

    /// The same, in place of a machine of the same process.
    pub fn boot_after(&mut self, n: usize, before: Option<&Node>) {
        let mut node = self.load_anew(n);
        match before {
            Some(before) => node.take_over(before),
            None => drop(self.check.stopped.remove(&n)),
        }
        let peers: Vec<usize> = self.net.wanted.get(&n).into_iter().flatten().copied().collect();
        self.members[n].wake = None;
        self.members[n].node = Some(node);
        self.witness(n);
        self.check_boot(n);
        self.take_step(n, vec![255], "Start", |node, local| node.start(local));
        // A machine that was started anew beside standing connections is told of them.
        for peer in peers.into_iter().filter(|p| self.net.is_up(n, *p)).collect::<Vec<_>>() {
            let peer = self.members[peer].me;
            self.feed(n, Input::Connected { peer, loopback: false });
        }
    }

    /// A message, as if it had been on the wire: what is encoded must decode to the same.
    pub fn on_the_wire(&mut self, message: &Wire) {
        if self.dice.below(64) == 0 && Wire::decode(&message.encode()).as_ref() != Ok(message) {
            self.violate(
                "encoding",
                format!("a message does not survive its encoding: {message:?}"),
            );
        }
    }

    /// What is now durable is witnessed, in order.
    pub fn witness(&mut self, n: usize) {
        let upto = self.members[n].disk.len();
        self.witness_upto(n, upto);
    }

    /// What an fsync has made durable is witnessed.
    pub fn witness_upto(&mut self, n: usize, upto: usize) {
        let from = self.members[n].witnessed.min(upto);
        self.members[n].witnessed = upto.max(from);
        let me = self.members[n].me;
        let fresh: Vec<Arc<Event>> = self.members[n].disk.records()[from..upto]
            .iter()
            .filter_map(|r| match r {
                super::disk::Record::Event(e) if e.node() == me => Some(e.clone()),
                _ => None,
            })
            .collect();
        for event in fresh {
            self.check_durable(n, &event);
        }
    }
}
