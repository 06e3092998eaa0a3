//! Agents that this node hosts, as configured.

use serde::Serialize;

use super::check;

/// Tasks that an agent takes at once when nothing is said.
pub const DEFAULT_MAX_TASKS: u32 = 3;
/// Most tasks at once that may be configured.
pub const MOST_TASKS: u32 = 1_000;
/// Most bytes in an agent's words about itself: what nodes tell each other of it has 2,048, and names and lengths take some.
pub const MOST_AGENT_BYTES: usize = 1_600;
/// Most agents on one node.
pub const MOST_AGENTS: usize = 256;
/// Keys of an `[[agent]]` table.
pub const AGENT_KEYS: [&str; 5] = ["id", "role", "capabilities", "specialization", "max_tasks"];

/// One hosted agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgentSetting {
    /// Id; unique on this node.
    pub id: String,
    /// Role: a built-in one, or a name of its own (such an agent has no analysers).
    pub role: String,
    /// What it says it can do.
    pub capabilities: Vec<String>,
    /// Its special field, for people and look-ups.
    pub specialization: Option<String>,
    /// Tasks at once.
    pub max_tasks: u32,
}

impl AgentSetting {
    /// The agent of a built-in role; its id is the role's name.
    pub fn built_in(role: &str) -> Self {
        Self {
            id: role.to_owned(),
            role: role.to_owned(),
            capabilities: vec!["review".to_owned(), role.to_owned()],
            specialization: None,
            max_tasks: DEFAULT_MAX_TASKS,
        }
    }

    /// Whether analysers stand behind the role.
    pub fn has_analysers(&self) -> bool {
        check::ROLES.contains(&self.role.as_str())
    }
}
