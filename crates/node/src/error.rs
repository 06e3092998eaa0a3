//! Why a node could not start, or stopped.

use std::path::PathBuf;

use bzzz_core::node::CommandError;
use bzzz_net::{NetError, identity::IdentityError};
use bzzz_store::StoreError;

/// Why the shell could not do something.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NodeError {
    /// The node's or its operator's key.
    #[error("could not load the identity: {0}")]
    Identity(String),
    /// A key is gone whose node has written a log.
    #[error(
        "the key file {} is missing, and the folder holds the log of {log}, which nobody can go on with under another key; \
         put the file back from a copy, or move the folder away and start with an empty one", path.display()
    )]
    KeyLost {
        /// The file.
        path: PathBuf,
        /// Whose log it is.
        log: String,
    },
    /// The key is not that of the node that wrote the log.
    #[error(
        "the key file {} is that of node {key}, and the folder holds the log of {log}; put that node's own file back from a \
         copy, or move the folder away and start with an empty one", path.display()
    )]
    KeyChanged {
        /// The file.
        path: PathBuf,
        /// Peer id of the key in it.
        key: String,
        /// Whose log it is.
        log: String,
    },
    /// The store.
    #[error("{0}")]
    Store(std::sync::Arc<StoreError>),
    /// The network.
    #[error("could not start the network: {0}")]
    Net(String),
    /// The data folder.
    #[error("could not use the data folder {path}: {why}; check its rights and space, or choose another with --data")]
    Data {
        /// The folder.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A stored event does not decode: the file was changed from outside.
    #[error(
        "could not load the stored events: {0}; restore the newest backup with `bzzz restore` into an empty folder"
    )]
    Stored(String),
    /// No random bytes.
    #[error("could not get random bytes from the system: {0}")]
    Random(String),
    /// The core refused a command.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The node takes part in no project (yet).
    #[error("this node takes part in no project yet: it waits for a seat")]
    NoProject,
    /// The node has stopped.
    #[error("the node has stopped{}", .0.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    Stopped(Option<String>),
}

impl From<StoreError> for NodeError {
    fn from(e: StoreError) -> Self {
        NodeError::Store(std::sync::Arc::new(e))
    }
}

impl From<IdentityError> for NodeError {
    fn from(e: IdentityError) -> Self {
        NodeError::Identity(e.to_string())
    }
}

impl From<NetError> for NodeError {
    fn from(e: NetError) -> Self {
        NodeError::Net(e.to_string())
    }
}
