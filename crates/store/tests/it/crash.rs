//! A process that is killed in the middle of its work loses nothing that it had acknowledged.
//!
//! The test starts its own binary again with only the `child` test. The child appends with several writers and prints
//! each acknowledgement; the parent kills it after a seeded number of them. A kill ends the process, not the machine:
//! what a power cut does to the disk's own cache is beyond a test like this.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use bzzz_store::{Durability, Store, StoreConfig};
use tempfile::TempDir;

use crate::common::{block_on, event, events, feed, put};

const FOLDER_VARIABLE: &str = "BZZZ_STORE_CRASH_TEST_FOLDER";
const WRITERS: u8 = 6;
const ROUNDS: u64 = 12;

/// The part of the killed process; does nothing when run as a test of its own.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(FOLDER_VARIABLE).map(PathBuf::from) else {
        return;
    };
    block_on(async {
        let store = Store::open(StoreConfig::sqlite(dir)).expect("the store opens");
        let mut writers = Vec::new();
        for number in 1..=WRITERS {
            let store = store.clone();
            let first = store
                .heads()
                .await
                .unwrap()
                .iter()
                .find(|h| h.feed == feed(number))
                .map_or(0, |h| h.seq + 1);
            writers.push(tokio::spawn(async move {
                for seq in first.. {
                    let mut batch = events(feed(number), seq..seq + 1);
                    batch.projections.push(put("count", &[number], &seq.to_be_bytes()));
                    // A kill does not lose what was committed without an fsync either.
                    batch.durability = if number == 1 {
                        Durability::Relaxed
                    } else {
                        Durability::Durable
                    };
                    store.append(batch).await.expect("an append");
                    // Whole lines, so that a kill cannot make a wrong number out of half of one.
                    std::io::stderr()
                        .write_all(format!("ack {number} {seq} .\n").as_bytes())
                        .expect("the parent reads");
                }
            }));
        }
        for writer in writers {
            writer.await.expect("a writer");
        }
    });
}

/// Runs the child until it acknowledged `kill_after` appends; adds all that it acknowledged.
fn run_and_kill(dir: &TempDir, kill_after: u64, acknowledged: &mut BTreeMap<u8, u64>) {
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "crash::child", "--nocapture", "--test-threads=1"])
        .env(FOLDER_VARIABLE, dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let mut count = 0;
    let mut other = Vec::new();
    for line in lines {
        let line = line.expect("text");
        let words: Vec<_> = line.split(' ').collect();
        if let ["ack", number, seq, "."] = words[..] {
            acknowledged.insert(number.parse().expect("a writer"), seq.parse().expect("a number"));
            count += 1;
            if count == kill_after {
                // SIGKILL; what is in the pipe already was acknowledged too, and is read on.
                child.kill().expect("the child is killed");
            }
        } else {
            other.push(line);
        }
    }
    child.wait().expect("the child is gone");
    assert!(
        count >= kill_after,
        "the child ended by itself after {count} acknowledgements: {other:?}"
    );
}

#[test]
fn nothing_acknowledged_is_lost() {
    let dir = TempDir::new().unwrap();
    let mut acknowledged = BTreeMap::new();
    for seed in 1..=ROUNDS {
        // Between the very first acknowledgement and a few hundred, in no regular step.
        let kill_after = 1 + seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 400;
        run_and_kill(&dir, kill_after, &mut acknowledged);
        block_on(async {
            let store = Store::open(StoreConfig::sqlite(dir.path())).expect("opens after a kill");
            store.check().await.expect("a sound file");
            let heads: BTreeMap<_, _> = store
                .heads()
                .await
                .unwrap()
                .into_iter()
                .map(|h| (h.feed, h.seq))
                .collect();
            for (number, seq) in &acknowledged {
                let head = heads.get(&feed(*number)).copied();
                assert!(
                    head >= Some(*seq),
                    "seed {seed}: writer {number} acknowledged {seq}, stored is {head:?}"
                );
            }
            for (feed, head) in heads {
                let stored = store.events(feed, 0, 60_000).await.unwrap();
                let expected: Vec<_> = (0..=head).map(|seq| event(feed, seq)).collect();
                assert!(stored == expected, "seed {seed}: a hole or a wrong event below {head}");
                let count = store.projection("count", &[feed.project[0]]).await.unwrap();
                assert_eq!(
                    count,
                    Some(head.to_be_bytes().to_vec()),
                    "seed {seed}: event and projection part"
                );
            }
            store.close().await.expect("an orderly close");
        });
    }
}
