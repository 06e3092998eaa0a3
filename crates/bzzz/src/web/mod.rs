//! The local API: JSON over HTTP under `/v1`, for the command line and other programs on this machine.
//!
//! It decodes, asks the node's [`Handle`], and encodes; no logic of the network is here. Only loopback addresses are
//! served, and only requests whose `Host` is a loopback name and that no web page of another origin sent
//! (DNS rebinding, cross-site requests). Where the system tells whose a connection is ([`caller`]), only the user of the node
//! and root come in; elsewhere, until keys exist, being on the machine is the right to ask.

mod admin;
mod agents;
mod answers;
mod asked;
mod caller;
mod doors;
mod escalations;
mod fault;
mod follow;
pub mod ids;
mod members;
mod messages;
mod resources;
mod reviews;
mod roles;
mod settling;
mod tasks;
mod threads;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bzzz_node::Handle;

use crate::client::wire::Status;
pub use caller::Caller;
pub use doors::Doors;
pub use fault::Refusal;

/// What to do about an address that cannot be read.
const ADDRESS_HINT: &str = "an address reads bzzz://agent:role@project:task/path; `*` stands for any name";
/// Largest body: a change set with its files as JSON.
const MAX_BODY_BYTES: usize = 96 << 20;

/// What every endpoint gets.
#[derive(Clone)]
pub struct App {
    /// The node.
    pub handle: Handle,
    /// Its addresses.
    pub status: Arc<Status>,
    /// Who is inside.
    pub doors: Doors,
}

/// The whole API. To be served with the [`Caller`] of each connection.
pub fn router(app: App) -> Router {
    let v1 = Router::new()
        .route("/status", get(admin::status))
        .route("/agents", get(agents::list))
        .route("/lookup", get(agents::lookup))
        .route("/resource", get(resources::read).post(resources::write))
        .route("/message", post(messages::message))
        .route("/threads", get(threads::list).post(threads::open))
        .route("/threads/{id}", get(threads::show))
        .route("/threads/{id}/report", get(reviews::report))
        .route("/threads/{id}/follow", get(reviews::follow))
        .route("/threads/{id}/{action}", post(threads::act))
        .route("/tasks", get(tasks::list).post(tasks::announce))
        .route("/tasks/{id}", get(tasks::show))
        .route("/tasks/{id}/{action}", post(tasks::act))
        .route("/escalations", get(escalations::list))
        .route("/escalations/{id}", get(escalations::show))
        .route("/escalations/{id}/{action}", post(escalations::act))
        .route("/reviews", post(reviews::open))
        .route("/members", get(members::list))
        .route("/members/{peer}/{action}", post(members::act))
        .route("/admit", get(members::pending).post(members::admit))
        .route("/leave", post(members::leave))
        .route("/log/verify", post(admin::verify_log))
        .route("/erase", post(admin::erase))
        .route("/backup", post(admin::backup))
        .route("/rebuild", post(admin::rebuild))
        .route("/agents/{id}/{action}", post(agents::act))
        .route("/node/{action}", post(admin::node));
    Router::new()
        .nest("/v1", v1)
        .fallback(|uri: Uri| async move { Refusal::not_found("page", uri.path(), "the API is under /v1") })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(app.clone(), guard))
        .layer(middleware::from_fn(caller::only_ours))
        .layer(middleware::from_fn(answers::in_one_form))
        .with_state(app)
}

/// Lets in only what this machine sent on purpose.
async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    if let Err(why) = check(request.headers()) {
        return Refusal::forbidden(why).into_response();
    }
    // Held until the answer's head is there: what was begun is told.
    let Some(_inside) = app.doors.enter() else {
        return Refusal::stopping().into_response();
    };
    next.run(request).await
}

fn check(headers: &HeaderMap) -> Result<(), &'static str> {
    let text = |name| headers.get(name).map(|v| v.to_str().unwrap_or("?"));
    let host = text(header::HOST).ok_or("the request names no host")?;
    if !is_loopback(host) {
        return Err("its Host is not a loopback name (is this a rebound DNS name?)");
    }
    match text(header::ORIGIN) {
        Some(origin) if origin.split_once("://").is_none_or(|(_, from)| from != host) => {
            Err("it comes from a web page of another origin")
        }
        _ => Ok(()),
    }
}

fn is_loopback(host: &str) -> bool {
    if let Ok(address) = host.parse::<SocketAddr>() {
        return address.ip().is_loopback();
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.eq_ignore_ascii_case("localhost")
        || name
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// What an endpoint answers.
pub type Answer = Result<Json<serde_json::Value>, Refusal>;

/// Short for an answer that is there.
pub fn ok(value: serde_json::Value) -> Answer {
    Ok(Json(value))
}

/// The status that a refusal carries.
pub fn status_of(refusal: &Refusal) -> StatusCode {
    refusal.status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_comes_in() {
        let ask = |host: &str, origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            check(&headers).is_ok()
        };
        assert!(ask("127.0.0.1:8080", None));
        assert!(ask("localhost:8080", Some("http://localhost:8080")));
        assert!(ask("[::1]:8080", None));
        assert!(!ask("bzzz.example:8080", None));
        assert!(!ask("127.0.0.1.evil.example", None));
        assert!(!ask("127.0.0.1:8080", Some("https://evil.example")));
        assert!(!ask("127.0.0.1:8080", Some("null")));
        assert!(
            !ask("127.0.0.1:8080", Some("http://localhost:3000")),
            "another program's page on this machine"
        );
    }
}
