//! Refusals: the one mapping from the node's errors to HTTP.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bzzz_core::node::CommandError;
use bzzz_node::{NodeError, StoreError};

use crate::cli::exit::Exit;
use crate::client::wire::{Fault, code};

/// An answer that is not 2xx.
#[derive(Debug)]
pub struct Refusal {
    /// HTTP status.
    pub status: StatusCode,
    /// Body.
    pub fault: Box<Fault>,
}

impl Refusal {
    /// A refusal with its reason.
    pub fn new(status: StatusCode, exit: Exit, because: impl Into<String>, hint: Option<&str>) -> Self {
        let fault = Fault {
            because: vec![because.into()],
            hint: hint.map(str::to_owned),
            kind: Some(exit.word().to_owned()),
            ..Fault::default()
        };
        Refusal {
            status,
            fault: Box::new(fault),
        }
    }

    /// What was asked cannot be understood.
    pub fn bad(because: impl Into<String>) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, Exit::Usage, because, None)
    }

    /// [`Refusal::bad`], with what to do.
    pub fn bad_try(because: impl Into<String>, hint: &str) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, Exit::Usage, because, Some(hint))
    }

    /// There is no such thing.
    pub fn not_found(what: &str, id: &str, hint: &str) -> Self {
        Refusal::new(
            StatusCode::NOT_FOUND,
            Exit::Usage,
            format!("there is no {what} {id}"),
            Some(hint),
        )
        .with_code(code::NOT_FOUND)
    }

    /// The node is about to stop, and has begun nothing for this request.
    pub fn stopping() -> Self {
        Refusal::from(NodeError::Stopped(None))
    }

    /// The same with a word for programs.
    pub fn with_code(mut self, code: &str) -> Self {
        self.fault.code = Some(code.to_owned());
        self
    }

    /// It may not ask.
    pub fn forbidden(because: &str) -> Self {
        Refusal::new(
            StatusCode::FORBIDDEN,
            Exit::Node,
            because,
            Some("ask from this machine, by a loopback address"),
        )
    }
}

/// Which command lists what was not found.
fn where_to_look(what: &str) -> &'static str {
    match what.split(' ').next() {
        Some("agent") => "`bzzz agents` lists them; ask the node that hosts it",
        Some("thread") => "`bzzz thread list` shows them",
        Some("task") => "`bzzz task list` shows them",
        Some("escalation") => "`bzzz escalations list --all` shows them",
        Some("member" | "word") => "`bzzz members` lists them",
        _ => "`bzzz admit` lists the nodes that wait for a seat",
    }
}

impl From<NodeError> for Refusal {
    fn from(error: NodeError) -> Self {
        let (status, exit, hint) = match &error {
            NodeError::Command(CommandError::NotFound { what, .. }) => {
                (StatusCode::NOT_FOUND, Exit::Usage, Some(where_to_look(what)))
            }
            NodeError::Command(CommandError::NoProject(_)) => (StatusCode::NOT_FOUND, Exit::Usage, None),
            NodeError::Command(CommandError::Invalid(_)) => (StatusCode::BAD_REQUEST, Exit::Usage, None),
            NodeError::Command(CommandError::Conflict(_)) => (StatusCode::CONFLICT, Exit::No, None),
            NodeError::Command(_) | NodeError::NoProject => (
                StatusCode::SERVICE_UNAVAILABLE,
                Exit::Node,
                Some("`bzzz agents` shows the network; on a member, `bzzz admit` lists the nodes that wait"),
            ),
            NodeError::Store(e) if matches!(**e, StoreError::Exists { .. } | StoreError::Invalid { .. }) => {
                (StatusCode::CONFLICT, Exit::Local, None)
            }
            NodeError::Store(_) => (StatusCode::INSUFFICIENT_STORAGE, Exit::Local, None),
            NodeError::Stopped(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                Exit::Node,
                Some("ask another node, or this one when it runs again"),
            ),
            _ => (
                StatusCode::INTERNAL_SERVER_ERROR,
                Exit::Node,
                Some("see the node's log"),
            ),
        };
        let refusal = Refusal::new(status, exit, error.to_string(), hint);
        match &error {
            NodeError::Stopped(_) => refusal.with_code(code::STOPPING),
            NodeError::Command(CommandError::NotFound { .. }) => refusal.with_code(code::NOT_FOUND),
            _ => refusal,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(*self.fault)).into_response()
    }
}
