//! What the shell is told at its start.

use std::path::PathBuf;

use bzzz_core::crypto::Hash;
use bzzz_core::ledger::Limits;
use bzzz_core::node::{Admit, AgentSpec, Pace};
use bzzz_net::{Multiaddr, PeerId};

use crate::analyse::{self, Analyser};

/// Which project a node without one begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectSettings {
    /// Name of the project that is founded when there is neither a stored one nor a peer to join.
    pub name: String,
    /// A certain project to join.
    pub id: Option<Hash>,
    /// How requests for a seat are met.
    pub admit: Admit,
}

/// Settings of the shell.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Data folder; none: everything in memory, and gone afterwards.
    pub data: Option<PathBuf>,
    /// Owner as declared.
    pub owner: String,
    /// Addresses to listen on.
    pub listen: Vec<Multiaddr>,
    /// Peers to keep a connection to.
    pub peers: Vec<Multiaddr>,
    /// Whether to look for peers by mDNS.
    pub mdns: bool,
    /// Key of a private network.
    pub private_key: Option<[u8; 32]>,
    /// Peers that alone may connect.
    pub allow: Option<Vec<PeerId>>,
    /// Peers that may not.
    pub deny: Vec<PeerId>,
    /// Which project.
    pub project: ProjectSettings,
    /// Agents to host.
    pub agents: Vec<AgentSpec>,
    /// Limits on spending.
    pub limits: Limits,
    /// Intervals.
    pub pace: Pace,
    /// What the agents analyse with.
    pub analyser: Analyser,
}

impl Settings {
    /// A node in memory, on a free loopback port, that founds a project of its own.
    pub fn ephemeral(owner: &str, agents: Vec<AgentSpec>) -> Self {
        Settings {
            data: None,
            owner: owner.to_owned(),
            listen: vec!["/ip4/127.0.0.1/tcp/0".parse().expect("a constant multiaddr")],
            peers: vec![],
            mdns: false,
            private_key: None,
            allow: None,
            deny: vec![],
            project: ProjectSettings {
                name: "local".to_owned(),
                id: None,
                admit: Admit::Loopback,
            },
            agents,
            limits: Limits::default(),
            pace: Pace::default(),
            analyser: analyse::built_in,
        }
    }
}

/// A built-in agent of a role: analysers only.
pub fn built_in(role: &str, node: &str) -> AgentSpec {
    AgentSpec {
        id: format!("{role}-{node}"),
        role: role.to_owned(),
        capabilities: vec!["review".to_owned()],
        specialization: String::new(),
        max_tasks: 3,
        model: None,
    }
}
