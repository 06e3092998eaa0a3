//! `bzzz replay`: steps through the input log that a failed simulation saved.
//!
//! The log names the seed and the settings; the same simulation is run again, each step is held against the log, and the steps
//! that were asked for are shown with what they did. A build that differs from the one that wrote the log says where.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::BufRead;
use std::path::PathBuf;
use std::rc::Rc;

use bzzz_core::sim::{self, Step};
use serde_json::json;

use super::context::Context;
use super::exit::Exit;
use super::failure::{Explain, Result, from_sentence};
use super::interrupt::INTERRUPTED;
use crate::term::{Out, clean};

/// Largest input log.
const MAX_LOG_BYTES: u64 = 1 << 30;
/// Steps before the failure that are shown when nothing else is asked for.
const USUAL_LAST: usize = 30;

/// Arguments of `bzzz replay`.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// Saved input log
    file: PathBuf,
    /// Show steps from this one on
    #[arg(long, value_name = "STEP")]
    from: Option<u64>,
    /// Show steps up to this one, and end there
    #[arg(long, value_name = "STEP")]
    until: Option<u64>,
    /// Show steps of this node only; may be given more than once
    #[arg(long, value_name = "N")]
    of: Vec<usize>,
    /// Show steps only that have this text in their input or in what they did
    #[arg(long, value_name = "TEXT")]
    matching: Option<String>,
    /// Show only the last steps of those, this many [default: 30, or all when steps are chosen]
    #[arg(long, value_name = "N")]
    last: Option<usize>,
    /// Wait for Enter after each step; `q` and Enter ends
    #[arg(long, conflicts_with_all = ["last", "json"])]
    pause: bool,
}

impl ReplayArgs {
    fn wants(&self, step: &Step) -> bool {
        let text = |t: &String| step.input.contains(t) || step.effects.iter().any(|e| e.contains(t));
        self.from.is_none_or(|from| step.step >= from)
            && self.until.is_none_or(|until| step.step <= until)
            && (self.of.is_empty() || self.of.contains(&step.node))
            && self.matching.as_ref().is_none_or(text)
    }

    /// How many steps are kept.
    fn last(&self) -> usize {
        let chosen = self.from.is_some() || self.until.is_some() || !self.of.is_empty() || self.matching.is_some();
        self.last
            .unwrap_or(if chosen || self.pause { usize::MAX } else { USUAL_LAST })
    }
}

/// What is shown, and where.
struct Viewer {
    out: Out,
    steps: VecDeque<Step>,
    shown: u64,
    failed: Option<anyhow::Error>,
}

impl Viewer {
    fn print(&mut self, step: &Step) {
        self.shown += 1;
        let done = self.out.line(&clean::block(&words(step)));
        self.failed = self.failed.take().or(done.err());
    }

    /// Waits for Enter.
    fn pause(&mut self) {
        let _ = self.out.flush();
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        if !matches!(read, Ok(n) if n > 0) || line.trim() == "q" {
            std::process::exit(if read.is_ok() { 0 } else { INTERRUPTED });
        }
    }
}

/// Runs the command.
pub fn run(args: ReplayArgs, context: &mut Context) -> Result<Exit> {
    let attempt = format!("could not read the input log {}", args.file.display());
    let hint = "give the file that `bzzz sim` saved";
    let bytes = super::text::read_file(&args.file, MAX_LOG_BYTES, "input log")?;
    let text = String::from_utf8(bytes).explain(Exit::Usage, attempt.clone(), Some(hint))?;
    let viewer = Rc::new(RefCell::new(Viewer {
        out: std::mem::take(&mut context.out),
        steps: VecDeque::new(),
        shown: 0,
        failed: None,
    }));
    let (last, until, pause) = (args.last(), args.until, args.pause);
    // With a bound only the end decides what is shown; without, each step is shown as it comes.
    let keep = context.global.json || last < usize::MAX;
    let sink = Rc::clone(&viewer);
    let on_step = move |step: &Step| {
        let mut viewer = sink.borrow_mut();
        if args.wants(step) {
            if keep {
                viewer.steps.push_back(step.clone());
                if viewer.steps.len() > last {
                    viewer.steps.pop_front();
                }
            } else {
                viewer.print(step);
                if pause {
                    viewer.pause();
                }
            }
        }
        until.is_none_or(|until| step.step < until)
    };
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let ended = sim::replay_while(&text, on_step);
    std::panic::set_hook(hook);
    let ended = ended.map_err(|e| from_sentence(Exit::Usage, attempt, &e));
    let mut viewer = viewer.borrow_mut();
    let kept = std::mem::take(&mut viewer.steps);
    if !context.global.json {
        for step in &kept {
            viewer.print(step);
        }
    }
    context.out = std::mem::take(&mut viewer.out);
    if let Some(failed) = viewer.failed.take() {
        return Err(failed);
    }
    let steps = match context.global.json {
        true => json!(kept),
        false => json!(viewer.shown),
    };
    let (valid, summary, details) = told(ended?);
    let answer = json!({ "valid": valid, "summary": summary, "details": details, "steps": steps });
    super::check::show(&answer, context)
}

/// What the end of a replay means.
fn told(ended: sim::Replayed) -> (bool, String, Vec<String>) {
    let more = "other steps: --from STEP, --until STEP, --of NODE, --matching TEXT, --last N, --pause".to_owned();
    match ended {
        sim::Replayed::Broke(failure) => {
            let at = format!("step {}, {} virtual ms, as in the log", failure.step, failure.at_ms);
            (false, format!("not valid: {failure}"), vec![at, more])
        }
        sim::Replayed::Departed { step, why } => {
            let hint = "replay it with the build that wrote it; its first line names seed and settings for `bzzz sim`";
            (
                false,
                format!("not valid: step {step} is another one than in the log: {why}"),
                vec![hint.to_owned(), more],
            )
        }
        sim::Replayed::Stopped { step } => (true, format!("valid: nothing is broken up to step {step}"), vec![more]),
        sim::Replayed::Held => {
            let what = "valid: nothing breaks any more; the program has changed since the log was saved";
            (true, what.to_owned(), vec![more])
        }
    }
}

/// A step in words: when, where, what came, what was done.
fn words(step: &Step) -> String {
    let mut out = format!(
        "{:>7} {:>9} ms  n{:<4} {}",
        step.step, step.at_ms, step.node, step.input
    );
    for effect in &step.effects {
        out.push_str("\n                              -> ");
        out.push_str(effect);
    }
    out
}
