//! The outer edge of bzzz: command line, settings, renderers of reports, progress.
//!
//! There is no logic of the network here. A command reads its settings and its input, asks a node through [`client`],
//! and shows the answer. The map: [`cli`] one file per command, [`settings`], [`input`] reading changes, [`client`] the
//! way to a node, [`report`] renderers, [`progress`], [`doctor`] local checks, [`mod@bench`] measurements, [`offline`] work on
//! a stopped node's data, [`term`] the terminal, [`web`] the local API of a running node.
//!
//! What always holds: nothing that a peer, a model or a change sends reaches a terminal unfiltered
//! ([`term::clean`]); every failure says what was attempted, why it failed and what to do ([`cli::failure`]); every exit
//! status is in one table ([`cli::exit`]).

pub mod bench;
pub mod cli;
pub mod client;
pub mod doctor;
pub mod input;
pub mod offline;
pub mod progress;
pub mod report;
pub mod settings;
pub mod term;
pub mod web;
