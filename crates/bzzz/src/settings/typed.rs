//! The settings as the rest of the binary uses them: typed, checked, without sources.

use std::net::SocketAddr;
use std::path::PathBuf;

use bzzz_core::finding::Severity;

use super::agents::AgentSetting;
use super::check;
use super::layers::Layers;
use super::money;
use super::source::Source;
use super::value::Value;

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Data folder.
    pub data: PathBuf,
    /// This node.
    pub node: NodeSettings,
    /// The peer-to-peer side.
    pub p2p: P2pSettings,
    /// Address of the local API.
    pub http_listen: SocketAddr,
    /// The project.
    pub project: ProjectSettings,
    /// Agents to host.
    pub agents: Vec<AgentSetting>,
    /// Reviews.
    pub review: ReviewSettings,
    /// Log.
    pub log: LogSettings,
    /// Limits.
    pub budget: BudgetSettings,
    /// `sqlite:` or `memory:`.
    pub store_url: String,
}

/// This node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSettings {
    /// Name for people.
    pub name: String,
    /// Who runs it.
    pub owner: String,
}

/// The peer-to-peer side. Addresses are multiaddresses in text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct P2pSettings {
    /// Addresses to listen on.
    pub listen: Vec<String>,
    /// Peers to dial.
    pub peers: Vec<String>,
    /// Find peers by multicast DNS.
    pub mdns: bool,
    /// Private network key.
    pub private_key_file: Option<PathBuf>,
    /// Peer ids that may connect; empty: all.
    pub allow: Vec<String>,
    /// Peer ids that may not.
    pub deny: Vec<String>,
}

/// The project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectSettings {
    /// Name for people.
    pub name: String,
    /// Id in hex, to join one that exists.
    pub id: Option<String>,
    /// Who enters the roster.
    pub admit: Admit,
}

/// Who enters the roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admit {
    /// Nodes on this machine.
    Loopback,
    /// Nodes that a person admits.
    Ask,
    /// All nodes.
    Open,
}

/// Reviews.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReviewSettings {
    /// Seconds until a person is asked.
    pub deadline_s: u64,
    /// Exit status 1 from this severity on; none: the verdict decides.
    pub fail_on: Option<Severity>,
}

/// Log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// `off`, `error`, `warn`, `info`, `debug`, `trace`.
    pub level: String,
    /// One JSON object a line instead of text.
    pub json: bool,
}

/// Limits in micro-dollars; 0: nothing may be spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BudgetSettings {
    /// Of one task.
    pub task_microusd: u64,
    /// Of one agent.
    pub agent: Period,
    /// Of the project.
    pub project: Period,
    /// Of this node.
    pub node: Period,
    /// Of the whole network.
    pub network: Period,
}

/// Limits of a day and of a month, micro-dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Period {
    /// A day.
    pub day_microusd: u64,
    /// A month.
    pub month_microusd: u64,
}

impl Settings {
    /// Types the layers. `None` when they carry an error: then the problems say why.
    pub fn from_layers(layers: &Layers) -> Option<Self> {
        if !layers.usable() {
            return None;
        }
        let text = |name: &str| layers.get(name).map(|value| value.text().to_owned());
        let list = |name: &str| layers.get(name).map(|value| value.list().to_vec()).unwrap_or_default();
        let money = |name: &str| money::parse_microusd(&text(name)?).ok();
        let period = |level: &str| {
            Some(Period {
                day_microusd: money(&format!("budget.{level}_day"))?,
                month_microusd: money(&format!("budget.{level}_month"))?,
            })
        };
        let deadline = match layers.get("review.deadline_s")? {
            Value::Integer(seconds) => u64::try_from(*seconds).ok()?,
            _ => return None,
        };
        Some(Self {
            data: text("data")?.into(),
            node: NodeSettings {
                name: text("node.name")?,
                owner: text("node.owner")?,
            },
            p2p: P2pSettings {
                listen: list("p2p.listen"),
                peers: list("p2p.peers"),
                mdns: layers.get("p2p.mdns") == Some(&Value::Bool(true)),
                private_key_file: text("p2p.private_key_file").map(PathBuf::from),
                allow: list("p2p.allow"),
                deny: list("p2p.deny"),
            },
            http_listen: check::socket(&text("http.listen")?).ok()?,
            project: ProjectSettings {
                name: text("project.name")?,
                id: text("project.id").map(|id| id.to_lowercase()),
                admit: match text("project.admit")?.as_str() {
                    "ask" => Admit::Ask,
                    "open" => Admit::Open,
                    _ => Admit::Loopback,
                },
            },
            agents: agents(layers),
            review: ReviewSettings {
                deadline_s: deadline,
                fail_on: text("review.fail_on").and_then(|word| severity(&word)),
            },
            log: LogSettings {
                level: text("log.level")?,
                json: text("log.format").is_some_and(|format| format == "json"),
            },
            budget: BudgetSettings {
                task_microusd: money("budget.task")?,
                agent: period("agent")?,
                project: period("project")?,
                node: period("node")?,
                network: period("network")?,
            },
            store_url: text("store.url")?,
        })
    }
}

/// The built-in roles that were asked for, then the tables; a table replaces the built-in agent of the same id.
fn agents(layers: &Layers) -> Vec<AgentSetting> {
    let only_tables = !layers.agents.is_empty() && layers.source("agents") == Some(&Source::Default);
    let mut out: Vec<AgentSetting> = Vec::new();
    if !only_tables {
        for role in layers.get("agents").map(Value::list).unwrap_or_default() {
            if out.iter().all(|agent| agent.id != *role) {
                out.push(AgentSetting::built_in(role));
            }
        }
    }
    for (agent, _) in &layers.agents {
        out.retain(|other| other.id != agent.id);
        out.push(agent.clone());
    }
    out
}

/// The severity of a word of [`check::SEVERITIES`].
pub fn severity(word: &str) -> Option<Severity> {
    match word {
        "critical" => Some(Severity::Critical),
        "high" => Some(Severity::High),
        "medium" => Some(Severity::Medium),
        "low" => Some(Severity::Low),
        _ => None,
    }
}
