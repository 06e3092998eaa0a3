//! Tests of the store as its callers see it.

mod backup;
mod common;
mod crash;
mod disk;
mod erase;
mod heads;
mod model;
mod suite;
