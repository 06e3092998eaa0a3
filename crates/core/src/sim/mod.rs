//! The simulator: many nodes in one process, with virtual time, and everything that can go wrong.
//!
//! The nodes are the real [`crate::node::Node`]s; only what surrounds them is simulated: links, disks, clocks, analysers,
//! models, people, and nodes that lie. All chance comes from the seed, so a seed replays exactly, in any process. After every
//! step the invariants of the design are checked; the first one that breaks ends the run with a [`Failure`] that names it and
//! carries the log of all inputs. In the end everything is healed, and all must come to rest in the same state.
//!
//! See `docs/simulation.md` for what is simulated, what is checked and how to read a failure.

mod boot;
mod byzantine;
mod carry;
mod check;
mod clock;
mod dice;
mod disk;
mod end;
mod faults;
mod found;
mod liars;
mod log;
mod members;
mod minds;
mod net;
mod script;
mod step;
mod summary;
mod totals;
mod trace;
mod trouble;
mod wishes;
mod words;
mod work;
mod world;

pub use faults::FaultProfile;
pub use log::{Replayed, Step, replay, replay_while};
pub use summary::{EXPECTED, Failure, Summary, Violation};
pub use totals::Totals;
pub use work::Work;

/// What to simulate.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Config {
    /// How many nodes. They form projects of at most [`MAX_GROUP`].
    pub nodes: usize,
    /// Where all chance comes from.
    pub seed: u64,
    /// Virtual minutes of work and faults; then everything is healed and must come to rest.
    pub minutes: u64,
    /// What goes wrong.
    pub faults: FaultProfile,
    /// What there is to do.
    #[serde(default)]
    pub work: Work,
}

/// Members of one project, at most; a larger network has more projects.
pub const MAX_GROUP: usize = 50;

impl Config {
    /// So many nodes, with the mixture of faults and work that the seed chooses.
    pub fn of_seed(nodes: usize, seed: u64, minutes: u64) -> Self {
        Config {
            nodes,
            seed,
            minutes,
            faults: FaultProfile::of_seed(seed),
            work: Work::of_seed(seed),
        }
    }
}

impl Config {
    /// So many nodes, nothing but a liar wrong, and verdicts that are contested: security's analysers are slow, so that vetoes come
    /// after others have voted, and liars raise vetoes whose lists they withhold.
    pub fn contested(nodes: usize, seed: u64, minutes: u64) -> Self {
        Config {
            faults: FaultProfile {
                byzantine: 1,
                lie_every_ms: 3_000,
                equivocation: 0,
                only_lies: liars::decisions::NAME.into(),
                ..FaultProfile::none()
            },
            work: Work {
                command_every_ms: 250,
                reviews: 200,
                found: [40, 120][seed as usize % 2],
                analyser_ms: (100, 60_000),
                abstains: 0,
                ..Work::default()
            },
            ..Config::of_seed(nodes, seed, minutes)
        }
    }
}

/// Runs a simulation to its end, without a log of what leads to a failure: in half the time.
///
/// # Errors
/// The first invariant that breaks.
pub fn probe(config: &Config) -> Result<Summary, Box<Failure>> {
    let _remember = crate::crypto::memo::Remember::begin();
    world::World::new(config.clone(), Some(log::Log::Silent)).run()
}

/// Runs a simulation to its end.
///
/// # Errors
/// The first invariant that breaks, with the log of inputs that leads to it.
pub fn run(config: &Config) -> Result<Summary, Box<Failure>> {
    let _remember = crate::crypto::memo::Remember::begin();
    world::World::new(config.clone(), None).run()
}

/// Runs a simulation as [`run`] does, and shows now and then how far it is. When `watch` says `false` it ends at once, with what
/// there is; [`Summary::interrupted`] says so.
///
/// # Errors
/// As [`run`].
pub fn run_watched(config: &Config, watch: impl FnMut(&Summary) -> bool + 'static) -> Result<Summary, Box<Failure>> {
    let _remember = crate::crypto::memo::Remember::begin();
    let mut world = world::World::new(config.clone(), None);
    world.watch = Some(Box::new(watch));
    world.run()
}
