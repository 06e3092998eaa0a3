//! How the projects of a run come about: standing already, or made by a founder whom the others ask for seats.

use super::dice::Dice;
use super::world::{Happening, World};
use crate::body::{Answers, Authority, Body, Genesis, Policy, Pool, Roster, Seat, Share};
use crate::crypto::Hash;
use crate::event::{Draft, Event};
use crate::hlc::Hlc;
use crate::node::{Command, Input, Write};

impl World {
    /// The project stands already: every node but the late ones has its genesis on the disk.
    pub fn found(&mut self, g: usize, seats: usize, late: usize, dice: &mut Dice) {
        let nodes = self.groups[g].nodes.clone();
        let present = &nodes[..nodes.len() - late];
        let mut pools: Vec<Pool> = Vec::new();
        for n in present.iter().take(seats) {
            let cfg = &self.members[*n].cfg;
            pools.push(Pool {
                owner: cfg.owner.clone(),
                weight: 1,
                seats: vec![Seat {
                    node: cfg.key.public(),
                    operator: cfg.operator.public(),
                }],
            });
        }
        pools.sort_by(|a, b| a.owner.cmp(&b.owner));
        let mut readers: Vec<_> = present.iter().skip(seats).map(|n| self.members[*n].me).collect();
        readers.sort_unstable();
        let roster = Roster {
            epoch: 0,
            prev: Hash::ZERO,
            pools,
            readers,
            cuts: vec![],
        };
        let shares: Vec<Share> = present
            .iter()
            .map(|n| Share {
                node: self.members[*n].me,
                amount_microusd: dice.range(5, 60) * 1_000,
            })
            .collect();
        let policy = Policy {
            authority: self.groups[g].authority,
            shares,
            answers: Answers::Majority,
        };
        self.check
            .total_shares(policy.shares.iter().map(|s| (s.node, s.amount_microusd)));
        self.summary.shares_microusd += policy.shares.iter().map(|s| s.amount_microusd).sum::<u64>();
        let body = Body::Genesis(Genesis {
            name: format!("group-{g}"),
            nonce: Hash(dice.bytes()),
            roster,
            policy,
        });
        let draft = Draft {
            project: Hash::ZERO,
            incarnation: 0,
            seq: 0,
            prev: Hash::ZERO,
            // In the past of every clock.
            hlc: Hlc::default().tick(self.base - 60_000),
            epoch: 0,
            deps: vec![],
        };
        let event = Event::sign(&self.members[nodes[0]].cfg.key, draft, &body);
        self.groups[g].project = Some(event.hash());
        for n in present {
            let member = &mut self.members[*n];
            member.disk.write(Write {
                project: event.hash(),
                events: vec![event.clone()],
                blobs: vec![],
            });
            member.disk.flush();
            if *n != nodes[0] {
                member.cfg.join = Some(Some(event.hash()));
            }
        }
        for n in &nodes[nodes.len() - late..] {
            self.members[*n].cfg.join = Some(Some(event.hash()));
        }
    }

    /// The founder makes the project, the others have to ask for seats.
    pub fn create(&mut self, g: usize, authority: Authority) {
        let n = self.groups[g].nodes[0];
        let mut dice = Dice::new(self.cfg.seed, &format!("create {g}"));
        let amount_microusd = dice.range(50, 200) * 1_000;
        let me = self.members[n].me;
        self.check.total_shares([(me, amount_microusd)].into_iter());
        self.summary.shares_microusd += amount_microusd;
        let command = Command::CreateProject {
            name: format!("group-{g}"),
            nonce: Hash(dice.bytes()),
            authority,
            answers: Answers::Majority,
            shares: vec![Share {
                node: me,
                amount_microusd,
            }],
        };
        let input = Box::new(Input::Command { id: 0, command });
        self.at(
            self.now + 400,
            Happening::Local {
                node: n,
                life: 1,
                input,
            },
        );
    }
}
