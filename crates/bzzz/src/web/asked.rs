//! What a caller sends: JSON bodies and queries. What cannot be read is refused like everything else, in words and as JSON.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::{MAX_BODY_BYTES, Refusal};

/// A JSON body.
pub struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Asked(body)),
            Err(why) => Err(unread_body(&why)),
        }
    }
}

fn unread_body(why: &JsonRejection) -> Refusal {
    let mut refusal = match why.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::bad_try(
            format!("the request is larger than {} MB", MAX_BODY_BYTES >> 20),
            "send the change in parts, or leave generated and vendored files out",
        ),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Refusal::bad_try(why.body_text(), "send JSON with Content-Type: application/json")
        }
        _ => Refusal::bad(format!("the request's body cannot be read: {}", why.body_text())),
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
    Refusal::bad(format!("the request's query cannot be read: {}", why.body_text()))
}
