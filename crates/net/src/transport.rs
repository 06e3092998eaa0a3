//! TCP, a private-network key where there is one, Noise, yamux.
//!
//! QUIC is left out: the Go node does not speak it, and it brings a C build.

use std::time::Duration;

use futures::{TryFutureExt as _, future::Either};
use libp2p::{
    PeerId, Transport, core::muxing::StreamMuxerBox, core::transport::Boxed, core::upgrade::Version, dns, identity,
    noise, pnet, tcp, yamux,
};

use crate::error::NetError;

/// Builds the transport. Names are resolved with the system's settings; a machine without such settings
/// gets along without names.
pub(crate) fn build(
    keypair: &identity::Keypair,
    private_key: Option<[u8; 32]>,
    handshake_timeout: Duration,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, NetError> {
    // Small messages must not wait for one another.
    let tcp = || tcp::tokio::Transport::new(tcp::Config::new().nodelay(true));
    match dns::tokio::Transport::system(tcp()) {
        Ok(resolving) => secure(resolving, keypair, private_key, handshake_timeout),
        Err(error) => {
            tracing::warn!(%error, "no name resolution; only numeric addresses can be dialled");
            secure(tcp(), keypair, private_key, handshake_timeout)
        }
    }
}

fn secure<T>(
    base: T,
    keypair: &identity::Keypair,
    private_key: Option<[u8; 32]>,
    handshake_timeout: Duration,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, NetError>
where
    T: Transport + Send + Unpin + 'static,
    T::Output: futures::AsyncRead + futures::AsyncWrite + Send + Unpin + 'static,
    T::Error: Send + Sync + 'static,
    T::Dial: Send,
    T::ListenerUpgrade: Send,
{
    let noise = noise::Config::new(keypair).map_err(|error| NetError::Setup {
        what: "encryption",
        reason: error.to_string(),
    })?;
    let psk = private_key.map(pnet::PreSharedKey::new);
    Ok(base
        .and_then(move |socket, _| match psk {
            // The key wraps the bare connection: a stranger cannot even start the negotiation.
            Some(key) => Either::Left(pnet::PnetConfig::new(key).handshake(socket).map_ok(Either::Left)),
            None => Either::Right(futures::future::ok(Either::Right(socket))),
        })
        .upgrade(Version::V1)
        .authenticate(noise)
        .multiplex(yamux::Config::default())
        .timeout(handshake_timeout)
        .boxed())
}
