//! From settings to what the node is told.

use std::path::Path;

use bzzz_core::ledger::Limits;
use bzzz_core::node::{Admit as CoreAdmit, AgentSpec, Pace};
use bzzz_node::{Multiaddr, PeerId, ProjectSettings};

use super::typed::Admit;
use super::{AgentSetting, Settings};
use crate::cli::exit::Exit;
use crate::cli::failure::{Result, fail, fail_because};

/// Money is drawn from the node's share in pieces of this size.
const CHUNK_MICROUSD: u64 = 1_000_000;

/// What the node is told.
pub fn node_settings(settings: &Settings) -> Result<bzzz_node::Settings> {
    let data = match settings.store_url.as_str() {
        "memory:" => None,
        "sqlite:" => Some(settings.data.clone()),
        other => {
            return Err(fail(
                Exit::Usage,
                format!("could not use store.url = {other:?}: this build keeps its store in the data folder"),
                Some("use \"sqlite:\" and choose the folder with --data, or \"memory:\""),
            ));
        }
    };
    let limit = |amount: u64| (amount > 0).then_some(amount);
    Ok(bzzz_node::Settings {
        data,
        owner: settings.node.owner.clone(),
        listen: addresses("p2p.listen", &settings.p2p.listen)?,
        peers: addresses("p2p.peers", &settings.p2p.peers)?,
        mdns: settings.p2p.mdns,
        private_key: settings.p2p.private_key_file.as_deref().map(private_key).transpose()?,
        allow: (!settings.p2p.allow.is_empty())
            .then(|| peers("p2p.allow", &settings.p2p.allow))
            .transpose()?,
        deny: peers("p2p.deny", &settings.p2p.deny)?,
        project: ProjectSettings {
            name: settings.project.name.clone(),
            id: settings
                .project
                .id
                .as_deref()
                .and_then(bzzz_core::crypto::Hash::from_hex),
            admit: match settings.project.admit {
                Admit::Loopback => CoreAdmit::Loopback,
                Admit::Ask => CoreAdmit::Ask,
                Admit::Open => CoreAdmit::Open,
            },
        },
        agents: settings.agents.iter().map(agent).collect(),
        limits: Limits {
            agent_microusd: None,
            agent_day_microusd: limit(settings.budget.agent.day_microusd),
            node_day_microusd: limit(settings.budget.node.day_microusd),
            node_month_microusd: limit(settings.budget.node.month_microusd),
            chunk_microusd: CHUNK_MICROUSD,
        },
        pace: Pace::default(),
        analyser: bzzz_node::analyse::built_in,
    })
}

/// A built-in agent is named by the node, so that two nodes can host one of each role.
fn agent(setting: &AgentSetting) -> AgentSpec {
    let built_in = setting.id == setting.role && setting.has_analysers();
    AgentSpec {
        id: if built_in { String::new() } else { setting.id.clone() },
        role: setting.role.clone(),
        capabilities: setting.capabilities.clone(),
        specialization: setting.specialization.clone().unwrap_or_default(),
        max_tasks: setting.max_tasks,
        model: None,
    }
}

fn addresses(key: &str, texts: &[String]) -> Result<Vec<Multiaddr>> {
    let read = |text: &String| {
        let parsed: std::result::Result<Multiaddr, _> = text.parse();
        parsed.map_err(|e| {
            let hint = "for example /ip4/127.0.0.1/tcp/4001";
            fail_because(
                Exit::Usage,
                format!("could not use {key}: {text:?} is no multiaddress"),
                e.to_string(),
                Some(hint),
            )
        })
    };
    texts.iter().map(read).collect()
}

fn peers(key: &str, texts: &[String]) -> Result<Vec<PeerId>> {
    let read = |text: &String| {
        let parsed: std::result::Result<PeerId, _> = text.parse();
        parsed.map_err(|e| {
            fail_because(
                Exit::Usage,
                format!("could not use {key}: {text:?} is no peer id"),
                e.to_string(),
                None,
            )
        })
    };
    texts.iter().map(read).collect()
}

fn private_key(path: &Path) -> Result<[u8; 32]> {
    read_private_key(path).map_err(|why| {
        fail_because(
            Exit::Usage,
            format!("could not read the private network's key from {}", path.display()),
            why,
            Some(PRIVATE_KEY_HINT),
        )
    })
}

/// How to come by a file that [`read_private_key`] reads.
pub(super) const PRIVATE_KEY_HINT: &str = "restore the file, or make one for all nodes of the network with: \
     printf '/key/swarm/psk/1.0.0/\\n/base16/\\n' > FILE; openssl rand -hex 32 >> FILE";

/// Reads the key of a private network: `/key/swarm/psk/1.0.0/`, `/base16/`, 64 hex digits; or the digits alone.
pub(super) fn read_private_key(path: &Path) -> std::result::Result<[u8; 32], String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("");
    bzzz_core::crypto::Hash::from_hex(last)
        .map(|key| key.0)
        .ok_or_else(|| "its last line is not 64 hex digits".to_owned())
}
