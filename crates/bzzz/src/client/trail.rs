//! What a command knows of the review that it waits for: its thread, where it runs, and how to find it again.
//!
//! Shared with the thread that hears of interrupts, so that whoever stops the command is told what goes on without it.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use super::embedded::Closer;
use crate::cli::failure::Shown;
use crate::report::words::shell_word;
use crate::term::out::note;
use crate::term::style::Paint;

/// How long a signal's words wait for the id of a review that is being opened. Mostly it is there within some milliseconds.
const THREAD_PATIENCE: Duration = Duration::from_secs(1);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// Where a review runs, as far as the command knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum At {
    /// No node was found yet.
    #[default]
    Nowhere,
    /// At a node that was named with `--node`.
    Node(String),
    /// At the node of another process on the data folder.
    Guest(String),
    /// In this process.
    Own,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Trail(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    thread: Option<String>,
    announced: bool,
    /// A node was asked to open a review.
    asked: bool,
    at: At,
    data: String,
    closer: Option<Closer>,
    ending: bool,
    over: bool,
}

impl Trail {
    /// Nothing is known yet but the data folder and, where its review is to be followed, a thread.
    pub fn new(data: &Path, thread: Option<String>) -> Self {
        let state = State {
            thread,
            data: data.display().to_string(),
            ..State::default()
        };
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is one assignment, so a thread that panicked left nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The review's thread, by its id or address.
    pub fn thread(&self) -> Option<String> {
        self.state().thread.clone()
    }

    /// A node is asked to open a review: from here on one may be open before anybody says so.
    pub fn asks(&self) {
        self.state().asked = true;
    }

    /// The thread is open. Whether that is to be said: once, since each node that is followed says it, and not after a signal,
    /// whose words say all that is to be said.
    pub fn opened(&self, thread: &str) -> bool {
        let mut state = self.state();
        state.thread = Some(thread.to_owned());
        let first = !std::mem::replace(&mut state.announced, true);
        first && !state.ending
    }

    /// The review runs there now; `closer` ends a node of this process.
    pub fn moved(&self, at: At, closer: Option<Closer>) {
        let mut state = self.state();
        state.at = at;
        state.closer = closer;
    }

    /// The review is over, and nothing is left to be told about it, unless a signal came first.
    pub fn over(&self) {
        let mut state = self.state();
        state.over = !state.ending;
        drop(state);
        self.rest_if_ending();
    }

    /// The command that follows the review; none while no thread is open.
    pub fn follow_command(&self) -> Option<String> {
        let state = self.state();
        let place = match &state.at {
            At::Node(node) => format!("--node {}", shell_word(node)),
            At::Nowhere | At::Guest(_) | At::Own => format!("--data {}", shell_word(&state.data)),
        };
        Some(follow_command(state.thread.as_deref()?, &place))
    }

    /// The same at a node that the person has to name.
    pub fn follow_elsewhere(&self) -> Option<String> {
        Some(follow_command(self.state().thread.as_deref()?, "--node ADDRESS"))
    }

    /// After a signal the process ends by itself; until then nothing more is to be done or said.
    pub fn rest_if_ending(&self) {
        while self.state().ending {
            std::thread::park_timeout(std::time::Duration::from_secs(1));
        }
    }

    /// From here on an interrupt or a termination signal ends the process with the words of this module, after the node of
    /// this process has ended in order; a second one does not wait for that.
    pub fn end_on_signals(&self, what: &'static str, json: bool, paint: Paint) {
        let trail = self.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        // Where the system gives no way to wait for signals, they end the process as ever.
        let Ok(runtime) = runtime else { return };
        let (ready, wait) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            runtime.block_on(async {
                super::embedded::outlive_size_limits();
                let (Ok(mut interrupt), Ok(mut terminate)) =
                    (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
                else {
                    return;
                };
                let _ = ready.send(());
                let code = tokio::select! {
                    _ = interrupt.recv() => 130,
                    _ = terminate.recv() => 143,
                };
                let closer = trail.begin_end(what, code, json, paint);
                let close = async {
                    match closer {
                        Some(closer) => closer.close().await,
                        None if trail.state().over => std::future::pending().await,
                        None => {}
                    }
                };
                tokio::select! {
                    () = close => {}
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                std::process::exit(code.into());
            });
        });
        let _ = wait.recv();
    }

    /// Says what goes on where; gives what is to be closed.
    fn begin_end(&self, what: &str, code: u8, json: bool, paint: Paint) -> Option<Closer> {
        {
            let mut state = self.state();
            if state.over {
                // The report is here, and the end is near anyway.
                return None;
            }
            state.ending = true;
        }
        self.await_thread();
        let shown = self.interrupted(what, code);
        if json {
            note(&serde_json::to_string(&shown).unwrap_or_default());
        } else {
            note(&format!("\n{}", shown.text(paint)));
        }
        self.state().closer.clone()
    }

    /// Waits a little for the thread of a review that a node was asked to open: whoever is told its id can go on with it.
    fn await_thread(&self) {
        let until = Instant::now() + THREAD_PATIENCE;
        let unknown = || {
            let state = self.state();
            state.asked && state.thread.is_none()
        };
        while unknown() && Instant::now() < until {
            std::thread::sleep(LOOK);
        }
    }

    fn interrupted(&self, what: &str, code: u8) -> Shown {
        let follow = self.follow_command();
        let state = self.state();
        let (because, hint) = match (&state.at, follow) {
            (At::Nowhere | At::Own, None) if !state.asked => {
                ("nothing was begun".to_owned(), "run it again".to_owned())
            }
            (_, None) => (
                "no answer said yet that the review was opened".to_owned(),
                "`bzzz thread list` shows whether it was; if not, run it again".to_owned(),
            ),
            (At::Node(node), Some(follow)) => (format!("the review goes on at {node}"), format!("follow it: {follow}")),
            (At::Guest(node), Some(follow)) => (
                format!("the review goes on at the node that runs on {} ({node})", state.data),
                format!("follow it: {follow}"),
            ),
            (At::Own | At::Nowhere, Some(follow)) => (
                format!(
                    "its node stops with this command; the review rests, and goes on when a node runs on {}",
                    state.data
                ),
                format!("go on with it: {follow}"),
            ),
        };
        let signal = if code == 130 {
            "it was interrupted"
        } else {
            "it was told to stop"
        };
        Shown {
            error: format!("{what}: {signal}"),
            because: vec![crate::term::clean::line(&because)],
            hint: Some(crate::term::clean::line(&hint)),
            kind: "interrupted",
            exit: code,
        }
    }
}

/// The last part of an address is the thread's id, and needs no quotes.
fn follow_command(thread: &str, place: &str) -> String {
    let id = thread.rsplit('/').next().unwrap_or(thread);
    format!("bzzz review --follow {} {place}", shell_word(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupt_says_what_goes_on_where() {
        let said = |at: At, thread: Option<&str>| {
            let trail = Trail::new(Path::new("/my data"), None);
            if matches!(at, At::Guest(_)) {
                trail.asks();
            }
            if let Some(thread) = thread {
                trail.opened(thread);
            }
            trail.moved(at, None);
            let shown = trail.interrupted("could not review", 130);
            format!("{} | {}", shown.because[0], shown.hint.unwrap_or_default())
        };
        let thread = Some("bzzz://*:*@p:review/thread/9b1c");
        assert_eq!(
            said(At::Node("127.0.0.1:80".into()), thread),
            "the review goes on at 127.0.0.1:80 | follow it: bzzz review --follow 9b1c --node 127.0.0.1:80"
        );
        assert!(said(At::Own, thread).ends_with("bzzz review --follow 9b1c --data '/my data'"));
        assert!(said(At::Guest("x".into()), thread).contains("goes on at the node that runs on /my data"));
        assert!(said(At::Nowhere, None).ends_with("run it again"));
        assert!(said(At::Own, None).ends_with("run it again"));
        assert!(said(At::Guest("x".into()), None).contains("bzzz thread list"));
    }

    #[test]
    fn a_review_that_is_being_opened_is_never_called_nothing() {
        let trail = Trail::new(Path::new("/data"), None);
        trail.moved(At::Own, None);
        trail.asks();
        let shown = trail.interrupted("could not review", 130);
        assert!(shown.because[0].starts_with("no answer said yet"), "{shown:?}");
        // Its thread is heard of while the words are made: they name it, and it is not announced beside them.
        let other = trail.clone();
        let teller = std::thread::spawn(move || {
            while !other.state().ending {
                std::thread::yield_now();
            }
            other.opened("9b1c")
        });
        trail.begin_end("could not review", 130, true, Paint { on: false });
        assert!(!teller.join().expect("a thread"), "announced after the words");
        let shown = trail.interrupted("could not review", 130);
        assert!(shown.hint.is_some_and(|hint| hint.contains("--follow 9b1c")));
    }
}
