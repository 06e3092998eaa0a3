//! Liars: they sign two events with one number, vote twice, claim powers that they do not have, and show different things to
//! different peers. Their programs are otherwise honest, which makes their lies consistent enough to be believed.
//!
//! Here is how they equivocate and when they lie; the lies themselves are in `liars/`, one file a subject.

use std::rc::Rc;

use super::dice::Dice;
use super::liars::{self, Liar};
use super::world::{Happening, Nature, World};
use crate::body::{AdminActed, Body, Choice, FinalVoted, Signed};
use crate::event::{Draft, Event};
use crate::wire::Wire;

impl World {
    /// What a liar publishes: its own events sometimes in two versions.
    pub fn publish_lies(&mut self, n: usize, message: Wire) {
        let truth = Rc::new(message);
        let lie = match &*truth {
            Wire::Events { project, events, .. } if self.dice.chance(120) => {
                let first = events.first().and_then(|e| Event::decode_trusted(e).ok());
                let other = first
                    .filter(|e| e.node() == self.members[n].me)
                    .and_then(|e| self.twist(n, &e));
                other.map(|e| Wire::Events {
                    project: *project,
                    events: vec![e.encode().into()],
                    blobs: vec![],
                })
            }
            _ => None,
        };
        let Some(lie) = lie else {
            return self.flood(n, |_| truth.clone());
        };
        self.summary.lies += 1;
        *self.summary.told.entry("two events with one number").or_default() += 1;
        let (lie, salt) = (Rc::new(lie), self.dice.index(3));
        self.flood(n, |to| if to % 3 == salt { lie.clone() } else { truth.clone() });
    }

    /// Another event with the same number.
    fn twist(&self, n: usize, event: &Event) -> Option<Event> {
        let key = &self.members[n].cfg.key;
        let body = match event.body()? {
            Body::FinalVoted(b) => {
                let agents = &self.members[n].cfg.agents;
                let signer = agents
                    .iter()
                    .map(|a| key.agent(&event.project(), &a.id))
                    .find(|k| k.public() == b.vote.by)?;
                let mut vote = b.vote.statement;
                vote.choice = match vote.choice {
                    Choice::Approve => Choice::RequestChanges,
                    _ => Choice::Approve,
                };
                Body::FinalVoted(FinalVoted {
                    vote: Signed::new(&signer, vote),
                    reason: None,
                })
            }
            Body::Genesis(_) | Body::IncarnationStarted(_) => return None,
            _ => Body::AdminActed(AdminActed {
                action: "something else".into(),
            }),
        };
        let h = event.header();
        let draft = Draft {
            project: h.project,
            incarnation: h.incarnation,
            seq: h.seq,
            prev: h.prev,
            hlc: h.hlc,
            epoch: h.epoch,
            deps: vec![],
        };
        Some(Event::sign(key, draft, &body))
    }

    /// A lie out of nothing: one of the list.
    pub fn lie(&mut self) {
        if self.calm {
            return;
        }
        let every = self.cfg.faults.lie_every_ms * 10 / self.members.len().max(10) as u64;
        let delay = self.dice.around(every.max(50));
        self.after(delay, Happening::Lie);
        let liars: Vec<usize> = (0..self.members.len())
            .filter(|n| self.members[*n].nature == Nature::Byzantine && self.project_of(*n).is_some())
            .collect();
        let Some(n) = self.dice.pick(&liars).copied() else {
            return;
        };
        let Some((name, tell)) = liars::pick(&mut self.dice) else {
            return;
        };
        let dice = Dice::new(self.cfg.seed, &format!("lie {n} {}", self.now));
        let Some(p) = self.project_of(n) else { return };
        let mut liar = Liar {
            world: self,
            n,
            p,
            dice,
        };
        let wires = tell(&mut liar).map(|said| liar.wires(said)).unwrap_or_default();
        if wires.is_empty() {
            return;
        }
        self.summary.lies += 1;
        *self.summary.told.entry(name).or_default() += 1;
        for wire in wires {
            let wire = Rc::new(wire);
            self.flood(n, |_| wire.clone());
        }
    }
}
