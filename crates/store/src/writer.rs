//! The writer thread: grouped commits.
//!
//! While one group is being fsynced the next one gathers in the queue, so the cost of an fsync is shared by everybody
//! who waited for it. When the last group had several batches their writers are about to come back, and the thread
//! waits for them a fraction of a commit's time; a lone writer is never kept waiting.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::backend::{Op, Writer};
use crate::error::StoreError;
use crate::metrics::Counters;
use crate::types::Durability;

/// Most batches in one transaction: bounds the time that the first of them waits.
const MAX_GROUP: usize = 1024;
/// A group stops growing at this many content bytes: bounds the memory of a transaction.
const MAX_GROUP_BYTES: usize = 32 * 1024 * 1024;
/// Longest wait for further batches.
const MAX_GATHER: Duration = Duration::from_millis(2);
/// How long the answer to an erasure waits for reads that keep the log from being emptied.
const SCRUB_PATIENCE: Duration = Duration::from_millis(500);
/// How often the log is tried again after that, without waiting.
const SCRUB_RETRY: Duration = Duration::from_millis(250);

/// A change and the one who waits for it.
pub(crate) struct WriteCommand {
    pub(crate) op: Op,
    pub(crate) reply: oneshot::Sender<Result<(), StoreError>>,
    /// The command's share of the queue; given back when it was answered.
    pub(crate) permit: OwnedSemaphorePermit,
}

/// Runs until every sender is gone and the queue is empty, then closes the back end.
pub(crate) fn run(
    mut writer: Writer,
    queue: &Receiver<WriteCommand>,
    counters: &Arc<Counters>,
) -> Result<(), StoreError> {
    let mut pace = Pace::default();
    let mut retry_scrub: Option<Instant> = None;
    loop {
        let next = match retry_scrub {
            Some(due) => queue.recv_timeout(due.saturating_duration_since(Instant::now())),
            None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match next {
            Ok(first) => {
                let group = pace.gather(first, queue);
                let started = Instant::now();
                let erasures = commit(&mut writer, group, counters);
                pace.commit = started.elapsed();
                if !erasures.is_empty() {
                    let scrubbed = writer.scrub(SCRUB_PATIENCE);
                    retry_scrub = (!scrubbed).then(|| Instant::now() + SCRUB_RETRY);
                    for command in erasures {
                        answer(command, Ok(()));
                    }
                }
                writer.after_group();
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if retry_scrub.is_some_and(|due| due <= Instant::now()) {
            let scrubbed = writer.scrub(Duration::ZERO);
            retry_scrub = (!scrubbed).then(|| Instant::now() + SCRUB_RETRY);
        }
    }
    writer.close()
}

/// Commits a group and answers it, except the successful erasures, which are returned: they wait for the log.
fn commit(writer: &mut Writer, group: Vec<WriteCommand>, counters: &Counters) -> Vec<WriteCommand> {
    let durable = group
        .iter()
        .any(|command| command.op.durability() == Durability::Durable);
    let durability = if durable {
        Durability::Durable
    } else {
        Durability::Relaxed
    };
    let ops: Vec<&Op> = group.iter().map(|command| &command.op).collect();
    let results = writer.commit_group(&ops, durability);
    counters.group(group.len(), durable);
    let mut erasures = Vec::new();
    for (command, result) in group.into_iter().zip(results) {
        match (&result, &command.op) {
            (Ok(()), Op::Append(batch)) => counters.committed(batch.events.len(), batch.payload_bytes()),
            (Ok(()), _) => counters.committed(0, 0),
            (Err(_), _) => counters.failed(),
        }
        if result.is_ok() && matches!(command.op, Op::EraseBlob(_)) {
            erasures.push(command);
        } else {
            answer(command, result);
        }
    }
    erasures
}

fn answer(command: WriteCommand, result: Result<(), StoreError>) {
    drop(command.permit);
    // The asker may have gone away; the change is stored all the same.
    let _ = command.reply.send(result);
}

/// How groups have been going, to size the next one.
#[derive(Default)]
struct Pace {
    group: usize,
    commit: Duration,
}

impl Pace {
    fn gather(&mut self, first: WriteCommand, queue: &Receiver<WriteCommand>) -> Vec<WriteCommand> {
        let mut bytes = first.op.payload_bytes();
        let mut group = vec![first];
        let deadline = Instant::now() + (self.commit / 2).min(MAX_GATHER);
        while group.len() < MAX_GROUP && bytes < MAX_GROUP_BYTES {
            let next = match queue.try_recv() {
                Ok(command) => command,
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) => {
                    let wait = deadline.saturating_duration_since(Instant::now());
                    if group.len() >= self.group || wait.is_zero() {
                        break;
                    }
                    match queue.recv_timeout(wait) {
                        Ok(command) => command,
                        Err(_) => break,
                    }
                }
            };
            bytes += next.op.payload_bytes();
            group.push(next);
        }
        self.group = group.len();
        group
    }
}
