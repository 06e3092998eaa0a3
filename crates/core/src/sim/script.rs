//! People and programs: what they want of nodes, at random.

use super::minds::DIFF;
use super::world::{Happening, Nature, World};
use crate::body::{MessageKind, Reason, ThreadKind, Timing};
use crate::change::ChangeSet;
use crate::crypto::Hash;
use crate::node::{Command, Input, Project};
use crate::state::{EscalationStatus, TaskStatus, ThreadStatus};

/// Reviews that are open in a group at a time, at most.
const MAX_OPEN_REVIEWS: usize = 3;

/// What people remember.
#[derive(Debug, Default)]
pub(super) struct Script {
    next_id: u64,
}

impl World {
    /// Plans the first command.
    pub fn schedule_script(&mut self) {
        self.at(4_000, Happening::Script);
    }

    /// One command at one node, and the next one later.
    pub fn play(&mut self) {
        if self.calm {
            return self.end_wishes();
        }
        let every = (self.cfg.work.command_every_ms * 10 / self.members.len().max(10) as u64).max(20);
        let delay = self.dice.around(every);
        self.after(delay, Happening::Script);
        let n = self.dice.index(self.members.len());
        let member = &self.members[n];
        let (Some(node), Nature::Honest) = (&member.node, member.nature) else {
            return;
        };
        let Some(project) = self.groups[member.group].project else {
            return;
        };
        if node.project(&project).is_none() {
            return;
        }
        if let Some(command) = self.wish(n) {
            self.command(n, command);
        }
        let Some(node) = &self.members[n].node else { return };
        let Some(p) = node.project(&project) else { return };
        if let Some(command) = self.choose(n, project, p) {
            self.command(n, command);
        }
    }

    /// Gives a node a command.
    pub fn command(&mut self, n: usize, command: Command) {
        self.summary.commands += 1;
        self.script.next_id += 1;
        let id = self.script.next_id;
        match &command {
            Command::Kill => drop(self.check.stopped.insert(n)),
            Command::PauseAgent { paused: false, .. } => drop(self.check.stopped.remove(&n)),
            _ => {}
        }
        self.feed(n, Input::Command { id, command });
    }

    fn choose(&self, n: usize, project: Hash, p: &Project) -> Option<Command> {
        // A stream of its own, so that this can look at the world while it chooses.
        let mut dice = super::dice::Dice::new(
            self.cfg.seed,
            &format!("choice {n} {} {}", self.now, self.script.next_id),
        );
        let local = self.local(n);
        let agents: Vec<String> = p.local_agents().map(|a| a.spec.id.clone()).collect();
        let tasks: Vec<Hash> = p.state.tasks.keys().copied().collect();
        let free: Vec<Hash> = tasks
            .iter()
            .filter(|t| matches!(p.task_status(t, local), TaskStatus::Open | TaskStatus::Expired(_)))
            .copied()
            .collect();
        let mine: Vec<Hash> = tasks
            .iter()
            .filter(|t| p.my_lease(t, local).is_some())
            .copied()
            .collect();
        let threads: Vec<Hash> = p.state.threads.keys().copied().collect();
        let open = threads
            .iter()
            .filter(|t| matches!(p.thread_status(t), Some(ThreadStatus::Open)))
            .count();
        let escalations: Vec<Hash> = p
            .state
            .escalations
            .keys()
            .filter(|id| {
                let status = p.state.escalation_status(id);
                matches!(status, EscalationStatus::Open | EscalationStatus::Acknowledged)
            })
            .copied()
            .collect();
        let members: Vec<_> = p.state.rosters.latest().members().into_iter().collect();
        let text = format!("message {} at {}", n, self.now);
        if open < MAX_OPEN_REVIEWS && dice.chance(self.cfg.work.reviews) {
            return Some(review(project, &mut dice));
        }
        Some(match dice.index(27) {
            0..=2 if open < MAX_OPEN_REVIEWS => review(project, &mut dice),
            3 | 4 => Command::Post {
                project,
                thread: dice.pick(&threads).copied(),
                agent: dice.pick(&agents).cloned(),
                kind: MessageKind::Note,
                text,
                parents: vec![],
                to: None,
                idempotency_key: dice.chance(500).then(|| format!("key {}", dice.below(5))),
            },
            5 | 6 if free.len() < 4 => Command::AnnounceTask {
                project,
                title: text,
                role: String::new(),
                capabilities: vec![],
                lease_ms: dice.range(4_000, 20_000),
                priority: dice.range(1, 5) as u8,
            },
            7..=10 => Command::ClaimTask {
                project,
                task: *dice.pick(&free)?,
                agent: dice.pick(&agents)?.clone(),
            },
            11..=14 => Command::Act {
                project,
                // Now and then somebody wants to act on what is not theirs: that must be refused.
                task: match dice.chance(100) {
                    true => *dice.pick(&tasks)?,
                    false => *dice.pick(&mine)?,
                },
                action: "comment".into(),
            },
            15 => Command::ReleaseTask {
                project,
                task: *dice.pick(&mine)?,
            },
            16 => Command::CompleteTask {
                project,
                task: *dice.pick(&mine)?,
                ok: dice.chance(800),
                result: Some(text),
            },
            17 | 18 => {
                let path = format!("notes/{}", dice.below(4));
                let latest = p
                    .state
                    .resources
                    .get(&path)
                    .and_then(|r| r.versions().last().map(|v| v.write.meta.hash()));
                Command::WriteResource {
                    project,
                    path,
                    content: text.into_bytes(),
                    mime: "text/plain".into(),
                    base: latest.filter(|_| dice.chance(600)),
                    idempotency_key: dice.chance(300).then(|| format!("key {}", dice.below(5))),
                }
            }
            19 => Command::MoveShare {
                project,
                to: *dice.pick(&members)?,
                amount_microusd: dice.range(1, 30) * 1_000,
            },
            20 => Command::AckEscalation {
                project,
                escalation: *dice.pick(&escalations)?,
                person: "ann".into(),
            },
            21 | 22 => Command::AnswerEscalation {
                project,
                escalation: *dice.pick(&escalations)?,
                option: dice.below(3) as u32,
                text: Some(text),
                person: "ann".into(),
            },
            26 if dice.chance(200) => Command::Escalate {
                project,
                thread: *dice.pick(&threads)?,
                reason: Reason::Request,
                question: text,
                options: vec!["yes".into(), "no".into()],
            },
            23 => Command::PauseAgent {
                project,
                agent: dice.pick(&agents)?.clone(),
                paused: dice.chance(150),
            },
            24 if dice.chance(20) => Command::Drain,
            24 if dice.chance(40) => Command::Kill,
            24 => Command::CancelTask {
                project,
                task: *dice.pick(&tasks)?,
            },
            _ => return None,
        })
    }
}

fn review(project: Hash, dice: &mut super::dice::Dice) -> Command {
    let subject = ChangeSet::from_diff("users", DIFF.as_bytes())
        .to_cbor()
        .unwrap_or_default();
    // Mostly all roles are asked: with fewer, those asked seldom hold a quorum of the roster.
    let all = super::members::ROLES.len() as u64;
    let count = if dice.chance(700) { all } else { dice.range(1, all) } as usize;
    let first = dice.index(super::members::ROLES.len());
    let roles = super::members::ROLES.iter().cycle().skip(first).take(count);
    Command::OpenThread {
        project,
        kind: ThreadKind::Review,
        task: format!("change-{}", dice.below(1000)),
        title: "users can be exported".into(),
        subject: Some(subject),
        roles: roles.map(|r| (*r).to_owned()).collect(),
        timing: Timing {
            findings_ms: dice.range(10_000, 40_000),
            commit_ms: dice.range(5_000, 20_000),
            reveal_ms: dice.range(5_000, 20_000),
            evidence_ms: dice.range(3_000, 10_000),
            final_ms: dice.range(5_000, 20_000),
        },
        budget_microusd: dice.range(5, 60) * 1_000,
    }
}
