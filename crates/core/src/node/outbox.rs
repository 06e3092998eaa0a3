//! Persist, then speak.
//!
//! Whatever speaks — sends, asks, delivers, replies — is withheld until every event appended up to that moment is durable.
//! The rule is coarser than it need be (a message may wait for an append that it has nothing to do with) and for that
//! reason cannot be got wrong: there is one gate, and no effect goes round it.

use std::collections::{BTreeMap, VecDeque};

use super::io::{Effect, Write};
use crate::blob::Blob;
use crate::crypto::Hash;
use crate::event::Event;
use crate::plant;

/// Collects the effects of one step and holds back what must wait.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    staged: BTreeMap<Hash, (Vec<Event>, Vec<Blob>)>,
    silent: Vec<Effect>,
    spoken: Vec<Effect>,
    held: VecDeque<(u64, Effect)>,
    last_append: u64,
    durable: u64,
}

impl Outbox {
    /// Stages an own event for this step's append.
    pub fn append(&mut self, project: Hash, event: Event, blobs: Vec<Blob>) {
        let staged = self.staged.entry(project).or_default();
        staged.0.push(event);
        staged.1.extend(blobs);
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

    /// Ends the step: what may go out now, in order.
    ///
    /// Others' events come before our own: ours of the same step may rest on them, and after a crash the disk must hold
    /// no event of ours without what it rests on.
    pub fn finish(&mut self) -> Vec<Effect> {
        let (mut out, mut rest): (Vec<Effect>, Vec<Effect>) = std::mem::take(&mut self.silent)
            .into_iter()
            .partition(|effect| matches!(effect, Effect::Store(_)));
        if !self.staged.is_empty() {
            self.last_append += 1;
            let writes = std::mem::take(&mut self.staged)
                .into_iter()
                .map(|(project, (events, blobs))| Write { project, events, blobs })
                .collect();
            out.push(Effect::Append {
                id: self.last_append,
                writes,
            });
        }
        out.append(&mut rest);
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
