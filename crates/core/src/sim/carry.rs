//! Carrying out what nodes want, as the shell does.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::disk::{Disk, Record};
use super::world::{Happening, Nature, World};
use crate::crypto::Hash;
use crate::event::FeedId;
use crate::node::{Delivery, Effect, Input, Loaded, Node, Notice};
use crate::plant;
use crate::wire::Wire;

/// Loads what is on a disk.
pub(super) fn load(node: &mut Node, ends: &mut BTreeMap<(Hash, FeedId), u64>, disk: &Disk) {
    let records = disk.records();
    for record in records {
        if let Record::Fork(project, a, b) = record
            && !plant::active("lost_fork_proof")
        {
            node.load_fork(*project, a, b);
        }
    }
    for record in records {
        if let Record::Event(event) = record {
            node.load_event(ends, event);
        }
    }
    for record in records {
        if let Record::Blob(project, blob) = record
            && !disk.is_erased(*project, blob.hash())
        {
            node.load_blob_hash(project, blob.hash());
        }
    }
}

impl World {
    /// Carries out effects in their order.
    pub fn carry_out(&mut self, n: usize, effects: Vec<Effect>) {
        let mut reload = false;
        for effect in effects {
            reload |= matches!(effect, Effect::Reload);
            self.carry(n, effect);
        }
        if reload && self.violation.is_none() {
            self.reload(n);
        }
    }

    fn local_later(&mut self, n: usize, delay: u64, input: Input) {
        let life = self.members[n].life;
        let input = Box::new(input);
        self.after(delay, Happening::Local { node: n, life, input });
    }

    fn carry(&mut self, n: usize, effect: Effect) {
        match effect {
            Effect::Append { id, writes } => {
                self.summary.events += writes.iter().map(|w| w.events.len() as u64).sum::<u64>();
                self.check_append(n, &writes);
                self.check_stopped(n, &writes);
                self.members[n].disk.append(id, writes);
                self.fsync(n);
            }
            Effect::Store(write) => self.members[n].disk.write(write),
            Effect::StoreFork { project, a, b } => {
                self.summary.forks += 1;
                self.check_fork(n, &a);
                self.members[n].disk.write_fork(project, a, b);
                self.check_proofs(n);
            }
            Effect::ProveFork { project, event } => {
                let ours = self.members[n].disk.event(project, event.feed(), event.header().seq);
                if let Some(ours) = ours.map(|e| e.encode()) {
                    let b = event.encode();
                    self.local_later(n, 2, Input::ForkFound { project, a: ours, b });
                }
            }
            Effect::LoadBlob { project, hash } => {
                let disk = &self.members[n].disk;
                let blob = match disk.blob(project, hash) {
                    Some(blob) => Loaded::Here((**blob).clone()),
                    None if disk.is_erased(project, hash) => Loaded::Erased,
                    None => Loaded::Lost,
                };
                let delay = self.dice.range(0, 5);
                self.local_later(n, delay, Input::BlobLoaded { project, hash, blob });
            }
            Effect::Send { to, message } => {
                self.check_spoken(n, &message);
                self.check_texts_sent(n, &to, &message);
                self.check_text_asked(n, &message);
                self.on_the_wire(&message);
                if let Some(to) = self.index.get(&to).copied() {
                    self.send(n, to, message);
                }
            }
            Effect::Broadcast { message, .. } => {
                self.check_spoken(n, &message);
                self.check_published(n, &message);
                self.on_the_wire(&message);
                self.publish(n, message);
            }
            Effect::Serve {
                to,
                project,
                feed,
                from,
                count,
            } => self.serve(n, to, project, feed, from, count),
            Effect::ServeBlob { to, project, hash } => {
                self.check_text_goes(n, &to, project, &[]);
                let blob = self.members[n].disk.blob(project, hash).map(|b| (**b).clone());
                if let (Some(to), Some(blob)) = (self.index.get(&to).copied(), blob) {
                    self.send(n, to, Wire::Blob { project, blob });
                }
            }
            Effect::Analyse {
                ask,
                agent,
                role,
                change,
            } => self.analyse(n, ask, &agent, &role, &change),
            Effect::AskModel {
                ask,
                agent,
                reserved_microusd,
                ..
            } => self.ask_model(n, ask, &agent, reserved_microusd),
            Effect::Deliver(Delivery::Act {
                project, task, token, ..
            }) => {
                self.summary.acts += 1;
                self.check_act(n, project, task, token);
            }
            Effect::Deliver(Delivery::Escalation { .. }) => {}
            Effect::Wake { at_ms } => self.call_at(n, at_ms),
            // Links are the simulation's own.
            Effect::Dial { .. } => {}
            Effect::Reply { result, .. } => {
                self.summary.refused_commands += u64::from(result.is_err());
                self.check_reply(n, &result);
                self.founded(n, &result);
            }
            Effect::Notify(Notice::Joined { .. }) => self.summary.joined += 1,
            Effect::Notify(Notice::Applied { meta, body, .. }) => {
                self.check_applied(n, &meta, &body);
                self.provoke(n, &meta, &body);
            }
            Effect::Notify(_) => {}
            Effect::Reload => self.summary.reloads += 1,
        }
    }

    /// A new project's id, once its founder has it.
    fn founded(&mut self, n: usize, result: &Result<crate::node::Outcome, crate::node::CommandError>) {
        if let Ok(crate::node::Outcome::Project(id)) = result {
            let group = self.members[n].group;
            self.groups[group].project = Some(*id);
        }
    }

    fn call_at(&mut self, n: usize, at_ms: u64) {
        let at = self.members[n].clock.when(self.base, self.now, at_ms);
        let member = &mut self.members[n];
        // Only the nearest call is kept: every step asks anew.
        if member.wake.is_none_or(|known| at < known || known < self.now) {
            member.wake = Some(at);
            let life = member.life;
            self.at(at, Happening::Wake { node: n, life, at });
        }
    }

    /// Starts an fsync, unless one is under way: the next one takes what gathers meanwhile.
    fn fsync(&mut self, n: usize) {
        if self.members[n].disk.syncing.is_some() {
            return;
        }
        let upto = self.members[n].disk.len();
        self.members[n].disk.syncing = Some(upto);
        let (low, high) = if self.calm { (1, 3) } else { self.cfg.faults.fsync_ms };
        let delay = self.dice.range(low, high);
        let life = self.members[n].life;
        self.after(delay, Happening::Fsync { node: n, life, upto });
    }

    /// An fsync comes back, or fails: then the node dies, for it cannot know what is on its disk.
    pub fn synced(&mut self, n: usize, upto: usize) {
        if !self.calm && self.dice.chance(self.cfg.faults.fsync_failure) {
            self.summary.fsync_failures += 1;
            return self.crash(n);
        }
        let done = self.members[n].disk.sync(upto);
        self.witness_upto(n, upto);
        for id in done {
            self.feed(n, Input::Appended { id });
            if self.members[n].node.is_none() {
                return;
            }
        }
        if self.members[n].disk.has_pending() {
            self.fsync(n);
        }
    }

    /// The machine is made anew from the disk, as after an orderly stop; connections stand.
    pub fn reload(&mut self, n: usize) {
        self.check_reload(n);
        self.members[n].disk.flush();
        self.members[n].life += 1;
        let before = self.members[n].node.take();
        self.settle_calls(n);
        self.boot_after(n, before.as_ref());
    }

    fn serve(&mut self, n: usize, to: crate::crypto::PublicKey, project: Hash, feed: FeedId, from: u64, count: u64) {
        let Some(to) = self.index.get(&to).copied() else { return };
        let member = &self.members[n];
        let mut events = Vec::new();
        for seq in from..from.saturating_add(count) {
            // Own events are read from what is durable, as a database shows only what is committed.
            let own = feed.node == member.me && feed.incarnation == member.cfg.incarnation;
            match member.disk.event(project, feed, seq) {
                Some(e) if !own || member.disk.is_durable(project, feed, seq) => events.push(e.encode().into()),
                _ => break,
            }
        }
        if !events.is_empty() {
            let wire = Wire::Events {
                project,
                events,
                blobs: vec![],
            };
            self.check_spoken(n, &wire);
            self.send(n, to, wire);
        }
    }

    /// Publishes: an honest node shows everybody the same.
    fn publish(&mut self, n: usize, message: Wire) {
        if self.members[n].nature == Nature::Byzantine && !self.calm {
            return self.publish_lies(n, message);
        }
        let message = Rc::new(message);
        self.flood(n, |_| message.clone());
    }
}
