//! The log of a failed run, and stepping through it.
//!
//! The log names the seed and the settings, and then lists every input with its time, its node, what came of it, and a hash
//! over everything so far. A replay runs the same simulation again and compares each input with the log, so it shows
//! exactly what happened, and says at which step a changed program behaves in another way.

use super::world::World;
use super::{Config, Failure, Violation};

/// The "invariant" that a replay breaks when it departs from its log.
pub(super) const DEPARTED: &str = "replay";

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

/// What a replay calls with each step; it says whether the replay goes on.
type OnStep = Box<dyn FnMut(&Step) -> bool>;

/// Writes a log, or compares with one.
pub(super) enum Log {
    /// Does neither.
    Silent,
    /// Writes.
    Writer(String),
    /// Compares.
    Reader {
        expected: std::vec::IntoIter<Step>,
        on_step: OnStep,
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
    pub fn push(&mut self, step: Step) -> Result<bool, String> {
        match self {
            Log::Silent => {}
            Log::Writer(out) => {
                out.push_str(&serde_json::to_string(&step).unwrap_or_default());
                out.push('\n');
            }
            Log::Reader { expected, on_step } => {
                let goes_on = on_step(&step);
                if let Some(then) = expected.next()
                    && then != step
                {
                    return Err(difference(&then, &step));
                }
                return Ok(goes_on);
            }
        }
        Ok(true)
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

/// Where two steps of one number differ.
fn difference(then: &Step, now: &Step) -> String {
    if (then.node, then.at_ms, &then.input) != (now.node, now.at_ms, &now.input) {
        return format!(
            "the log has n{} at {} ms with `{}`, this build n{} at {} ms with `{}`",
            then.node, then.at_ms, then.input, now.node, now.at_ms, now.input
        );
    }
    let pairs = then.effects.iter().zip(&now.effects);
    let (log, here) = pairs.into_iter().find(|(a, b)| a != b).map_or_else(
        || {
            let more = |long: &Step, short: &Step| long.effects.get(short.effects.len()).cloned();
            (more(then, now), more(now, then))
        },
        |(a, b)| (Some(a.clone()), Some(b.clone())),
    );
    let words = |effect: Option<String>| effect.unwrap_or_else(|| "nothing more".to_owned());
    format!(
        "after the same input the log has `{}`, this build `{}`",
        words(log),
        words(here)
    )
}

/// How a replay ended.
#[derive(Debug, Clone)]
pub enum Replayed {
    /// It broke as it did when it was saved.
    Broke(Box<Failure>),
    /// This build does something else from a step on.
    Departed {
        /// The first step that differs.
        step: u64,
        /// How it differs.
        why: String,
    },
    /// Whoever watched wanted no more.
    Stopped {
        /// The last step.
        step: u64,
    },
    /// It came to its end, and nothing broke.
    Held,
}

/// Steps through a saved log: `on_step` is called with every step. Returns what broke in the end, the same as in the
/// saved run unless the program has changed since; `None` if nothing breaks any more.
///
/// # Errors
/// When the log cannot be read.
pub fn replay(log: &str, mut on_step: impl FnMut(&Step) + 'static) -> Result<Option<Box<Failure>>, String> {
    let all = move |step: &Step| {
        on_step(step);
        true
    };
    match replay_while(log, all)? {
        Replayed::Broke(failure) => Ok(Some(failure)),
        Replayed::Departed { step, why } => Err(format!("step {step} is another one than in the log: {why}")),
        Replayed::Stopped { .. } | Replayed::Held => Ok(None),
    }
}

/// Steps through a saved log as long as `on_step` wants more.
///
/// # Errors
/// When the log cannot be read.
pub fn replay_while(log: &str, on_step: impl FnMut(&Step) -> bool + 'static) -> Result<Replayed, String> {
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
    Ok(match World::new(config, Some(reader)).run() {
        Ok(summary) if summary.interrupted => Replayed::Stopped { step: summary.steps },
        Ok(_) => Replayed::Held,
        Err(failure) if failure.violation.invariant == DEPARTED => Replayed::Departed {
            step: failure.step,
            why: failure.violation.what,
        },
        Err(failure) => Replayed::Broke(failure),
    })
}
