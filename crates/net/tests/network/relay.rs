//! A TCP relay that can turn into a black hole: connections stay open and carry nothing any more, as when
//! a machine loses its power or a cable.

use std::{net::SocketAddr, sync::Arc};

use bzzz_net::Multiaddr;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

pub struct Relay {
    pub addr: Multiaddr,
    swallow: Arc<watch::Sender<bool>>,
}

impl Relay {
    /// Relays to `target` (`/ip4/127.0.0.1/tcp/<port>`).
    pub async fn to(target: &Multiaddr) -> Self {
        let port: u16 = target
            .to_string()
            .rsplit('/')
            .next()
            .expect("a port")
            .parse()
            .expect("a port");
        let target = SocketAddr::from(([127, 0, 0, 1], port));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let local = listener.local_addr().expect("bound");
        let (swallow, swallowing) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let swallowing = swallowing.clone();
                tokio::spawn(async move {
                    let Ok(far) = TcpStream::connect(target).await else {
                        return;
                    };
                    let (near_read, near_write) = near.into_split();
                    let (far_read, far_write) = far.into_split();
                    tokio::join!(
                        pump(near_read, far_write, swallowing.clone()),
                        pump(far_read, near_write, swallowing),
                    );
                });
            }
        });
        let addr = format!("/ip4/127.0.0.1/tcp/{}", local.port())
            .parse()
            .expect("an address");
        Self {
            addr,
            swallow: Arc::new(swallow),
        }
    }

    /// From now on nothing passes, and nobody is told.
    pub fn go_dark(&self) {
        self.swallow.send_replace(true);
    }
}

async fn pump(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut swallowing: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read.unwrap_or(0),
            _ = async { swallowing.wait_for(|dark| *dark).await.map(|_| ()) } => {
                // Both halves stay open and untouched until the test ends.
                std::future::pending().await
            }
        };
        if read == 0 || to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
}
