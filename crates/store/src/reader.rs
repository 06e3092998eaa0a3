//! The reader threads: each owns one reading back end and takes the next question from a shared queue.

use std::sync::mpsc::Receiver;
use std::sync::{Mutex, PoisonError};

use crate::backend::Reader;

/// A question; it carries the channel of its answer.
pub(crate) type ReadJob = Box<dyn FnOnce(&mut Reader) + Send>;

/// Runs until every sender is gone.
pub(crate) fn run(mut reader: Reader, queue: &Mutex<Receiver<ReadJob>>) {
    loop {
        // The guard is released before the job runs, so the other readers can take theirs.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(&mut reader),
            Err(_) => return,
        }
    }
}
