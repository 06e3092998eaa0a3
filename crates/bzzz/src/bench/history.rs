//! A long history: how fast it is taken in, what it needs on disk and in memory, and how long a start over it takes.
//!
//! The events come from the real store, are decoded, verified (the author's signature and the agent's inside) and folded
//! as a node does it: offered to the feeds, accepted, applied.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use bzzz_core::body::Body;
use bzzz_core::crypto::{Context, Keypair, PublicKey};
use bzzz_core::event::{Checked, Event};
use bzzz_core::feed::{Feeds, Offer};
use bzzz_core::state::{Meta, State};
use bzzz_net::identity;
use bzzz_store::{Batch, Cursor, Durability, EventRow, FeedId, Store, StoreConfig};

use super::corpus::Corpus;
use super::machine::{folder, folder_bytes, forget_peak, mb, peak, processor_time};
use super::process::Up;
use super::{Extent, Figure};
use crate::cli::exit::Exit;
use crate::cli::failure::{Explain as _, Result, fail};

const NAME: &str = "history";
/// Events of one write and of one page.
const BATCH: usize = 4_096;
/// After so many pages the bare signature checks have a turn.
const BARE_EVERY: u64 = 16;
/// Goals of the project.
const GOAL_RATE: f64 = 20_000.0;
const GOAL_DISK: f64 = 3.0;
const GOAL_START: Duration = Duration::from_secs(3);

/// Runs the measurement.
pub fn run(extent: Extent) -> Result<Vec<Figure>> {
    let runtime = tokio::runtime::Runtime::new().explain(Exit::Local, "could not start the runtime", None)?;
    let place = folder()?;
    let data = place.path().join("node");
    let filled = runtime.block_on(fill(&data, extent.events, home(&data)?))?;
    let mut figures = vec![disk(&data, &filled)?];
    figures.extend(runtime.block_on(fold(&data, filled.events))?);
    figures.push(runtime.block_on(rebuild(&data, filled.events))?);
    figures.push(start(&runtime, &data, filled.events)?);
    Ok(figures)
}

/// Makes the keys of the node that will start over the history, and tells which it is.
fn home(data: &Path) -> Result<PublicKey> {
    let attempt = "could not make the node's keys";
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(data)
        .explain(Exit::Local, attempt, None)?;
    let key = |file| identity::load_or_create(&data.join(file)).explain(Exit::Local, attempt, None);
    let identity = key(bzzz_node::IDENTITY_FILE)?;
    key(bzzz_node::OPERATOR_FILE)?;
    Ok(PublicKey(identity.public_key()))
}

struct Filled {
    events: u64,
    payload: u64,
}

async fn fill(data: &Path, events: u64, home: PublicKey) -> Result<Filled> {
    let attempt = "could not store the history";
    let store = open(data)?;
    let mut corpus = Corpus::new(events, home);
    let project = corpus.genesis.hash().0;
    let mut filled = Filled { events: 0, payload: 0 };
    loop {
        let piece = corpus.next_piece();
        if piece.is_empty() {
            break;
        }
        for events in piece.chunks(BATCH) {
            let rows: Vec<EventRow> = events.iter().map(|event| row(project, event)).collect();
            filled.events += rows.len() as u64;
            filled.payload += rows.iter().map(|r| r.bytes.len() as u64).sum::<u64>();
            let batch = Batch {
                events: rows,
                durability: Durability::Relaxed,
                ..Batch::default()
            };
            store.append(batch).await.explain(Exit::Local, attempt, None)?;
        }
    }
    store.close().await.explain(Exit::Local, attempt, None)?;
    Ok(filled)
}

fn open(data: &Path) -> Result<Store> {
    Store::open(StoreConfig::sqlite(data)).explain(Exit::Local, "could not open the store of the measurement", None)
}

fn row(project: [u8; 32], event: &Event) -> EventRow {
    EventRow {
        feed: FeedId {
            project,
            node: event.node().0,
            incarnation: event.feed().incarnation,
        },
        seq: event.header().seq,
        hash: event.hash().0,
        hlc: event.header().hlc.0,
        kind: event.header().kind,
        bytes: event.encode(),
    }
}

fn disk(data: &Path, filled: &Filled) -> Result<Figure> {
    let disk = folder_bytes(data).explain(Exit::Local, "could not measure the data folder", None)?;
    let ratio = disk as f64 / filled.payload as f64;
    let how = format!(
        "{} events in SQLite with all indexes, over their wire forms ({:.0} bytes each)",
        filled.events,
        filled.payload as f64 / filled.events as f64
    );
    let figure = Figure::new(NAME, "disk", mb(disk), how)
        .beside(format!("payload {}", mb(filled.payload)), ratio)
        .aims("≤ 3 x payload", ratio <= GOAL_DISK);
    Ok(figure)
}

/// Where the time went.
#[derive(Default)]
struct Spent {
    read: Duration,
    verify: Duration,
    fold: Duration,
}

async fn fold(data: &Path, events: u64) -> Result<Vec<Figure>> {
    let store = open(data)?;
    forget_peak();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut spent = Spent::default();
    let mut replica: Option<(State, Feeds)> = None;
    let mut at = Cursor::START;
    let (mut signatures, mut pages, mut bare) = (0, 0_u64, Bare::default());
    let started = Instant::now();
    loop {
        let mark = Instant::now();
        let page = store
            .scan(at, BATCH)
            .await
            .explain(Exit::Local, "could not read the history", None)?;
        at = page.next;
        spent.read += mark.elapsed();
        if page.events.is_empty() {
            break;
        }
        let mark = Instant::now();
        let verified = verify(&page.events, cores)?;
        spent.verify += mark.elapsed();
        signatures += verified
            .iter()
            .map(|(_, body)| 1 + inner_signatures(body.as_ref()))
            .sum::<u64>();
        let mark = Instant::now();
        for (event, body) in &verified {
            take(&mut replica, event, body)?;
        }
        spent.fold += mark.elapsed();
        pages += 1;
        if pages % BARE_EVERY == 1 {
            bare.check(cores);
        }
    }
    let all = started.elapsed().saturating_sub(bare.time);
    let (state, feeds) = replica.ok_or_else(|| fail(Exit::Local, "could not read the history back", None))?;
    if feeds.total() != events || feeds.held() != 0 {
        let what = format!(
            "could not take the history in: {} of {events} events were accepted",
            feeds.total()
        );
        return Err(fail(Exit::Local, what, None));
    }
    let longest = state.threads.values().map(|t| t.messages.len()).max().unwrap_or(0);
    let rate = |time: Duration| events as f64 / time.as_secs_f64().max(1e-9);
    let per_second = |time: Duration| format!("{:.0} events/s", rate(time));
    let how = format!(
        "{events} events, 5 % a day late, longest thread {longest} messages, {} threads, {} tasks; store → decode and all \
         {signatures} signatures on {cores} threads → feeds → state; beside: checking as many signatures and nothing else",
        state.threads.len(),
        state.tasks.len()
    );
    let alone = bare.rate() / (signatures as f64 / events as f64);
    let mut figures = vec![
        Figure::new(NAME, "take in", per_second(all), how)
            .beside(format!("{alone:.0} events/s"), alone / rate(all))
            .aims("≥ 20000 events/s", rate(all) >= GOAL_RATE),
        Figure::new(NAME, "- read", per_second(spent.read), "the scan of the store alone"),
        Figure::new(
            NAME,
            "- verify",
            per_second(spent.verify),
            format!("decode and signatures alone, {cores} threads"),
        ),
        Figure::new(
            NAME,
            "- fold",
            per_second(spent.fold),
            "feeds and state alone, one thread",
        ),
    ];
    if let Some(peak) = peak() {
        let how = "most resident memory while the state was built, all of it in memory";
        figures.push(Figure::new(NAME, "memory", mb(peak), how));
    }
    store
        .close()
        .await
        .explain(Exit::Local, "could not close the store", None)?;
    Ok(figures)
}

/// Signatures in a body, apart from the event's own.
fn inner_signatures(body: Option<&Body>) -> u64 {
    let signed = matches!(
        body,
        Some(Body::MessagePosted(_) | Body::FindingsPosted(_) | Body::AgentEndorsed(_))
    );
    u64::from(signed)
}

/// Checks of signatures and nothing else, made between the pages: what the machine gives at that time.
#[derive(Default)]
struct Bare {
    done: u64,
    time: Duration,
}

impl Bare {
    fn check(&mut self, cores: usize) {
        let key = Keypair::from_seed([1; 32]);
        let bytes = [7; 330];
        let (public, signature) = (key.public(), key.sign(Context::Event, &bytes));
        let each = BATCH / cores.max(1);
        let mark = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(|| (0..each).all(|_| public.verify(Context::Event, &bytes, &signature)));
            }
        });
        self.time += mark.elapsed();
        self.done += (each * cores) as u64;
    }

    /// Checks in a second.
    fn rate(&self) -> f64 {
        self.done as f64 / self.time.as_secs_f64().max(1e-9)
    }
}

/// Decodes and checks every signature, on all cores.
fn verify(rows: &[EventRow], cores: usize) -> Result<Vec<(Event, Option<Body>)>> {
    let check = |row: &EventRow| Checked::check(&row.bytes).ok().map(Checked::into_parts);
    let parts: Vec<Option<Vec<_>>> = std::thread::scope(|scope| {
        let work: Vec<_> = rows
            .chunks(rows.len().div_ceil(cores).max(1))
            .map(|rows| scope.spawn(move || rows.iter().map(check).collect()))
            .collect();
        work.into_iter().map(|w| w.join().unwrap_or(None)).collect()
    });
    let all: Option<Vec<Vec<_>>> = parts.into_iter().collect();
    let all = all.ok_or_else(|| fail(Exit::Local, "could not verify the history", None))?;
    Ok(all.into_iter().flatten().collect())
}

fn take(replica: &mut Option<(State, Feeds)>, event: &Event, body: &Option<Body>) -> Result<()> {
    let Some((state, feeds)) = replica else {
        let state = State::new(event).ok_or_else(|| fail(Exit::Local, "the history has no beginning", None))?;
        let mut feeds = Feeds::default();
        feeds.accept(event);
        *replica = Some((state, feeds));
        return Ok(());
    };
    if feeds.offer(event, &state.rosters, u64::MAX / 2) != Offer::Ready {
        return Err(fail(Exit::Local, "an event of the history was not accepted", None));
    }
    feeds.accept(event);
    if let Some(body) = body {
        state.apply(&Meta::of(event), body);
    }
    Ok(())
}

/// Makes the projections of the history, which was stored without them, and then compares them.
async fn rebuild(data: &Path, events: u64) -> Result<Figure> {
    let attempt = "could not rebuild the projections";
    let store = open(data)?;
    let mark = Instant::now();
    let made = bzzz_node::projections::rebuild(&store, |_| {})
        .await
        .explain(Exit::Local, attempt, None)?;
    let making = mark.elapsed();
    let mark = Instant::now();
    let compared = bzzz_node::projections::rebuild(&store, |_| {})
        .await
        .explain(Exit::Local, attempt, None)?;
    let comparing = mark.elapsed();
    store.close().await.explain(Exit::Local, attempt, None)?;
    if made.events != events || made.rows != made.missing || compared.wrong() != 0 {
        let what = format!("the projections are not those of the history: {made:?}, then {compared:?}");
        return Err(fail(Exit::Local, what, None));
    }
    let how = format!(
        "`bzzz rebuild` of a stopped node: {events} events folded, {} rows written; when all rows are right: {:.2} s",
        made.rows,
        comparing.as_secs_f64()
    );
    Ok(Figure::new(
        NAME,
        "rebuild",
        format!("{:.2} s", making.as_secs_f64()),
        how,
    ))
}

/// Starts `bzzz up` over the history in a process of its own, then asks a node in this process whether all of it is there.
fn start(runtime: &tokio::runtime::Runtime, data: &Path, events: u64) -> Result<Figure> {
    let up = Up::start(data)?;
    let work = processor_time(up.pid()).map_or_else(String::new, |work| {
        format!(" ({:.1} s of processor time)", work.as_secs_f64())
    });
    let resident = up
        .resident()
        .map_or_else(String::new, |bytes| format!(", {} resident then", mb(bytes)));
    let took = up.took;
    drop(up);
    let known = runtime.block_on(known(data))?;
    if known < events {
        return Err(fail(
            Exit::Node,
            format!("the node knows {known} of {events} events"),
            None,
        ));
    }
    let value = format!("{:.2} s{work}", took.as_secs_f64());
    let how = format!("`bzzz up` with five agents over {events} stored events until it prints its addresses{resident}");
    Ok(Figure::new(NAME, "start", value, how).aims("≤ 3 s", took <= GOAL_START))
}

async fn known(data: &Path) -> Result<u64> {
    let attempt = "could not look at the history again";
    let settings = bzzz_node::Settings {
        data: Some(data.to_owned()),
        ..bzzz_node::Settings::ephemeral("bench", vec![])
    };
    let node = bzzz_node::start(settings).await.explain(Exit::Node, attempt, None)?;
    let known = node.project(None, |p, _| p.feeds.total()).await;
    node.stop().await;
    known.explain(Exit::Node, attempt, None)
}
