//! Real nodes in one process: real libp2p on loopback, real SQLite, real analysers.

mod audit;
mod crash;
mod flood;
mod heads;
mod mesh;
mod projections;
mod review;
mod support;
