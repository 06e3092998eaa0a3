//! The network as a whole: real swarms on loopback, one binary for all of it.
//!
//! Every wait is for a condition, with a deadline; no test sleeps for a result.

mod connect;
mod gossip;
mod hostile;
mod relay;
mod request;
mod restart;
mod support;
