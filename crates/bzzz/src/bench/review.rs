//! How long a review takes from the request to the verdict: one node on a data folder, the five built-in agents, their real
//! analysers, a change of varied code.

use std::path::Path;
use std::time::{Duration, Instant};

use bzzz_core::change::ChangeSet;
use bzzz_core::state::ThreadStatus;
use bzzz_node::{Handle, ReviewSpec, Settings, built_in, start};

use super::machine::{Times, folder, ratio};
use super::{Extent, Figure, code};
use crate::cli::exit::Exit;
use crate::cli::failure::{Explain as _, Result, fail};

const NAME: &str = "review";
/// The built-in roles.
pub const ROLES: [&str; 5] = ["architect", "documentation", "performance", "reviewer", "security"];
const GOAL: Duration = Duration::from_secs(2);
/// A review is not worth more runs than this.
const MAX_RUNS: usize = 5;
/// Something is wrong when a review takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the end of a review is looked for: its error in the figure.
const LOOK: Duration = Duration::from_millis(2);

/// Runs the measurement.
pub fn run(extent: Extent) -> Result<Vec<Figure>> {
    let runtime = runtime()?;
    let place = folder()?;
    let runs = extent.runs.clamp(1, MAX_RUNS);
    let (whole, bare, findings) = runtime.block_on(async {
        let node = node(place.path()).await?;
        let (mut whole, mut bare, mut findings) = (Vec::new(), Vec::new(), 0);
        for run in 0..runs {
            let change = code::varied(extent.lines, run as u64);
            let started = Instant::now();
            for role in ROLES {
                let change = change.clone();
                let found = tokio::task::spawn_blocking(move || bzzz_analysis::analyse(role, &change).findings.len());
                findings += found.await.explain(Exit::Local, "could not analyse a change", None)?;
            }
            bare.push(started.elapsed());
            let started = Instant::now();
            review(&node, change).await?;
            whole.push(started.elapsed());
        }
        node.stop().await;
        Ok::<_, anyhow::Error>((Times::new(whole), Times::new(bare), findings / runs))
    })?;
    let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
    let (lines, worst) = (extent.lines, whole.percentile(100));
    let how = format!(
        "request to verdict, {lines} added lines of Python, Rust and TypeScript, {findings} raw findings, {runs} different \
         changes; baseline: the five analysers alone, one after the other"
    );
    let value = format!("p50 {}, worst {}", seconds(whole.median()), seconds(worst));
    let base = format!("p50 {}", seconds(bare.median()));
    let figure = Figure::new(NAME, format!("{lines} lines"), value, how)
        .beside(base, ratio(whole.median(), bare.median()))
        .aims("≤ 2 s", worst <= GOAL);
    Ok(vec![figure])
}

/// The certificate of a review of `change` by a node of its own, as text.
pub fn certificate(place: &Path, change: ChangeSet) -> Result<String> {
    let attempt = "could not make a certificate to verify";
    runtime()?.block_on(async {
        let node = node(&place.join("certifier")).await?;
        let thread = review(&node, change).await?;
        // It is gathered a moment after the votes have decided.
        let started = Instant::now();
        let certificate = loop {
            let found = node
                .certificate(None, thread)
                .await
                .explain(Exit::Node, attempt, None)?;
            match found {
                Some(certificate) => break certificate,
                None if started.elapsed() < PATIENCE => tokio::time::sleep(LOOK).await,
                None => return Err(fail(Exit::Node, attempt, None)),
            }
        };
        node.stop().await;
        Ok(certificate.to_pem())
    })
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Runtime::new().explain(Exit::Local, "could not start the runtime", None)
}

async fn node(data: &Path) -> Result<Handle> {
    let attempt = "could not start a node";
    let settings = Settings {
        data: Some(data.to_owned()),
        ..Settings::ephemeral("bench", ROLES.map(|role| built_in(role, "bench")).to_vec())
    };
    let node = start(settings).await.explain(Exit::Node, attempt, None)?;
    let started = Instant::now();
    loop {
        let agents = node.project(None, |p, _| p.state.agents.active().count());
        if agents.await.explain(Exit::Node, attempt, None)? == ROLES.len() {
            return Ok(node);
        }
        if started.elapsed() > PATIENCE {
            return Err(fail(Exit::Node, "waited in vain for the agents", None));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn review(node: &Handle, change: ChangeSet) -> Result<bzzz_core::crypto::Hash> {
    let attempt = "could not review a change";
    let spec = ReviewSpec {
        change,
        roles: vec![],
        deadline_ms: PATIENCE.as_millis() as u64,
        budget_microusd: 0,
    };
    let thread = node.review(None, spec).await.explain(Exit::Node, attempt, None)?;
    let started = Instant::now();
    loop {
        match node
            .thread_status(None, thread)
            .await
            .explain(Exit::Node, attempt, None)?
        {
            Some(ThreadStatus::Decided { .. }) => return Ok(thread),
            Some(ThreadStatus::Open) | None if started.elapsed() < PATIENCE => tokio::time::sleep(LOOK).await,
            other => return Err(fail(Exit::Node, format!("{attempt}: it ended as {other:?}"), None)),
        }
    }
}
