//! One step of one node: an input goes in, effects come out, the step is entered into trace and log, and the invariants are checked.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::log::{DEPARTED, Log, Step};
use super::world::World;
use super::{trace, words};
use crate::crypto::Hash;
use crate::node::{Effect, Input, Node};
use crate::wire::Wire;

/// Steps that one node may take at one instant: beyond it, it is running in a circle.
const MAX_STEPS_AT_ONCE: u32 = 20_000;

impl World {
    /// Gives a node an input, and carries out what it wants.
    pub fn feed(&mut self, n: usize, input: Input) {
        if self.members[n].node.is_none() {
            return;
        }
        if let Input::Answered { ask, .. } | Input::ModelFailed { ask, .. } = &input {
            self.close_call(n, *ask);
        }
        let described = match self.log {
            Some(Log::Writer(_) | Log::Reader { .. }) => words::describe_input(self, &input),
            _ => String::new(),
        };
        let presence_of = match &input {
            Input::Received {
                message: Wire::Presence(p),
                ..
            } => Some(p.by),
            _ => None,
        };
        let mark = trace::mark_input(&input);
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
            hasher.update(&trace::mark_effect(effect));
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
            effects: effects.iter().map(|e| words::describe_effect(self, e)).collect(),
            trace: self.trace.short(),
        };
        match self.log.as_mut().map(|log| log.push(step)) {
            Some(Ok(false)) => self.summary.interrupted = true,
            Some(Err(why)) => self.violate(DEPARTED, why),
            _ => {}
        }
    }
}
