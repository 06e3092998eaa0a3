//! JSON over HTTP to one node, blocking: the command line does one thing at a time and needs no runtime for it.

use std::io::Read;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::wire::Fault;
use crate::cli::exit::{self, Exit};
use crate::cli::failure::{Explain, Explained, fail_because};
use crate::term::clean;

/// Like the one of the commands; a second parameter names another error.
type Result<T, E = anyhow::Error> = std::result::Result<T, E>;
/// An answer that comes piece by piece.
pub type Stream = Box<dyn Read + Send>;

/// Time to connect; a node is near.
const CONNECT: Duration = Duration::from_secs(5);
/// Time for the first byte of an answer to a quick question.
const QUICK: Duration = Duration::from_secs(30);
/// After this a person at a terminal is told what is waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// The same, to find out whether a node is there.
const PROBE: Duration = Duration::from_secs(10);
/// Longest answer that is read at once, bytes. Streams are not bound by it.
pub const MAX_ANSWER_BYTES: u64 = 256 << 20;
/// Longest body of an error.
const MAX_FAULT_BYTES: u64 = 1 << 20;

/// A node's local API.
#[derive(Debug, Clone)]
pub struct Http {
    base: String,
    quick: ureq::Agent,
    patient: ureq::Agent,
}

/// How a request whose answer is a stream failed.
#[derive(Debug)]
pub enum Unanswered {
    /// Nobody listens there, so nothing was begun.
    Absent(anyhow::Error),
    /// The connection broke: nobody knows how far the node came.
    Broken(anyhow::Error),
    /// The node refused, with its reason as an error and as it came.
    Refused(anyhow::Error, Box<Fault>),
}

impl Unanswered {
    /// The error to show.
    pub fn into_error(self) -> anyhow::Error {
        match self {
            Self::Absent(error) | Self::Broken(error) | Self::Refused(error, _) => error,
        }
    }
}

impl Http {
    /// The API at `base`, for example `http://127.0.0.1:8080`. Nothing is sent yet.
    pub fn new(base: &str) -> Self {
        Self {
            base: base.trim_end_matches('/').to_owned(),
            quick: agent(Some(QUICK)),
            patient: agent(None),
        }
    }

    /// Where the API is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `GET /v1/{path}?{query}`; `attempt` says what for, as in `could not list the agents`.
    pub fn get(&self, path: &str, query: &[(&str, &str)], attempt: &str) -> Result<Value> {
        let mut request = self.quick.get(self.url(path));
        for (name, value) in query {
            request = request.query(name, value);
        }
        let waiting = Waiting::begin(&self.base);
        let response = request.call();
        drop(waiting);
        self.answer(response.map_err(|error| self.unreachable(&error, attempt))?, attempt)
    }

    /// `GET /v1/{path}` with little patience.
    pub fn probe(&self, path: &str, attempt: &str) -> Result<Value> {
        let waiting = Waiting::begin(&self.base);
        let response = agent(Some(PROBE)).get(self.url(path)).call();
        drop(waiting);
        self.answer(response.map_err(|error| self.unreachable(&error, attempt))?, attempt)
    }

    /// `POST /v1/{path}` with a JSON body.
    pub fn post(&self, path: &str, body: &impl Serialize, attempt: &str) -> Result<Value> {
        let response = self.send(&self.quick, path, body, attempt)?;
        self.answer(response, attempt)
    }

    /// Like [`Http::post`], for work that may take minutes (a backup, a simulation).
    pub fn post_long(&self, path: &str, body: &impl Serialize, attempt: &str) -> Result<Value> {
        let response = self.send(&self.patient, path, body, attempt)?;
        self.answer(response, attempt)
    }

    /// `POST /v1/{path}` whose answer is a stream.
    pub fn post_stream(&self, path: &str, body: &impl Serialize, attempt: &str) -> Result<Stream, Unanswered> {
        let waiting = Waiting::begin(&self.base);
        let response = self.quick.post(self.url(path)).send_json(body);
        drop(waiting);
        self.stream(response, attempt)
    }

    /// `GET /v1/{path}` whose answer is a stream.
    pub fn get_stream(&self, path: &str, attempt: &str) -> Result<Stream, Unanswered> {
        let waiting = Waiting::begin(&self.base);
        let response = self.quick.get(self.url(path)).call();
        drop(waiting);
        self.stream(response, attempt)
    }

    fn stream(
        &self,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
        attempt: &str,
    ) -> Result<Stream, Unanswered> {
        let response = response.map_err(|error| {
            let shown = self.unreachable(&error, attempt);
            match is_absent(&error) {
                true => Unanswered::Absent(shown),
                false => Unanswered::Broken(shown),
            }
        })?;
        if !response.status().is_success() {
            let status = response.status().as_u16();
            let fault = self.fault(response);
            let error = fault_to_error(fault.clone(), status, attempt);
            return Err(Unanswered::Refused(error, Box::new(fault)));
        }
        Ok(Box::new(response.into_body().into_reader()))
    }

    fn send(
        &self,
        agent: &ureq::Agent,
        path: &str,
        body: &impl Serialize,
        attempt: &str,
    ) -> Result<ureq::http::Response<ureq::Body>> {
        let waiting = Waiting::begin(&self.base);
        let response = agent.post(self.url(path)).send_json(body);
        drop(waiting);
        response.map_err(|error| self.unreachable(&error, attempt))
    }

    fn url(&self, path: &str) -> String {
        format!("{}/v1/{path}", self.base)
    }

    fn answer(&self, mut response: ureq::http::Response<ureq::Body>, attempt: &str) -> Result<Value> {
        if !response.status().is_success() {
            return Err(self.refused(response, attempt));
        }
        let bytes = response
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER_BYTES)
            .read_to_vec()
            .explain(
                Exit::Node,
                attempt,
                Some("the node went away in mid-answer, or answered too much; ask again"),
            )?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).explain(
            Exit::Node,
            attempt,
            Some("what answers there does not speak JSON: check that the address is a bzzz node's"),
        )
    }

    fn unreachable(&self, error: &ureq::Error, attempt: &str) -> anyhow::Error {
        if matches!(error, ureq::Error::Timeout(ureq::Timeout::RecvResponse)) {
            return fail_because(
                Exit::Node,
                attempt,
                format!("{} took the question and did not answer in time ({error})", self.base),
                Some(
                    "the node is stopped, hangs, or is very busy: see its log; or something else listens on that port",
                ),
            );
        }
        fail_because(
            Exit::Node,
            attempt,
            format!("no node answered at {}: {error}", self.base),
            Some("start one with `bzzz up`, or name another one with --node ADDRESS"),
        )
    }

    fn refused(&self, response: ureq::http::Response<ureq::Body>, attempt: &str) -> anyhow::Error {
        let status = response.status().as_u16();
        fault_to_error(self.fault(response), status, attempt)
    }

    /// Why the node refused.
    fn fault(&self, response: ureq::http::Response<ureq::Body>) -> Fault {
        let status = response.status().as_u16();
        let body = response
            .into_body()
            .into_with_config()
            .limit(MAX_FAULT_BYTES)
            .read_to_vec()
            .unwrap_or_default();
        serde_json::from_slice(&body).unwrap_or_else(|_| Fault {
            because: vec![format!(
                "{} answered with status {status} and no explanation",
                self.base
            )],
            hint: Some("what answers there is no bzzz node: give the http address that `bzzz up` prints".to_owned()),
            kind: Some(Exit::Node.word().to_owned()),
            ..Fault::default()
        })
    }
}

/// Tells a person at a terminal, once, that an answer is waited for.
struct Waiting {
    _over: std::sync::mpsc::Sender<()>,
}

impl Waiting {
    fn begin(base: &str) -> Option<Waiting> {
        use std::io::IsTerminal;
        if !std::io::stderr().is_terminal() {
            return None;
        }
        let (over, wait) = std::sync::mpsc::channel();
        let base = clean::line(base);
        std::thread::spawn(move || {
            if wait.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                eprintln!("waiting for {base} to answer");
            }
        });
        Some(Waiting { _over: over })
    }
}

/// Whether a request cannot have reached anybody.
fn is_absent(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => true,
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => true,
        ureq::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        _ => false,
    }
}

fn agent(answer: Option<Duration>) -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(answer)
        .http_status_as_error(false)
        // A proxy of the environment is for the outside world, not for a node on this machine.
        .proxy(None)
        .max_redirects(0)
        .user_agent(concat!("bzzz/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

/// The node's explanation as an error of this command.
pub fn fault_to_error(fault: Fault, status: u16, attempt: &str) -> anyhow::Error {
    let known = |word: &str| exit::ALL.into_iter().find(|e| *e != Exit::Ok && e.word() == word);
    let exit = match fault.kind.as_deref() {
        Some(word) => known(word).unwrap_or(Exit::Node),
        None if (400..500).contains(&status) => Exit::Usage,
        None => Exit::Node,
    };
    let mut causes = fault.because.into_iter().rev();
    let deepest = causes.next();
    let mut error = match (deepest, fault.error.is_empty()) {
        (Some(deepest), _) => anyhow::anyhow!(deepest),
        (None, false) => anyhow::anyhow!("{}", fault.error),
        (None, true) => anyhow::anyhow!("the node gave no reason"),
    };
    for cause in causes {
        error = error.context(cause);
    }
    if !fault.error.is_empty() {
        error = error.context(fault.error);
    }
    error.context(Explained {
        what: attempt.to_owned(),
        hint: fault.hint,
        exit,
    })
}

/// One segment of a path, percent-encoded (RFC 3986): ids may be addresses with slashes in them.
pub fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
