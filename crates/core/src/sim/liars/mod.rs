//! What liars say: one file a subject, one function a lie, all in the list [`LIES`].
//!
//! A lie looks at the world from its liar's side ([`Liar`]) and says what is sent ([`Said`]), or nothing when there is no occasion for
//! it. It decides nothing about honest nodes: whether they believe it is what the invariants are about. To add lies, write a file
//! with a `LIES` of its own and name it in the list here.

mod agents;
pub(super) mod decisions;
mod flood;
mod lives;
mod membership;
mod numbers;
mod powers;
mod presence;
mod strangers;
mod texts;

use super::dice::Dice;
use super::world::World;
use crate::blob::Blob;
use crate::body::Body;
use crate::crypto::{Hash, Keypair, PublicKey};
use crate::event::{Draft, Event};
use crate::hlc::Hlc;
use crate::node::Project;
use crate::state::Task;
use crate::wire::Wire;

/// What a liar says.
#[derive(Debug)]
#[allow(dead_code, reason = "a choice for lies to come")]
pub(super) enum Said {
    /// The next event of its own feed, signed as it must be.
    Event(Body),
    /// The same with texts beside it.
    EventWith(Body, Vec<Blob>),
    /// Any messages, each published to everybody.
    Wires(Vec<Wire>),
}

/// A lie: its name for the summary, and what is said.
pub(super) type Lie = (&'static str, fn(&mut Liar<'_>) -> Option<Said>);

/// All lies.
pub(super) const LIES: &[&[Lie]] = &[
    agents::LIES,
    flood::LIES,
    lives::LIES,
    membership::LIES,
    numbers::LIES,
    powers::LIES,
    presence::LIES,
    strangers::LIES,
    texts::LIES,
];

/// One of the lies whose name has `only` in it.
pub(super) fn pick(dice: &mut Dice, only: &str) -> Option<Lie> {
    let all = LIES.iter().flat_map(|l| l.iter());
    let list: Vec<&Lie> = all.filter(|(name, _)| name.contains(only)).collect();
    dice.pick(&list).map(|lie| **lie)
}

/// A liar and what it sees.
pub(super) struct Liar<'a> {
    /// The world.
    pub world: &'a World,
    /// Which member.
    pub n: usize,
    /// Its project, as its own (otherwise honest) node holds it.
    pub p: &'a Project,
    /// Chances of this lie alone.
    pub dice: Dice,
}

impl Liar<'_> {
    /// Its key.
    pub fn key(&self) -> &Keypair {
        &self.world.members[self.n].cfg.key
    }

    /// Its own time, Unix milliseconds.
    pub fn local(&self) -> u64 {
        self.world.local(self.n)
    }

    /// The key of one of its agents that has a role.
    pub fn agent(&self, role: &str) -> Option<Keypair> {
        let agents = &self.world.members[self.n].cfg.agents;
        let agent = agents.iter().find(|a| a.role == role)?;
        Some(self.key().agent(&self.p.id(), &agent.id))
    }

    /// Somebody else of the newest roster.
    pub fn victim(&self) -> Option<PublicKey> {
        let me = self.p.feed().node;
        let members = self.p.state.rosters.latest().members();
        members.into_iter().find(|m| *m != me)
    }

    /// Where its next event stands; none before it has said anything.
    pub fn draft(&self) -> Option<Draft> {
        let feed = self.p.feed();
        let known = self.p.feeds.get(&feed).filter(|f| !f.is_empty())?;
        Some(Draft {
            project: self.p.id(),
            incarnation: feed.incarnation,
            seq: known.len(),
            prev: known.head(),
            hlc: Hlc::from_ms(self.local() + 1),
            epoch: self.p.state.rosters.latest().epoch,
            deps: vec![],
        })
    }

    /// An event on the wire.
    pub fn wire(&self, event: &Event, blobs: Vec<Blob>) -> Wire {
        Wire::Events {
            project: self.p.id(),
            events: vec![event.encode().into()],
            blobs,
        }
    }

    /// The messages that a saying becomes.
    pub fn wires(&self, said: Said) -> Vec<Wire> {
        let (body, blobs) = match said {
            Said::Event(body) => (body, vec![]),
            Said::EventWith(body, blobs) => (body, blobs),
            Said::Wires(wires) => return wires,
        };
        let event = self.draft().map(|draft| Event::sign(self.key(), draft, &body));
        event.map(|e| self.wire(&e, blobs)).into_iter().collect()
    }

    /// A task, by preference one that was acknowledged before.
    pub fn task(&mut self) -> Option<(Hash, u64)> {
        let any = self.dice.chance(500);
        let (state, tasks) = (&self.p.state, self.p.state.tasks.iter());
        let token = |t: &Task| t.highest_token(state.policy.authority, state.rosters.latest());
        let mut tokens = tasks.map(|(id, t)| (*id, token(t)));
        tokens.find(|(_, token)| any || *token > 0)
    }
}
