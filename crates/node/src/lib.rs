//! The shell around the pure core: carries effects to the disk, the network and the analysers, and answers back.
//!
//! One task owns the core's [`bzzz_core::node::Node`]; everybody else holds a cheap [`Handle`]. The task gathers all inputs in
//! one loop (requests, network, disk, finished work, time), takes one step of the core for each, and carries out what
//! comes of it. It holds no logic of its own.

pub mod analyse;
pub mod audit;
mod boot;
mod effects;
pub mod erase;
mod error;
mod handle;
mod heads;
mod intake;
mod owner;
pub mod projections;
mod receive;
mod refusals;
mod settings;

pub use boot::{IDENTITY_FILE, OPERATOR_FILE};
pub use error::NodeError;
pub use handle::{Handle, ReviewSpec};
pub use heads::read as noted_heads;
pub use settings::{ProjectSettings, Settings, built_in};

pub use bzzz_net::identity::{peer_id_of, public_key_of};
pub use bzzz_net::{Multiaddr, PeerId};
pub use bzzz_store::{Manifest, StoreError, restore};

/// The target of the log's lines about questions to people, so that a command can leave them out.
pub const QUESTIONS: &str = "bzzz_node::questions";

/// Starts a node. When this returns, it listens and everything stored is loaded.
pub async fn start(settings: Settings) -> Result<Handle, NodeError> {
    owner::start(settings).await
}
