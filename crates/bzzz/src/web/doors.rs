//! Who is inside while the node is about to stop.
//!
//! A request that is let in gets its answer before the node stops, and one that comes later is refused in words that say
//! so. Whoever asks thus always knows whether something was begun, and can ask the next node without asking twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How often [`Doors::emptied`] looks.
const LOOK: Duration = Duration::from_millis(5);

/// Counts requests that have no answer yet.
#[derive(Debug, Clone, Default)]
pub struct Doors(Arc<State>);

#[derive(Debug, Default)]
struct State {
    closed: AtomicBool,
    inside: AtomicUsize,
}

/// A request without an answer yet.
#[derive(Debug)]
pub struct Inside(Arc<State>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Doors {
    /// Comes in; none when the doors are closed.
    pub fn enter(&self) -> Option<Inside> {
        self.0.inside.fetch_add(1, Ordering::SeqCst);
        let inside = Inside(self.0.clone());
        // Looked at after counting: whoever closes sees the count of everybody that found the doors open.
        (!self.0.closed.load(Ordering::SeqCst)).then_some(inside)
    }

    /// Lets nobody in any more.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
    }

    /// Waits until everybody inside has an answer, for `limit` at most.
    pub async fn emptied(&self, limit: Duration) {
        let until = Instant::now() + limit;
        while self.0.inside.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            tokio::time::sleep(LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_inside_is_waited_for_and_nobody_else_comes_in() {
        let doors = Doors::default();
        let inside = doors.enter().expect("open doors");
        doors.close();
        assert!(doors.enter().is_none());
        let waiting = tokio::spawn({
            let doors = doors.clone();
            async move { doors.emptied(Duration::from_secs(30)).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(inside);
        waiting.await.expect("an end");
        let forgotten = Doors::default();
        let _inside = forgotten.enter();
        forgotten.emptied(Duration::from_millis(1)).await;
    }
}
