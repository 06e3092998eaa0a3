//! Behaviour of the formats and folds of `bzzz-core`, seen from outside the crate.

mod bodies;
mod certificates;
mod encoding;
mod folds;
mod generator;
mod ownership;
mod python;
mod vectors;
mod voting;
mod world;
