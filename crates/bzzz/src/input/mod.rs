//! Reading the change that is to be reviewed: from a file, from standard input or from a git repository.
//!
//! What always holds: a size is checked before the bytes are read; each kind of bad input has its own message; nothing is
//! sent to a node that is not a unified diff in UTF-8.

pub mod blobs;
pub mod change;
pub mod file;
pub mod git;

pub use change::Change;
