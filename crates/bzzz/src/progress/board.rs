//! What the events amount to: the review's own line and one line for each agent. A pure fold; drawing is elsewhere.

use super::event::ProgressEvent;
use crate::report::words;
use crate::term::clean;
use crate::term::wrap::truncate;
use crate::term::{Ink, Paint};

/// Agents that are followed by name; a network may send more, they are counted.
pub const MAX_AGENTS: usize = 64;
/// Before the first agent is done.
const ASKING: &str = "asking the agents";
/// Columns of the agents' names.
const NAME_COLUMNS: usize = 20;

/// Where one agent stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct AgentLine {
    name: String,
    findings: Option<u32>,
    state: String,
    ink: Ink,
}

/// The state that is drawn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Board {
    title: String,
    state: String,
    agents: Vec<AgentLine>,
    others: usize,
}

impl Board {
    /// Takes one event in.
    pub fn apply(&mut self, event: &ProgressEvent) {
        use ProgressEvent as E;
        match event {
            E::Opened { title, files, .. } => {
                self.title = format!("{}, {}", clean::line(title), words::count((*files).into(), "file"));
                self.state = ASKING.into();
            }
            E::Joined { agent, .. } => self.set(agent, "joined", Ink::Faint),
            E::Analysing { agent, done, total } => {
                self.set(agent, &format!("analysing {done} of {total}"), Ink::Handle)
            }
            E::Findings { agent, count } => {
                if self.state == ASKING {
                    self.state = "analysing".into();
                }
                self.set(agent, "analysed", Ink::Faint);
                if let Some(line) = self.find(agent) {
                    line.findings = Some(*count);
                }
            }
            E::Proposal { agent, verdict } => {
                self.state = format!("proposal of {}: {}", clean::line(agent), vote_word(verdict));
            }
            E::Commit { agent } => {
                self.state = "voting".into();
                self.set(agent, "vote committed", Ink::Faint);
            }
            E::Reveal { agent, vote } => self.set(agent, &format!("first vote: {}", vote_word(vote)), vote_ink(vote)),
            E::Evidence { agent } => {
                self.state = "hearing evidence".into();
                self.set(agent, "brought evidence", Ink::Handle);
            }
            E::FinalVote { agent, vote } => self.set(agent, &format!("voted: {}", vote_word(vote)), vote_ink(vote)),
            E::Decided { verdict, time_ms } => {
                self.state = format!("decided in {}: {}", words::duration(*time_ms), vote_word(verdict));
            }
            E::Escalated { reason, .. } => {
                self.state = format!(
                    "a person has to decide: {}",
                    words::escalation_reason(&clean::line(reason))
                );
            }
            E::Warning { .. } | E::Unknown => {}
        }
    }

    /// The lines to draw, at most `rows` of at most `columns`. Agents that do not fit are counted in the last line.
    pub fn lines(&self, columns: usize, rows: usize, paint: Paint) -> Vec<String> {
        let rows = rows.max(1);
        let head = if self.title.is_empty() {
            self.state.clone()
        } else {
            format!("{}: {}", self.title, self.state)
        };
        let mut out = vec![paint.ink(Ink::Strong, &truncate(&head, columns))];
        let room = rows - 1;
        let all = self.agents.len() + self.others;
        let shown = if all <= room {
            self.agents.len()
        } else {
            room.saturating_sub(1).min(self.agents.len())
        };
        for agent in self.agents.iter().take(shown) {
            out.push(agent.draw(columns, paint));
        }
        if shown < all && room > 0 {
            out.push(paint.ink(
                Ink::Faint,
                &truncate(
                    &format!("  and {}", words::count((all - shown) as u64, "agent")),
                    columns,
                ),
            ));
        }
        out
    }

    fn find(&mut self, agent: &str) -> Option<&mut AgentLine> {
        let name = clean::line(agent);
        self.agents.iter_mut().find(|line| line.name == name)
    }

    fn set(&mut self, agent: &str, state: &str, ink: Ink) {
        if let Some(line) = self.find(agent) {
            state.clone_into(&mut line.state);
            line.ink = ink;
        } else if self.agents.len() < MAX_AGENTS {
            self.agents.push(AgentLine {
                name: clean::line(agent),
                findings: None,
                state: state.into(),
                ink,
            });
        } else {
            self.others = self.others.saturating_add(1).min(MAX_AGENTS);
        }
    }
}

impl AgentLine {
    fn draw(&self, columns: usize, paint: Paint) -> String {
        let findings = self.findings.map_or_else(String::new, |count| {
            format!(", {}", words::count(count.into(), "finding"))
        });
        let name = truncate(&self.name, NAME_COLUMNS);
        let gap = " ".repeat((NAME_COLUMNS + 1).saturating_sub(crate::term::wrap::width(&name)));
        let room = columns.saturating_sub(NAME_COLUMNS + 3);
        if room < 8 {
            return truncate(&format!("  {name} {}{findings}", self.state), columns);
        }
        format!(
            "  {name}{gap}{}",
            paint.ink(self.ink, &truncate(&format!("{}{findings}", self.state), room))
        )
    }
}

/// A vote as people say it.
pub fn vote_word(vote: &str) -> String {
    clean::line(vote).replace('_', " ")
}

fn vote_ink(vote: &str) -> Ink {
    match vote {
        "approve" => Ink::Good,
        "request_changes" => Ink::Bad,
        _ => Ink::Faint,
    }
}
