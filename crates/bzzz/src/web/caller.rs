//! Whose a connection to the local API is: every user of a machine reaches its loopback addresses.
//!
//! It is looked up once, when the connection is accepted ([`bzzz_net::local_user`]), beside the loop that accepts, and holds for
//! all requests that come over it. Where the system has no table of connections, all that comes from this machine is let in.

use std::net::SocketAddr;

use axum::extract::Request;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::serve::IncomingStream;
use bzzz_net::local_user::{OtherEnd, other_end, this_user};
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::Refusal;
use crate::cli::exit::Exit;

/// Look-ups at the same time: each may read the kernel's tables for a tenth of a second, and whoever connects makes one.
static LOOK_UPS: Semaphore = Semaphore::const_new(4);

/// Who is at the other end of a connection; known a moment after it was accepted.
#[derive(Debug, Clone)]
pub struct Caller(Shared<BoxFuture<'static, OtherEnd>>);

impl Caller {
    fn look_up(peer: SocketAddr, here: Option<SocketAddr>) -> Self {
        // Without our own address it could be another connection from the same port.
        let looked = tokio::spawn(async move {
            let _turn = LOOK_UPS.acquire().await;
            tokio::task::spawn_blocking(move || here.map_or(OtherEnd::Unseen, |_| other_end(&[peer], here))).await
        });
        // A look-up that broke has shown nobody.
        let end = looked.map(|end| end.ok().and_then(Result::ok).unwrap_or(OtherEnd::Unseen));
        Caller(end.boxed().shared())
    }
}

impl Connected<IncomingStream<'_, TcpListener>> for Caller {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Caller::look_up(*stream.remote_addr(), stream.io().local_addr().ok())
    }
}

/// Lets in only the user of this node, and root.
pub async fn only_ours(ConnectInfo(caller): ConnectInfo<Caller>, request: Request, next: Next) -> Response {
    match refusal(caller.0.await) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    }
}

fn refusal(end: OtherEnd) -> Option<Refusal> {
    let whose = match end {
        OtherEnd::NoTable => return None,
        end if end.is_ours() => return None,
        OtherEnd::User(uid) => format!("of user {uid}"),
        OtherEnd::Unseen => "of a user that the system does not show".to_owned(),
    };
    let ours = this_user();
    Some(Refusal::new(
        StatusCode::FORBIDDEN,
        Exit::Local,
        format!("the connection is {whose}, and this node belongs to user {ours}: it answers that user and root only"),
        &format!("run the command as that user: `sudo -u '#{ours}' bzzz ...`"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_told_whose_it_is_and_what_to_do() {
        let ours = this_user();
        let stranger = ours.wrapping_add(4_711);
        let refused = refusal(OtherEnd::User(stranger)).expect("a refusal");
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        for word in [format!("of user {stranger}"), format!("belongs to user {ours}")] {
            assert!(refused.fault.error.contains(&word), "{}", refused.fault.error);
        }
        let hint = refused.fault.hint.expect("a hint");
        assert!(hint.contains(&format!("-u '#{ours}'")), "{hint}");
        assert!(refusal(OtherEnd::Unseen).is_some());
    }

    #[test]
    fn our_own_come_in_and_all_where_nothing_is_known() {
        assert!(refusal(OtherEnd::User(this_user())).is_none());
        assert!(refusal(OtherEnd::User(0)).is_none());
        assert!(refusal(OtherEnd::NoTable).is_none());
    }
}
