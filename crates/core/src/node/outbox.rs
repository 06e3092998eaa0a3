//! Persist, then speak.
//!
//! Whatever speaks — sends, asks, delivers, replies — is withheld until every event appended up to that moment is durable.
//! The rule is coarser than it need be (a message may wait for an append that it has nothing to do with) and for that
//! reason cannot be got wrong: there is one gate, and no effect goes round it.

use std::collections::VecDeque;

use super::io::{Effect, Write};
use crate::blob::Blob;
use crate::crypto::Hash;
use crate::event::Event;
use crate::plant;

/// Collects the effects of one step and holds back what must wait.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Everything to be written, in the order in which it took effect.
    staged: Vec<Write>,
    /// Whether something of our own is in it.
    own: bool,
    silent: Vec<Effect>,
    spoken: Vec<Effect>,
    held: VecDeque<(u64, Effect)>,
    last_append: u64,
    durable: u64,
}

impl Outbox {
    /// Stages an own event for this step's append.
    pub fn append(&mut self, project: Hash, event: Event, blobs: Vec<Blob>) {
        self.own = true;
        self.store(project, vec![event], blobs);
    }

    /// Stages others' events and blobs. In a step with an append they are part of it: an own event may rest on them, and
    /// at the next start everything is read in the order in which it is written.
    pub fn store(&mut self, project: Hash, events: Vec<Event>, blobs: Vec<Blob>) {
        match self.staged.last_mut().filter(|w| w.project == project) {
            Some(write) => {
                write.events.extend(events);
                write.blobs.extend(blobs);
            }
            None => self.staged.push(Write { project, events, blobs }),
        }
    }

    /// Something that touches nothing but our own disk or clock.
    pub fn silent(&mut self, effect: Effect) {
        self.silent.push(effect);
    }

    /// Something that others can notice.
    pub fn speak(&mut self, effect: Effect) {
        self.spoken.push(effect);
    }

    /// An append is durable.
    pub fn appended(&mut self, id: u64) {
        self.durable = self.durable.max(id);
    }

    /// Whether everything appended is durable.
    pub fn is_settled(&self) -> bool {
        self.durable == self.last_append && self.staged.is_empty()
    }

    /// The last append's id, and the last that is durable.
    pub fn gate(&self) -> (u64, u64) {
        (self.last_append, self.durable)
    }

    /// Ends the step: what may go out now, in order.
    pub fn finish(&mut self) -> Vec<Effect> {
        let mut out = Vec::new();
        let writes = std::mem::take(&mut self.staged);
        if std::mem::take(&mut self.own) {
            self.last_append += 1;
            out.push(Effect::Append {
                id: self.last_append,
                writes,
            });
        } else {
            out.extend(writes.into_iter().map(Effect::Store));
        }
        out.append(&mut self.silent);
        let gate = if plant::active("speak_before_append") {
            0
        } else {
            self.last_append
        };
        self.held.extend(self.spoken.drain(..).map(|effect| (gate, effect)));
        while self.held.front().is_some_and(|(gate, _)| *gate <= self.durable) {
            out.extend(self.held.pop_front().map(|(_, effect)| effect));
        }
        out
    }
}
