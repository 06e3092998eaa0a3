//! Founding a project.

use super::{CommandError, Outcome};
use crate::body::*;
use crate::crypto::Hash;
use crate::event::{Draft, Event, FeedId};
use crate::hlc::Hlc;
use crate::node::{Effect, MAX_PROJECTS, Node, Project};
use crate::state::State;

impl Node {
    pub(super) fn create_project(
        &mut self,
        now: u64,
        id: u64,
        name: String,
        nonce: Hash,
        policy: Policy,
    ) -> Vec<Effect> {
        let seat = Seat {
            node: self.me,
            operator: self.cfg.operator.public(),
        };
        let pool = Pool {
            owner: self.cfg.owner.clone(),
            weight: 1,
            seats: vec![seat],
        };
        let roster = Roster {
            epoch: 0,
            prev: Hash::ZERO,
            pools: vec![pool],
            readers: vec![],
            cuts: vec![],
        };
        let body = Body::Genesis(Genesis {
            name,
            nonce,
            roster,
            policy,
        });
        let draft = Draft {
            project: Hash::ZERO,
            incarnation: self.cfg.incarnation,
            seq: 0,
            prev: Hash::ZERO,
            hlc: Hlc::default().tick(now),
            epoch: 0,
            deps: vec![],
        };
        let event = Event::sign(&self.cfg.key, draft, &body);
        let me = FeedId {
            node: self.me,
            incarnation: self.cfg.incarnation,
        };
        let state = if self.projects.len() < MAX_PROJECTS {
            State::new(&event)
        } else {
            None
        };
        self.step(now, |projects, ctx| {
            let result = match state {
                Some(state) => {
                    let mut project = Project::new(state, me, &event);
                    ctx.out.append(event.hash(), event.clone(), vec![]);
                    project.start(ctx);
                    projects.insert(event.hash(), project);
                    Ok(Outcome::Project(event.hash()))
                }
                None => Err(CommandError::Invalid(
                    "a project needs a name of 1 to 128 bytes, and only a node's first incarnation can found one"
                        .into(),
                )),
            };
            ctx.out.speak(Effect::Reply { id, result });
        })
    }
}
