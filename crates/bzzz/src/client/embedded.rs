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
use tokio::sync::watch;

use super::find::NODE_FILE;
use super::wire::Status;
use crate::cli::exit::Exit;
use crate::cli::failure::{Explain, Explained, Result, from_sentence};
use crate::settings::{Settings, node as convert};
use crate::web;

/// Time for requests that are inside when a node is to stop.
const LAST_ANSWERS: Duration = Duration::from_secs(5);
/// Time for their answers to be written.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Another process has the data folder open.
#[derive(Debug)]
struct FolderInUse(String);

impl std::fmt::Display for FolderInUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FolderInUse {}

/// Whether a node could not start because another process has its data folder open.
pub fn is_in_use(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<FolderInUse>())
}

/// A node that lives as long as this value.
pub struct Embedded {
    /// Its addresses.
    pub status: Status,
    runtime: Option<Runtime>,
    closer: Closer,
}

/// Ends a node in order, from wherever.
#[derive(Clone)]
pub struct Closer {
    handle: Handle,
    doors: web::Doors,
    file: Option<PathBuf>,
    quit: watch::Sender<bool>,
    served: watch::Receiver<bool>,
}

impl std::fmt::Debug for Closer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Closer")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl Closer {
    /// Lets nobody in any more, answers who is inside, stops the node, and lets those who follow it hear of it.
    pub async fn close(&self) {
        if let Some(file) = &self.file {
            // First, while the folder is still locked: the file that is there later is that of the next node. One that
            // stays behind does no harm: nobody answers at its address.
            let _ = std::fs::remove_file(file);
        }
        self.doors.close();
        self.doors.emptied(LAST_ANSWERS).await;
        self.handle.stop().await;
        self.quit.send_replace(true);
        let mut served = self.served.clone();
        let _ = tokio::time::timeout(LAST_WORDS, served.wait_for(|done| *done)).await;
    }
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Embedded {
    /// Starts a node with `settings`; `brief` says that it lives no longer than the command's own work.
    pub fn start(settings: &Settings, brief: bool) -> Result<Self> {
        let attempt = format!("could not start a node on {}", settings.data.display());
        let wanted = convert::node_settings(settings)?;
        let in_memory = wanted.data.is_none();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .explain(Exit::Local, attempt.clone(), Some("the system refuses more threads"))?;
        let (mut closer, status) = runtime.block_on(async {
            outlive_size_limits();
            let listener = bind(settings).await?;
            let http = listener.local_addr().explain(Exit::Local, attempt.clone(), None)?;
            let handle = bzzz_node::start(wanted).await.map_err(|e| refused(&attempt, &e))?;
            let status = Status {
                peer_id: handle.peer_id().to_string(),
                p2p: handle.addresses().iter().map(ToString::to_string).collect(),
                http: format!("http://{http}"),
                data: settings.data.display().to_string(),
                brief,
            };
            let doors = web::Doors::default();
            let app = web::App {
                handle: handle.clone(),
                status: Arc::new(status.clone()),
                doors: doors.clone(),
            };
            let (quit, served) = serve(listener, web::router(app));
            let closer = Closer {
                handle,
                doors,
                file: None,
                quit,
                served,
            };
            Ok::<_, anyhow::Error>((closer, status))
        })?;
        if !in_memory {
            match write_status(&settings.data, &status) {
                Ok(file) => closer.file = Some(file),
                Err(error) => {
                    runtime.block_on(closer.close());
                    return Err(error);
                }
            }
        }
        Ok(Embedded {
            status,
            runtime: Some(runtime),
            closer,
        })
    }

    /// Why it has stopped by itself; none when it has not, or does not say so soon.
    pub fn why_stopped(&self) -> Option<String> {
        let runtime = self.runtime.as_ref()?;
        let wait = async { tokio::time::timeout(LAST_WORDS, self.closer.handle.wait()).await };
        runtime.block_on(wait).ok().flatten()
    }

    /// What ends it, for whoever hears of a signal.
    pub fn closer(&self) -> Closer {
        self.closer.clone()
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
                why = self.closer.handle.wait() => Some(why.unwrap_or_else(|| "it ended by itself".to_owned())),
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
        if let Some(runtime) = self.runtime.take() {
            runtime.block_on(self.closer.close());
            runtime.shutdown_timeout(LAST_WORDS);
        }
    }
}

/// Serves until it is told to quit and everybody has the rest of an answer; says when that is so.
fn serve(listener: TcpListener, router: axum::Router) -> (watch::Sender<bool>, watch::Receiver<bool>) {
    let (quit, mut told) = watch::channel(false);
    let (done, served) = watch::channel(false);
    tokio::spawn(async move {
        let service = router.into_make_service_with_connect_info::<web::Caller>();
        let serving = axum::serve(listener, service).with_graceful_shutdown(async move {
            // Without a sender there is nobody left who could say so.
            let _ = told.wait_for(|quit| *quit).await;
        });
        if let Err(e) = serving.await {
            tracing::error!(error = %e, "the local API ended");
        }
        done.send_replace(true);
    });
    (quit, served)
}

/// A file that grows beyond the limit of the process is an error of that write, which is told, and not the end of the
/// process. The handler stays for good, as tokio's do; it needs a runtime to be set up.
pub fn outlive_size_limits() {
    let kind = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    // Without it the system ends the process, as ever.
    let _ = signal(kind);
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
    if let NodeError::Store(e) = error
        && matches!(**e, StoreError::Locked { .. })
    {
        let sentence = error.to_string();
        let (cause, hint) = sentence
            .split_once("; ")
            .unwrap_or((&sentence, "choose another folder with --data"));
        return anyhow::Error::new(FolderInUse(cause.to_owned())).context(Explained {
            what: attempt.to_owned(),
            hint: Some(hint.to_owned()),
            exit: Exit::Local,
        });
    }
    let exit = match error {
        NodeError::Store(e) if matches!(**e, StoreError::Unsupported { .. }) => Exit::Usage,
        NodeError::Store(e) if matches!(**e, StoreError::Corrupt { .. }) => Exit::Verify,
        NodeError::Stored(_) => Exit::Verify,
        _ => Exit::Local,
    };
    from_sentence(exit, attempt, &error.to_string())
}
