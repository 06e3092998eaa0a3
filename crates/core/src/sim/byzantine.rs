//! Liars: they sign two events with one number, vote twice, claim powers that they do not have, and show different things to
//! different peers. Their programs are otherwise honest, which makes their lies consistent enough to be believed.

use std::rc::Rc;

use super::world::{Happening, Nature, World};
use crate::blob::Blob;
use crate::body::{
    AdminActed, Answer, Body, Choice, ChunkDrawn, ClaimAcked, Cut, EscalationAnswered, FinalVoted, Findings,
    FindingsPosted, MemberSignature, RosterChanged, Signed, TaskCompleted, WriteOrdered,
};
use crate::crypto::{Hash, PublicKey};
use crate::event::{Draft, Event};
use crate::node::Project;
use crate::state::ThreadStatus;
use crate::wire::{Presence, Wire};

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

    /// A lie out of nothing.
    pub fn lie(&mut self) {
        if self.calm {
            return;
        }
        let every = self.cfg.faults.lie_every_ms * 10 / self.members.len().max(10) as u64;
        let delay = self.dice.around(every.max(50));
        self.after(delay, Happening::Lie);
        let liars: Vec<usize> = (0..self.members.len())
            .filter(|n| self.members[*n].nature == Nature::Byzantine && self.members[*n].node.is_some())
            .collect();
        let Some(n) = self.dice.pick(&liars).copied() else {
            return;
        };
        let Some(project) = self.groups[self.members[n].group].project else {
            return;
        };
        if self.dice.chance(300) && self.lie_about_a_decision(n) {
            return;
        }
        let choice = self.dice.index(14);
        let Some(p) = self.members[n].node.as_ref().and_then(|node| node.project(&project)) else {
            return;
        };
        if choice == 11 {
            let wire = Wire::Presence(self.stale_presence(n, p));
            self.summary.lies += 1;
            return self.flood(n, |_| Rc::new(wire.clone()));
        }
        let Some(body) = self.invented(n, p, choice) else {
            return;
        };
        let feed = p.feed();
        let known = p.feeds.get(&feed);
        let draft = Draft {
            project,
            incarnation: feed.incarnation,
            seq: known.map_or(0, |f| f.len()),
            prev: known.map_or(Hash::ZERO, |f| f.head()),
            hlc: crate::hlc::Hlc::from_ms(self.local(n) + 1),
            epoch: p.state.rosters.latest().epoch,
            deps: vec![],
        };
        if draft.seq == 0 {
            return;
        }
        let key = &self.members[n].cfg.key;
        let event = match self.victim_of(choice, p) {
            Some((node, seq, prev)) => Event::forge(key, node, Draft { seq, prev, ..draft }, &body),
            None => Event::sign(key, draft, &body),
        };
        let wire = Rc::new(Wire::Events {
            project,
            events: vec![event.encode().into()],
            blobs: vec![],
        });
        self.summary.lies += 1;
        self.flood(n, |_| wire.clone());
    }

    /// Whose next event is forged, and where it would stand.
    fn victim_of(&self, choice: usize, p: &Project) -> Option<(PublicKey, u64, Hash)> {
        if choice < 12 {
            return None;
        }
        let first_life = p
            .feeds
            .heads()
            .filter(|(f, _, _)| f.incarnation == 0 && f.node != p.feed().node);
        let (feed, len, head) = first_life.last()?;
        Some((feed.node, len, head))
    }

    /// A veto with nothing behind it.
    fn empty_veto(&self, n: usize, p: &Project) -> Option<Body> {
        let agent = self.members[n].cfg.agents.iter().find(|a| a.role == "security")?;
        let key = self.members[n].cfg.key.agent(&p.id(), &agent.id);
        let open = |t: &&Hash| p.thread_status(t) == Some(ThreadStatus::Open);
        let thread = *p.state.threads.keys().find(open)?;
        let findings = Findings {
            project: p.id(),
            thread,
            list: Blob::new(&[7; 32], vec![0x80]).reference(),
            count: 0,
            veto: true,
            task: None,
            token: None,
        };
        Some(Body::FindingsPosted(FindingsPosted {
            findings: Signed::new(&key, findings),
        }))
    }

    fn stale_presence(&self, n: usize, p: &Project) -> Signed<Presence> {
        let presence = Presence {
            project: p.id(),
            incarnation: 0,
            sent_ms: self.local(n).saturating_sub(10 * 60_000),
            ttl_ms: u64::MAX,
            agents: vec![],
            addresses: vec![],
        };
        Signed::new(&self.members[n].cfg.key, presence)
    }

    /// Something that this node has no right to say.
    fn invented(&self, n: usize, p: &Project, choice: usize) -> Option<Body> {
        let me = p.feed();
        let state = &p.state;
        let task = state
            .tasks
            .iter()
            .find(|(_, t)| t.highest_token() > 0 || choice.is_multiple_of(2));
        let victim = state.rosters.latest().members().into_iter().find(|m| *m != me.node)?;
        Some(match choice {
            0 | 1 => {
                let (id, t) = task?;
                Body::ClaimAcked(ClaimAcked {
                    task: *id,
                    agent: me.node,
                    owner: me,
                    token: t.highest_token() + 1,
                    until_ms: self.local(n) + 3_600_000,
                })
            }
            2 => {
                let (id, t) = task?;
                Body::TaskCompleted(TaskCompleted {
                    task: *id,
                    token: t.highest_token(),
                    ok: true,
                    result: None,
                })
            }
            3 => {
                let (id, e) = state.escalations.iter().find(|(_, e)| e.opened.is_some())?;
                let question = e.opened.as_ref()?.1.question.hash;
                let answer = Answer {
                    project: p.id(),
                    escalation: *id,
                    question,
                    option: 0,
                    text: None,
                    person: "nobody".into(),
                };
                // Signed by the node, which is no operator.
                Body::EscalationAnswered(EscalationAnswered {
                    answer: Signed::new(&self.members[n].cfg.key, answer),
                })
            }
            4 | 5 => {
                // A roster that nobody signed, which cuts an honest member off.
                let mut roster = state.rosters.latest().clone();
                roster.epoch += 1;
                roster.prev = state.rosters.latest().hash();
                roster.cuts.push(Cut {
                    node: victim,
                    incarnation: 0,
                    events: 0,
                });
                roster.cuts.sort_unstable();
                let signature = roster.sign(&self.members[n].cfg.key, p.id());
                Body::RosterChanged(RosterChanged {
                    roster,
                    signatures: vec![MemberSignature {
                        node: me.node,
                        signature,
                    }],
                })
            }
            6 | 7 => Body::ChunkDrawn(ChunkDrawn {
                amount_microusd: 1_000_000_000,
            }),
            8 => {
                let (path, r) = state.resources.iter().find(|(_, r)| !r.siblings().is_empty())?;
                Body::WriteOrdered(WriteOrdered {
                    path: path.clone(),
                    write: r.siblings().first()?.meta.hash(),
                    version: Some(1),
                })
            }
            9 | 10 if p.local_agents().any(|a| a.spec.role == "security") => self.empty_veto(n, p)?,
            _ => Body::AdminActed(AdminActed {
                action: "a second event with a number that is used next".into(),
            }),
        })
    }
}
