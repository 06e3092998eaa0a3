//! The log of a failed run, and stepping through it.
//!
//! The log names the seed and the settings, and then lists every input with its time, its node, what came of it, and a hash
//! over everything so far. A replay runs the same simulation again and compares each input with the log, so it shows
//! exactly what happened, and says at which step a changed program behaves in another way.

use super::world::World;
use super::{Config, Failure, Violation};

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Step {
    /// Its number, from 1.
    pub step: u64,
    /// Virtual milliseconds since the start.
    pub at_ms: u64,
    /// Which node.
    pub node: usize,
    /// What came to it.
    pub input: String,
    /// What it did.
    pub effects: Vec<String>,
    /// The first digits of the hash over all steps so far.
    pub trace: String,
}

/// What a replay calls with each step.
type OnStep<'a> = Box<dyn FnMut(&Step) + 'a>;

/// Writes a log, or compares with one.
pub(super) enum Log {
    /// Does neither.
    Silent,
    /// Writes.
    Writer(String),
    /// Compares.
    Reader {
        expected: std::vec::IntoIter<Step>,
        on_step: OnStep<'static>,
    },
}

impl Log {
    /// An empty log of a run.
    pub fn writer(config: &Config) -> Self {
        let mut out = serde_json::to_string(config).unwrap_or_default();
        out.push('\n');
        Log::Writer(out)
    }

    /// Takes a step.
    pub fn push(&mut self, step: Step) -> Result<(), String> {
        match self {
            Log::Silent => {}
            Log::Writer(out) => {
                out.push_str(&serde_json::to_string(&step).unwrap_or_default());
                out.push('\n');
            }
            Log::Reader { expected, on_step } => {
                on_step(&step);
                if let Some(then) = expected.next()
                    && then != step
                {
                    return Err(format!(
                        "this build departs from the log in step {}: it had node {} with `{}`",
                        step.step, then.node, then.input
                    ));
                }
            }
        }
        Ok(())
    }

    /// Ends the log with what broke.
    pub fn finish(self, violation: &Violation) -> String {
        match self {
            Log::Writer(mut out) => {
                let last = serde_json::json!({"violation": violation.invariant, "what": violation.what});
                out.push_str(&last.to_string());
                out.push('\n');
                out
            }
            Log::Reader { .. } | Log::Silent => String::new(),
        }
    }
}

/// Steps through a saved log: `on_step` is called with every step. Returns what broke in the end, the same as in the
/// saved run unless the program has changed since; `None` if nothing breaks any more.
///
/// # Errors
/// When the log cannot be read.
pub fn replay(log: &str, on_step: impl FnMut(&Step) + 'static) -> Result<Option<Box<Failure>>, String> {
    let mut lines = log.lines();
    let head = lines.next().ok_or("could not read the log: it is empty")?;
    let config: Config = serde_json::from_str(head)
        .map_err(|e| format!("could not read the log: its first line is no configuration ({e})"))?;
    let mut steps = Vec::new();
    for line in lines.filter(|l| l.starts_with("{\"step\"")) {
        let number = steps.len() + 2;
        steps.push(
            serde_json::from_str(line)
                .map_err(|e| format!("could not read the log: line {number} is no step ({e})"))?,
        );
    }
    let reader = Log::Reader {
        expected: steps.into_iter(),
        on_step: Box::new(on_step),
    };
    let _remember = crate::crypto::memo::Remember::begin();
    Ok(World::new(config, Some(reader)).run().err())
}
