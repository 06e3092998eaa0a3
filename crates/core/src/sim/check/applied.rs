//! Events that take effect: after what they are about, and only from who may say so.

use crate::body::Body;
use crate::crypto::{Hash, PublicKey};
use crate::event::{EventRef, FeedId};
use crate::sim::world::World;
use crate::state::Meta;

impl World {
    /// An event has taken effect: what it is about is there before it, and nobody has answered for people who is not one.
    pub fn check_applied(&mut self, n: usize, meta: &Meta, body: &Body) {
        if let Body::EscalationAnswered(b) = body {
            self.check_people(n, &b.answer);
        }
        if !self.honest(n) {
            return;
        }
        if let Body::AgentEndorsed(b) = body {
            self.check_endorsed(n, &meta.node(), &b.endorsement.statement);
        }
        if matches!(body, Body::ShareMoved(_) | Body::ChunkReturned(_)) {
            self.check_shares(n);
        }
        let Some(p) = self.project_of(n) else { return };
        let author = self.index.get(&meta.node()).copied();
        // Liars rest on whatever they like, and what was excluded is not there any more.
        let reliable = author.is_some_and(|a| self.honest(a))
            && p.feeds.ends().next().is_none()
            && p.newest_rosters().cuts().next().is_none();
        let state = &p.state;
        // Whoever rests on what a liar says in two ways may rest on the way that others have not heard.
        let lied = |id: &Hash| !self.is_of_honest(id);
        let task = |id: &Hash| state.tasks.get(id).is_some_and(|t| t.announced.is_some()) || lied(id);
        let ballot = |id: &Hash| state.ballots.get(id).is_some_and(|b| b.proposed.is_some()) || lied(id);
        let opened = |id: &Hash| state.threads.get(id).is_some_and(|t| t.opened.is_some());
        let thread = |id: &Hash| opened(id) || *id == p.id() || lied(id);
        let there = match body {
            Body::TaskClaimed(b) => task(&b.task),
            Body::ClaimAcked(b) => task(&b.task),
            Body::TaskCompleted(b) => task(&b.task),
            Body::Committed(b) => ballot(&b.proposal),
            Body::FinalVoted(b) => ballot(&b.vote.statement.proposal),
            // A liar may have shown another vote to the one who counted.
            Body::Decided(b) => {
                let honest = |v: &&EventRef| self.index.get(&v.feed.node).is_some_and(|a| self.honest(*a));
                let mut votes = b.votes.iter().filter(honest);
                ballot(&b.proposal) && votes.all(|v| state.finals.get(&v.hash).is_some())
            }
            Body::Proposed(b) => thread(&b.thread),
            Body::FindingsPosted(b) => thread(&b.findings.statement.thread),
            Body::MessagePosted(b) => thread(&b.message.statement.thread),
            _ => true,
        };
        let outsider = match body {
            Body::EscalationAnswered(b) => {
                let id = &b.answer.statement.escalation;
                let voices = state.escalations.get(id).map(|e| e.voices(&state.rosters));
                let mut answers = voices.iter().flatten().filter_map(|v| v.answer);
                answers.any(|(_, a)| !self.is_operator(&a.by))
            }
            _ => false,
        };
        if reliable && !there {
            let what = format!("{} applies a {} before what it is about", self.name(n), body.name());
            self.violate("dependence", what);
        }
        if outsider {
            let what = format!("{} takes an answer from somebody who is no operator", self.name(n));
            self.violate("operators-answer", what);
        }
    }

    /// Whether an honest node has made an event and it was durable there.
    fn is_of_honest(&self, event: &Hash) -> bool {
        let author = |feed: &FeedId| self.index.get(&feed.node).copied();
        let honest = |feed: &FeedId| author(feed).is_some_and(|a| self.honest(a));
        let mut feeds = self.check.durable.iter().filter(|(feed, _)| honest(feed));
        feeds.any(|(_, events)| events.contains(event))
    }

    fn is_operator(&self, key: &PublicKey) -> bool {
        self.members.iter().any(|m| m.cfg.operator.public() == *key)
    }
}
