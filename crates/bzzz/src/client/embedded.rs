//! The node inside this process: `bzzz up` serves with it, and `bzzz review` starts one when none runs.
//!
//! It serves the same local API on the address that the settings name, so that every command has one way to a node:
//! [`super::http::Http`].

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bzzz_node::{Handle, NodeError, StoreError};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::find::NODE_FILE;
use super::wire::Status;
use crate::cli::exit::Exit;
use crate::cli::failure::{Explain, Result, fail_because, from_sentence};
use crate::settings::{Settings, node as convert};
use crate::web;

/// Exit status after an interrupt: 128 and the signal's number.
const INTERRUPTED: i32 = 130;

/// A node that lives as long as this value.
pub struct Embedded {
    /// Its addresses.
    pub status: Status,
    handle: Handle,
    runtime: Option<Runtime>,
    file: Option<PathBuf>,
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Embedded {
    /// Starts a node with `settings`.
    pub fn start(settings: &Settings) -> Result<Self> {
        let attempt = format!("could not start a node on {}", settings.data.display());
        if !settings.http_listen.ip().is_loopback() {
            return Err(fail_because(
                Exit::Usage,
                attempt,
                format!(
                    "http.listen is {}, which other machines can reach, and this build has no keys to tell them apart",
                    settings.http_listen
                ),
                Some("listen on 127.0.0.1, and reach it from elsewhere through an SSH tunnel"),
            ));
        }
        let wanted = convert::node_settings(settings)?;
        let in_memory = wanted.data.is_none();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .explain(Exit::Local, attempt.clone(), Some("the system refuses more threads"))?;
        let (handle, status) = runtime.block_on(async {
            let listener = bind(settings).await?;
            let http = listener.local_addr().explain(Exit::Local, attempt.clone(), None)?;
            let handle = bzzz_node::start(wanted).await.map_err(|e| refused(&attempt, &e))?;
            let status = Status {
                peer_id: handle.peer_id().to_string(),
                p2p: handle.addresses().iter().map(ToString::to_string).collect(),
                http: format!("http://{http}"),
                data: settings.data.display().to_string(),
            };
            let app = web::App {
                handle: handle.clone(),
                status: Arc::new(status.clone()),
            };
            let router = web::router(app);
            tokio::spawn(async move {
                if let Err(e) = axum::serve(listener, router).await {
                    tracing::error!(error = %e, "the local API ended");
                }
            });
            Ok::<_, anyhow::Error>((handle, status))
        })?;
        let mut embedded = Embedded {
            status,
            handle,
            runtime: Some(runtime),
            file: None,
        };
        if !in_memory {
            embedded.file = Some(write_status(&settings.data, &embedded.status)?);
        }
        Ok(embedded)
    }

    /// Lets an interrupt end the whole process in order: the node closes, its file goes away, and the exit status is the
    /// one that shells give to an interrupted program. A second interrupt does not wait.
    pub fn end_on_interrupt(&self, what: &'static str) {
        let Some(runtime) = &self.runtime else { return };
        let (handle, file) = (self.handle.clone(), self.file.clone());
        runtime.spawn(async move {
            if tokio::signal::ctrl_c().await.is_err() {
                return;
            }
            eprintln!(
                "\nerror: {what}: it was interrupted\n  try: run it again; what was done so far is kept in the data folder"
            );
            tokio::select! {
                () = handle.stop() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            if let Some(file) = file {
                // A file that stays behind does no harm: nobody answers at its address.
                let _ = std::fs::remove_file(file);
            }
            std::process::exit(INTERRUPTED);
        });
    }

    /// From here on a signal ends the node in order, and no longer the process at once. To be called before anybody is
    /// told that the node runs.
    pub fn signals(&self) -> Result<Option<Signals>> {
        let Some(runtime) = &self.runtime else { return Ok(None) };
        let _context = runtime.enter();
        let on = |kind| signal(kind).explain(Exit::Local, "could not wait for signals", None);
        Ok(Some(Signals {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
        }))
    }

    /// Serves until the process is told to stop (SIGINT, SIGTERM), then drains and closes.
    pub fn serve(self, signals: Option<Signals>) -> Result<()> {
        let (Some(runtime), Some(mut signals)) = (&self.runtime, signals) else {
            return Ok(());
        };
        let ended = runtime.block_on(async {
            tokio::select! {
                _ = signals.interrupt.recv() => None,
                _ = signals.terminate.recv() => None,
                why = self.handle.wait() => Some(why.unwrap_or_else(|| "it ended by itself".to_owned())),
            }
        });
        match ended {
            None => Ok(()),
            Some(why) => Err(from_sentence(Exit::Local, "the node had to stop", &why)),
        }
    }
}

/// The signals that end a node.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            // A file that stays behind does no harm: nobody answers at its address.
            let _ = std::fs::remove_file(file);
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.block_on(self.handle.stop());
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
}

async fn bind(settings: &Settings) -> Result<TcpListener> {
    let address = settings.http_listen;
    TcpListener::bind(address).await.explain(
        Exit::Local,
        format!("could not listen on {address} for the local API"),
        Some("another program uses the port: choose another with --http 127.0.0.1:PORT, or port 0 for a free one"),
    )
}

/// Writes `node.json`, whole or not at all.
fn write_status(data: &Path, status: &Status) -> Result<PathBuf> {
    let path = data.join(NODE_FILE);
    let attempt = || format!("could not write {}", path.display());
    let draft = path.with_extension("json.new");
    let text = serde_json::to_vec_pretty(status).explain(Exit::Local, attempt(), None)?;
    std::fs::write(&draft, text).explain(Exit::Local, attempt(), Some("check the folder's rights and space"))?;
    std::fs::rename(&draft, &path).explain(Exit::Local, attempt(), None)?;
    Ok(path)
}

fn refused(attempt: &str, error: &NodeError) -> anyhow::Error {
    let exit = match error {
        NodeError::Store(e) if matches!(**e, StoreError::Unsupported { .. }) => Exit::Usage,
        NodeError::Store(e) if matches!(**e, StoreError::Corrupt { .. }) => Exit::Verify,
        NodeError::Stored(_) => Exit::Verify,
        _ => Exit::Local,
    };
    from_sentence(exit, attempt, &error.to_string())
}
