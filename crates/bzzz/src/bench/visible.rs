//! From a post to its being durable here, visible on a peer, and stored there: two real nodes over loopback, beside a bare
//! gossipsub pair that writes the same bytes to the same disk with one fsync before each message.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bzzz_core::body::{MessageKind, ThreadKind, Timing};
use bzzz_core::crypto::Hash;
use bzzz_core::event::FeedId;
use bzzz_core::node::{Command, Notice, Outcome};
use bzzz_net::bare::BarePair;
use bzzz_node::{Handle, Settings, start};
use tokio::sync::broadcast::error::RecvError;

use super::machine::{Times, folder, ms, ratio};
use super::{Extent, Figure};
use crate::cli::exit::Exit;
use crate::cli::failure::{Explain as _, Result, fail};

const NAME: &str = "append-visible";
/// Posts in a second.
const RATE: u64 = 200;
/// Ours and the baseline take turns so often: what else happens on the machine meets both.
const ROUNDS: u64 = 5;
/// Whatever has not arrived after this long is lost.
const PATIENCE: Duration = Duration::from_secs(20);
/// Every so many posts one is looked for in the peer's store, so that looking does not become the load.
const LOOK_EVERY: u64 = 4;
const GOAL: f64 = 2.0;
/// A message as long as people and agents write them.
const TEXT: &str = "The query in `find` is built from the name that the caller gives; bind it as a parameter instead. \
                    The same holds for the two calls in `export`, which take the column from the request.";

/// Runs the measurement.
pub fn run(extent: Extent) -> Result<Vec<Figure>> {
    let runtime = tokio::runtime::Runtime::new().explain(Exit::Local, "could not start the runtime", None)?;
    runtime.block_on(measure(extent.seconds))
}

async fn measure(seconds: u64) -> Result<Vec<Figure>> {
    let place = folder()?;
    let pair = Pair::start(place.path()).await?;
    let posts = (seconds * RATE / ROUNDS).max(20);
    let (mut ours, mut bare) = (Seen::default(), Vec::new());
    pair.round(20).await?;
    for _ in 0..ROUNDS {
        ours.add(pair.round(posts).await?);
        bare.extend(bare_round(place.path(), posts, pair.bytes).await?);
    }
    let bytes = pair.bytes;
    pair.stop().await;
    let (durable, visible, stored) = (
        Times::new(ours.durable),
        Times::new(ours.visible),
        Times::new(ours.stored),
    );
    let bare = Times::new(bare);
    let how = format!(
        "two nodes in this process over loopback, {} posts at {RATE}/s; baseline: bare gossipsub, {bytes} bytes, one \
         fsync of the same disk before each",
        visible.len()
    );
    let beside = |times: &Times, percent: usize| {
        let (ours, bare) = (times.percentile(percent), bare.percentile(percent));
        (format!("p{percent} {}", ms(bare)), ratio(ours, bare))
    };
    let value = |times: &Times| format!("p50 {}, p99 {}", ms(times.median()), ms(times.percentile(99)));
    let (base, times) = beside(&visible, 50);
    let (base_tail, times_tail) = beside(&visible, 99);
    let (base_stored, times_stored) = beside(&stored, 50);
    Ok(vec![
        Figure::new(
            NAME,
            "durable here",
            value(&durable),
            "until the post is answered: committed and fsynced",
        ),
        Figure::new(NAME, "visible there", value(&visible), how)
            .beside(base, times)
            .aims("≤ 2 x at p50", times <= GOAL),
        Figure::new(
            NAME,
            "- its tail",
            format!("p99 {}", ms(visible.percentile(99))),
            "the same posts",
        )
        .beside(base_tail, times_tail),
        Figure::new(
            NAME,
            "stored there",
            value(&stored),
            format!("event and text found in the peer's store, one post in {LOOK_EVERY}"),
        )
        .beside(base_stored, times_stored)
        .aims("≤ 2 x at p50", times_stored <= GOAL),
    ])
}

/// Measured times.
#[derive(Default)]
struct Seen {
    durable: Vec<Duration>,
    visible: Vec<Duration>,
    stored: Vec<Duration>,
}

impl Seen {
    fn add(&mut self, other: Seen) {
        self.durable.extend(other.durable);
        self.visible.extend(other.visible);
        self.stored.extend(other.stored);
    }
}

/// Two nodes that know each other, and a thread on both.
struct Pair {
    a: Handle,
    b: Handle,
    project: Hash,
    thread: Hash,
    bytes: usize,
}

type Arrivals = Arc<Mutex<BTreeMap<u64, Instant>>>;

impl Pair {
    async fn start(place: &Path) -> Result<Pair> {
        let attempt = "could not start two nodes";
        let settings = |name: &str| Settings {
            data: Some(place.join(name)),
            ..Settings::ephemeral("bench", vec![])
        };
        let a = start(settings("a")).await.explain(Exit::Node, attempt, None)?;
        let peers = a.addresses();
        let b = start(Settings { peers, ..settings("b") })
            .await
            .explain(Exit::Node, attempt, None)?;
        let project = a.default_project().await.explain(Exit::Node, attempt, None)?;
        for node in [&a, &b] {
            until("the two nodes know each other", async || {
                let members = node.project(Some(project), |p, _| p.state.rosters.latest().members().len());
                members.await.is_ok_and(|members| members == 2)
            })
            .await?;
        }
        let opened = Command::OpenThread {
            project,
            kind: ThreadKind::Discussion,
            task: "bench".to_owned(),
            title: "bench".to_owned(),
            subject: None,
            roles: vec![],
            timing: Timing {
                findings_ms: 60_000,
                commit_ms: 1,
                reveal_ms: 1,
                evidence_ms: 1,
                final_ms: 1,
            },
            budget_microusd: 0,
        };
        let Outcome::Event(opened) = a.command(opened).await.explain(Exit::Node, attempt, None)? else {
            return Err(fail(Exit::Node, "could not open a thread", None));
        };
        until("the peer knows the thread", async || {
            let known = b.project(Some(project), move |p, _| p.state.threads.contains_key(&opened.hash));
            known.await.is_ok_and(|known| known)
        })
        .await?;
        let mut pair = Pair {
            a,
            b,
            project,
            thread: opened.hash,
            bytes: 0,
        };
        let (feed, seq) = pair.post(0).await?;
        let rows = pair
            .a
            .events(project, feed, seq, 1)
            .await
            .explain(Exit::Node, attempt, None)?;
        pair.bytes = rows.first().map_or(0, Vec::len);
        Ok(pair)
    }

    async fn stop(self) {
        self.b.stop().await;
        self.a.stop().await;
    }

    async fn post(&self, number: u64) -> Result<(FeedId, u64)> {
        post(&self.a, self.project, self.thread, number).await
    }

    /// Posts at the rate, whether or not the answers keep up.
    async fn round(&self, posts: u64) -> Result<Seen> {
        let arrivals = Arrivals::default();
        let watch = self.watch(arrivals.clone());
        let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / RATE));
        let mut under_way = Vec::new();
        for number in 0..posts {
            ticks.tick().await;
            let (a, b, project, thread) = (self.a.clone(), self.b.clone(), self.project, self.thread);
            under_way.push(tokio::spawn(async move {
                let began = Instant::now();
                let (feed, seq) = post(&a, project, thread, number).await?;
                let durable = began.elapsed();
                let look = number.is_multiple_of(LOOK_EVERY);
                let stored = if look {
                    stored(&b, project, thread, feed, seq, began).await
                } else {
                    None
                };
                Ok::<_, anyhow::Error>((began, seq, durable, stored))
            }));
        }
        let mut seen = Seen::default();
        for work in under_way {
            let (began, seq, durable, stored) = work.await.explain(Exit::Local, "could not measure", None)??;
            until("every post is visible on the peer", async || {
                lock(&arrivals).contains_key(&seq)
            })
            .await?;
            let arrived = lock(&arrivals).get(&seq).copied();
            seen.visible
                .extend(arrived.map(|at| at.saturating_duration_since(began)));
            seen.durable.push(durable);
            seen.stored.extend(stored);
        }
        watch.abort();
        Ok(seen)
    }

    /// Notes when the peer applied an event of the first node's feed.
    fn watch(&self, arrivals: Arrivals) -> tokio::task::JoinHandle<()> {
        let (mut notices, author) = (self.b.subscribe(), self.a.node());
        tokio::spawn(async move {
            loop {
                match notices.recv().await {
                    Ok(Notice::Applied { meta, .. }) if meta.node() == author => {
                        lock(&arrivals).entry(meta.reference.seq).or_insert_with(Instant::now);
                    }
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                }
            }
        })
    }
}

fn lock(arrivals: &Arrivals) -> std::sync::MutexGuard<'_, BTreeMap<u64, Instant>> {
    arrivals.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn post(node: &Handle, project: Hash, thread: Hash, number: u64) -> Result<(FeedId, u64)> {
    let attempt = "could not post a message";
    let command = Command::Post {
        project,
        thread: Some(thread),
        agent: None,
        kind: MessageKind::Note,
        text: format!("{number}. {TEXT}"),
        parents: vec![],
        to: None,
        idempotency_key: None,
    };
    match node.command(command).await.explain(Exit::Node, attempt, None)? {
        Outcome::Event(reference) => Ok((reference.feed, reference.seq)),
        _ => Err(fail(Exit::Node, attempt, None)),
    }
}

/// How long until a node's store holds an event and the text that it names.
async fn stored(
    node: &Handle,
    project: Hash,
    thread: Hash,
    feed: FeedId,
    seq: u64,
    began: Instant,
) -> Option<Duration> {
    while began.elapsed() < PATIENCE {
        let rows = node.events(project, feed, seq, 1).await.unwrap_or_default();
        if !rows.is_empty() {
            let text = node.project(Some(project), move |p, _| {
                let messages = &p.state.threads.get(&thread)?.messages;
                let entry = messages
                    .values()
                    .rev()
                    .find(|m| m.reference.feed == feed && m.reference.seq == seq)?;
                Some(entry.message.statement.text.hash)
            });
            if let Ok(Some(text)) = text.await
                && node.blob(&project, text).await.is_some()
            {
                return Some(began.elapsed());
            }
        }
        // A timer would be as coarse as what is measured.
        tokio::task::yield_now().await;
    }
    None
}

/// The same without us: write, fsync, publish, hear.
async fn bare_round(place: &Path, posts: u64, bytes: usize) -> Result<Vec<Duration>> {
    let attempt = "could not measure bare gossipsub";
    let mut pair = BarePair::start().await.explain(Exit::Local, attempt, None)?;
    let path = place.join("bare");
    let mut file = std::fs::File::create(&path).explain(Exit::Local, attempt, None)?;
    let (write, writes) = std::sync::mpsc::channel::<(u64, Instant)>();
    let (publish, mut due) = tokio::sync::mpsc::unbounded_channel::<Vec<u8>>();
    // A thread of its own: an fsync must not hold the swarms up.
    let disk = std::thread::spawn(move || -> std::io::Result<Vec<Instant>> {
        let mut began = Vec::new();
        for (number, start) in writes {
            let mut message = vec![0x5a; bytes.max(8)];
            message[..8].copy_from_slice(&number.to_be_bytes());
            file.write_all(&message)?;
            file.sync_all()?;
            began.push(start);
            if publish.send(message).is_err() {
                break;
            }
        }
        Ok(began)
    });
    let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / RATE));
    let mut heard: Vec<(u64, Instant)> = Vec::new();
    let mut sent = 0;
    let mut write = Some(write);
    let deadline = tokio::time::sleep(PATIENCE + Duration::from_millis(posts * 1_000 / RATE));
    tokio::pin!(deadline);
    while (heard.len() as u64) < posts {
        tokio::select! {
            _ = ticks.tick(), if sent < posts => {
                if write.as_ref().is_none_or(|w| w.send((sent, Instant::now())).is_err()) {
                    break;
                }
                sent += 1;
                if sent == posts {
                    write = None;
                }
            }
            Some(message) = due.recv() => {
                if !pair.publish(message).await {
                    break;
                }
            }
            Some(message) = pair.heard() => {
                if let Some(number) = message.get(..8).and_then(|n| <[u8; 8]>::try_from(n).ok()) {
                    heard.push((u64::from_be_bytes(number), Instant::now()));
                }
            }
            () = &mut deadline => break,
        }
    }
    drop(write);
    drop(due);
    let began = disk
        .join()
        .map_err(|_| fail(Exit::Local, attempt, None))?
        .explain(Exit::Local, attempt, None)?;
    let times = heard
        .iter()
        .filter_map(|(number, at)| Some(at.saturating_duration_since(*began.get(*number as usize)?)))
        .collect::<Vec<_>>();
    if times.is_empty() {
        return Err(fail(Exit::Local, attempt, None));
    }
    Ok(times)
}

async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) -> Result<()> {
    let started = Instant::now();
    while !condition().await {
        if started.elapsed() > PATIENCE {
            return Err(fail(Exit::Node, format!("waited in vain until {what}"), None));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}
