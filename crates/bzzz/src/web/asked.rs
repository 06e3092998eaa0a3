//! What a caller sends: JSON bodies and queries. What cannot be read is refused like everything else, in words and as JSON.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::{MAX_BODY_BYTES, Refusal};
use crate::cli::exit::Exit;

/// Time for a body to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A JSON body.
pub struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        match tokio::time::timeout(PATIENCE, Json::<T>::from_request(request, state)).await {
            Ok(Ok(Json(body))) => Ok(Asked(body)),
            Ok(Err(why)) => Err(unread_body(&why)),
            Err(_) => Err(Refusal::new(
                StatusCode::REQUEST_TIMEOUT,
                Exit::Usage,
                format!("the request's body did not come in {} s", PATIENCE.as_secs()),
                "send it in one go",
            )),
        }
    }
}

fn unread_body(why: &JsonRejection) -> Refusal {
    let mut refusal = match why.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::bad(
            format!("the request is larger than {} MB", MAX_BODY_BYTES >> 20),
            "send the change in parts, or leave generated and vendored files out",
        ),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Refusal::bad(why.body_text(), "send JSON with Content-Type: application/json")
        }
        _ => Refusal::bad(
            format!("the request's body cannot be read: {}", why.body_text()),
            "send the fields of this request as one JSON object",
        ),
    };
    if why.status() != StatusCode::UNPROCESSABLE_ENTITY {
        refusal.status = why.status();
    }
    refusal
}

/// A query.
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Params(params)),
            Err(why) => Err(unread_query(&why)),
        }
    }
}

fn unread_query(why: &QueryRejection) -> Refusal {
    Refusal::bad(
        format!("the request's query cannot be read: {}", why.body_text()),
        "correct the query: names and values are percent-encoded",
    )
}
