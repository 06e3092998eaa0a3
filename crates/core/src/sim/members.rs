//! Who is in the world: nodes, their owners, seats and agents, and which of them lie.

use super::clock::Clock;
use super::disk::Disk;
use super::net::MESH_PEERS;
use super::world::{Happening, Member, Nature, World};
use super::{MAX_GROUP, dice::Dice};
use crate::body::Authority;
use crate::crypto::{Hash, Keypair};
use crate::ledger::Limits;
use crate::node::{Admit, AgentSpec, ModelSpec, NodeConfig, Pace};

/// Roles that agents have.
pub(super) const ROLES: [&str; 5] = ["reviewer", "security", "performance", "documentation", "architect"];
/// Nodes beyond these are readers: they keep the record and have no vote.
const MAX_SEATS: usize = 12;

/// One project's nodes.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// Node indices; the first is the founder.
    pub nodes: Vec<usize>,
    /// Its project, once it is founded.
    pub project: Option<Hash>,
    pub authority: Authority,
}

impl World {
    /// Makes nodes and projects.
    pub fn populate(&mut self) {
        let total = self.cfg.nodes.max(1);
        let groups = total.div_ceil(MAX_GROUP);
        for g in 0..groups {
            let size = total / groups + usize::from(g < total % groups);
            self.populate_group(g, size);
        }
    }

    fn populate_group(&mut self, g: usize, size: usize) {
        let mut dice = Dice::new(self.cfg.seed, &format!("group {g}"));
        let first = self.members.len();
        let authority = if dice.chance(500) {
            Authority::Home
        } else {
            Authority::Majority
        };
        // A liar holds less than a third of the weight, whatever the pools are.
        let seats = size.min(if size <= MAX_SEATS {
            size
        } else {
            dice.range(5, MAX_SEATS as u64) as usize
        });
        let founded = size > 4 || dice.chance(500);
        // Some come later, without anything: they have to ask for a seat.
        let late = if founded && size > 3 { dice.below(3) as usize } else { 0 };
        // While a project grows from one node, a single liar may hold a third.
        let liars = if !founded {
            0
        } else {
            (self.cfg.faults.byzantine as usize).min(seats.min(size - late).saturating_sub(1) / 3)
        };
        for i in 0..size {
            let liar = i > 0 && i <= liars;
            let mut member = self.new_member(g, i, i < seats, liar, &mut dice);
            if founded {
                // People decide who comes in.
                member.cfg.admit = Admit::Ask;
            }
            self.index.insert(member.me, self.members.len());
            self.members.push(member);
        }
        let nodes: Vec<usize> = (first..first + size).collect();
        self.wire_up(&nodes, &mut dice);
        self.groups.push(Group {
            nodes: nodes.clone(),
            project: None,
            authority,
        });
        if founded {
            self.found(g, seats, late, &mut dice);
        }
        for (i, n) in nodes.iter().enumerate() {
            let is_late = founded && i + late >= size;
            let delay = match () {
                () if is_late => dice.range(5_000, 40_000),
                () if !founded && i > 0 => dice.range(100, 3_000),
                () => dice.below(300),
            };
            self.after(delay, Happening::Restart { node: *n });
        }
        if !founded {
            self.create(g, authority);
        }
    }

    /// A ring and random chords: everybody reaches everybody over a few hops.
    fn wire_up(&mut self, nodes: &[usize], dice: &mut Dice) {
        let n = nodes.len();
        for (i, a) in nodes.iter().enumerate() {
            if n > 1 {
                self.net.want(*a, nodes[(i + 1) % n]);
            }
            for _ in 0..MESH_PEERS.min(n - 1) / 2 {
                let b = nodes[dice.index(n)];
                if b != *a {
                    self.net.want(*a, b);
                }
            }
        }
        if n <= MESH_PEERS + 1 {
            for a in nodes {
                for b in nodes.iter().filter(|b| *b > a) {
                    self.net.want(*a, *b);
                }
            }
        }
        if n == 1 {
            self.net.wanted.remove(&nodes[0]);
        }
    }

    fn new_member(&mut self, g: usize, i: usize, seat: bool, liar: bool, dice: &mut Dice) -> Member {
        let key = Keypair::from_seed(dice.bytes());
        let f = &self.cfg.faults;
        let skew = dice.range(0, 2 * f.skew_ms) as i64 - f.skew_ms as i64;
        let drift = dice.range(0, 2 * f.drift_ppm) as i64 - f.drift_ppm as i64;
        let agents = if seat { agents(i, dice) } else { vec![] };
        let cfg = NodeConfig {
            operator: Keypair::from_seed(dice.bytes()),
            owner: format!("owner-{g}-{i}"),
            incarnation: 0,
            agents,
            admit: Admit::Open,
            join: (i > 0).then_some(None),
            limits: limits(dice),
            pace: pace(),
            key,
        };
        Member {
            me: cfg.key.public(),
            cfg,
            group: g,
            nature: if liar { Nature::Byzantine } else { Nature::Honest },
            node: None,
            life: 0,
            disk: Disk::default(),
            clock: Clock::new(skew, drift),
            wake: None,
            muted_until: 0,
            witnessed: 0,
            busy: (0, 0),
        }
    }
}

fn agents(i: usize, dice: &mut Dice) -> Vec<AgentSpec> {
    let count = dice.range(1, 3) as usize;
    (0..count)
        .map(|a| {
            let role = ROLES[(i + a) % ROLES.len()];
            let model = dice.chance(600).then(|| ModelSpec {
                name: "scripted-1".into(),
                family: format!("family-{}", dice.below(3)),
                worst_microusd: dice.range(500, 4_000),
            });
            AgentSpec {
                id: format!("{role}-{i}-{a}"),
                role: role.into(),
                capabilities: vec!["rust".into()],
                specialization: String::new(),
                max_tasks: 2,
                model,
            }
        })
        .collect()
}

fn limits(dice: &mut Dice) -> Limits {
    let mut some = |low, high| dice.chance(300).then(|| dice.range(low, high) * 1_000);
    Limits {
        agent_microusd: some(5, 20),
        agent_day_microusd: some(4, 15),
        node_day_microusd: some(4, 20),
        node_month_microusd: some(10, 40),
        chunk_microusd: 6_000,
    }
}

fn pace() -> Pace {
    Pace {
        heartbeat_ms: 3_000,
        presence_ttl_ms: 10_000,
        sync_ms: 4_000,
        claim_window_ms: 200,
        lease_ms: 12_000,
        backup_ms: 3_000,
        restart_ms: 1_000,
        remind_ms: 20_000,
        escalation_timeout_ms: 70_000,
    }
}
