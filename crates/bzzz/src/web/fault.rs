//! Refusals: the one mapping from the node's errors to HTTP.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bzzz_core::node::{CommandError, Thing};
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
    pub fn new(status: StatusCode, exit: Exit, because: impl Into<String>, hint: &str) -> Self {
        let because = because.into();
        let fault = Fault {
            error: because.clone(),
            because: vec![because],
            hint: Some(hint.to_owned()),
            kind: Some(exit.word().to_owned()),
            ..Fault::default()
        };
        Refusal {
            status,
            fault: Box::new(fault),
        }
    }

    /// What was asked cannot be understood.
    pub fn bad(because: impl Into<String>, hint: &str) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, Exit::Usage, because, hint)
    }

    /// There is no such thing.
    pub fn not_found(what: &str, id: &str, hint: &str) -> Self {
        Refusal::new(
            StatusCode::NOT_FOUND,
            Exit::Usage,
            format!("there is no {what} {id}"),
            hint,
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
            "ask from this machine, by a loopback address",
        )
    }
}

/// Which command lists what was not found.
pub fn where_to_look(what: Thing) -> &'static str {
    match what {
        Thing::LocalAgent => "`bzzz agents` lists them; ask the node that hosts it",
        Thing::Thread => "`bzzz thread list` shows them",
        Thing::Task => "`bzzz task list` shows them",
        Thing::Escalation => "`bzzz escalations list --all` shows them",
        Thing::Member | Thing::Word => "`bzzz members` lists them",
        Thing::SeatRequest => "`bzzz admit` lists the nodes that wait for a seat",
    }
}

/// What to do about a node that has no seat yet. It may also never have reached a member.
const WAITS: &str = "on a member, `bzzz admit` lists the nodes that wait for a seat; if this one is not there, it has reached no member: check its --peer addresses, \
                     and its log";

impl From<NodeError> for Refusal {
    fn from(error: NodeError) -> Self {
        let (status, exit, hint) = match &error {
            NodeError::Command(why) => command(why),
            NodeError::NoProject => (StatusCode::SERVICE_UNAVAILABLE, Exit::Node, WAITS),
            NodeError::Store(e) if matches!(**e, StoreError::Exists { .. } | StoreError::Invalid { .. }) => {
                (StatusCode::CONFLICT, Exit::Local, "name another file or folder")
            }
            NodeError::Store(_) => (
                StatusCode::INSUFFICIENT_STORAGE,
                Exit::Local,
                "see to the disk of the node's data folder; `bzzz doctor` looks at it",
            ),
            NodeError::Stopped(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                Exit::Node,
                "ask another node, or this one when it runs again",
            ),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, Exit::Node, "see the node's log"),
        };
        let refusal = Refusal::new(status, exit, error.to_string(), hint);
        match &error {
            NodeError::Stopped(_) => refusal.with_code(code::STOPPING),
            NodeError::Command(CommandError::NotFound { .. }) => refusal.with_code(code::NOT_FOUND),
            _ => refusal,
        }
    }
}

fn command(why: &CommandError) -> (StatusCode, Exit, &'static str) {
    match why {
        CommandError::NotFound { what, .. } => (StatusCode::NOT_FOUND, Exit::Usage, where_to_look(*what)),
        CommandError::NoProject(_) => (
            StatusCode::NOT_FOUND,
            Exit::Usage,
            "`bzzz members` shows the project of this node",
        ),
        CommandError::Invalid(_) => (
            StatusCode::BAD_REQUEST,
            Exit::Usage,
            "correct what the reason names, and ask again",
        ),
        CommandError::Conflict(_) => (
            StatusCode::CONFLICT,
            Exit::No,
            "look at how it stands now, and ask again if it is still wanted",
        ),
        CommandError::NotMember => (StatusCode::SERVICE_UNAVAILABLE, Exit::Node, WAITS),
        CommandError::Draining => (
            StatusCode::SERVICE_UNAVAILABLE,
            Exit::Node,
            "ask another node, or this one after it was started anew: then it takes work again",
        ),
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Extension(Told), Json(*self.fault)).into_response()
    }
}

/// Marks a response that explains itself.
#[derive(Debug, Clone, Copy)]
pub struct Told;
