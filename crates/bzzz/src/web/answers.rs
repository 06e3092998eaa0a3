//! What holds for every answer of the API: it comes in time, and one that is not 2xx is a [`Fault`], whoever made it.
//!
//! Refusals of the endpoints are faults already. What the HTTP library refuses (a method, a path that cannot be decoded) and
//! what breaks (a panic, a node that does not answer) is put into the same form here.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;

use super::Refusal;
use super::fault::Told;
use crate::cli::exit::Exit;

/// Time for an answer's head: below the patience of the command line, so that it hears why.
const PATIENCE: Duration = Duration::from_secs(50);
/// Work on the whole store may take as long as it takes.
const PATIENT: [&str; 4] = ["/v1/log/verify", "/v1/erase", "/v1/backup", "/v1/rebuild"];

/// Answers a request, in time and in one form.
pub async fn in_one_form(request: Request, next: Next) -> Response {
    let asked = format!("{} {}", request.method(), request.uri().path());
    let patient = PATIENT.contains(&request.uri().path());
    let work = AssertUnwindSafe(next.run(request)).catch_unwind();
    let done = match patient {
        true => Some(work.await),
        false => tokio::time::timeout(PATIENCE, work).await.ok(),
    };
    match done {
        Some(Ok(answer)) => explained(answer, &asked),
        Some(Err(_)) => Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            Exit::Node,
            format!("the node broke down while it answered {asked}"),
            "this is a fault of the node: see its log",
        )
        .into_response(),
        None => Refusal::new(
            StatusCode::GATEWAY_TIMEOUT,
            Exit::Node,
            format!("there was no answer to {asked} in {} s", PATIENCE.as_secs()),
            "the node has much to do, or its disk hangs: see its log, and ask again",
        )
        .into_response(),
    }
}

/// The answer as it is, or with an explanation where it has none.
fn explained(answer: Response, asked: &str) -> Response {
    let status = answer.status();
    let plain = status.is_client_error() || status.is_server_error();
    if !plain || answer.extensions().get::<Told>().is_some() {
        return answer;
    }
    let allowed = answer.headers().get(header::ALLOW).cloned();
    let (because, hint) = match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            let methods = allowed
                .as_ref()
                .and_then(|v| v.to_str().ok())
                .unwrap_or("none")
                .to_owned();
            (
                format!("{asked} is not possible: the method is wrong"),
                format!("this path takes {methods}"),
            )
        }
        StatusCode::BAD_REQUEST => (
            format!("{asked} cannot be read"),
            "correct the path: its parts are percent-encoded UTF-8".to_owned(),
        ),
        _ => (
            format!("{asked} was refused with status {status}"),
            "see the node's log".to_owned(),
        ),
    };
    let exit = match status.is_client_error() {
        true => Exit::Usage,
        false => Exit::Node,
    };
    let mut told = Refusal::new(status, exit, because, &hint).into_response();
    if let Some(allowed) = allowed {
        told.headers_mut().insert(header::ALLOW, allowed);
    }
    told
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware;
    use axum::routing::get;

    use super::*;

    async fn broken() -> StatusCode {
        panic!("on purpose")
    }

    fn ask(path: &str, method: &str) -> (u16, serde_json::Value) {
        let router = Router::new()
            .route("/fine", get(|| async { "text" }))
            .route("/bare", get(|| async { StatusCode::CONFLICT }))
            .route("/broken", get(broken))
            .layer(middleware::from_fn(in_one_form));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(async move { axum::serve(listener, router).await });
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{address}{path}"))
            .body(());
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = agent.run(request.expect("a request")).expect("an answer");
        let fault = answer.body_mut().read_json().expect("JSON");
        (answer.status().as_u16(), fault)
    }

    #[test]
    fn what_has_no_explanation_gets_one() {
        for (path, method, status, word) in [
            ("/bare", "GET", 409, "GET /bare"),
            ("/broken", "GET", 500, "broke down"),
            ("/fine", "DELETE", 405, "DELETE /fine"),
            ("/nowhere", "GET", 404, "GET /nowhere"),
        ] {
            let (got, fault) = ask(path, method);
            assert_eq!(got, status, "{fault}");
            assert!(
                fault["error"].as_str().is_some_and(|text| text.contains(word)),
                "{fault}"
            );
            assert!(fault["try"].as_str().is_some_and(|text| !text.is_empty()), "{fault}");
            assert_eq!(fault["because"][0], fault["error"], "{fault}");
        }
    }
}
