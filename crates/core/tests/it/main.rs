//! Behaviour of the formats and folds of `bzzz-core`, seen from outside the crate.

// The core does no IO; its tests read the committed vectors and run a verifier in another language.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod bodies;
mod certificates;
mod commands;
mod encoding;
mod escalations;
mod folds;
mod generator;
mod judging;
mod lives;
mod membership;
mod mesh;
mod ownership;
mod projections;
mod python;
mod random;
mod rosters;
mod texts;
mod turn;
mod vectors;
mod voting;
mod world;
