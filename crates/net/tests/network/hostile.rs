//! What must not bring a node down: strangers with garbage, an application that does not keep up.

use std::time::Duration;

use bzzz_net::{Channel, MemoryLimit, Net, NetEvent, RequestError, Warning};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{Answers, config, node, start, until};

#[tokio::test]
async fn garbage_and_silence_at_the_port_are_survived() {
    let mut settings = config(1, &[]);
    settings.limits.handshake_timeout = Duration::from_millis(300);
    let a = start(settings, Answers::Echo).await;
    let port = a.addr.to_string();
    let port: u16 = port.rsplit('/').next().expect("a port").parse().expect("a number");
    let mut silent = Vec::new();
    for n in 0..100_usize {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("accepted");
        match n % 4 {
            0 => {}
            1 => stream.write_all(&[0xFF; 4_096]).await.unwrap_or_default(),
            2 => {
                let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
                stream.write_all(request).await.unwrap_or_default();
            }
            _ => {
                // The right protocol name, then noise that is none.
                let hello = b"\x13/multistream/1.0.0\n\x07/noise\n\xFF\xFF";
                stream.write_all(hello).await.unwrap_or_default();
                stream.write_all(&[0; 70_000]).await.unwrap_or_default();
            }
        }
        silent.push(stream);
    }
    // The silent ones are shown out; their place in the queue of handshakes is free again.
    for stream in &mut silent {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest));
        // A reset is an end as well.
        let _ = ended.await.expect("closed by the node");
    }
    let b = node(2, &[&a.addr]).await;
    b.wait_connected(a.peer).await;
    b.echo(a.peer, b"as if nothing had happened").await;
}

#[tokio::test]
async fn an_application_that_takes_no_events_costs_bounded_memory_and_blocks_nobody() {
    let (lazy, mut events) = Net::start(config(1, &[])).await.expect("started");
    lazy.subscribe("t").await.expect("subscribed");
    let address = lazy.listeners().await[0].clone();
    let busy = node(2, &[&address]).await;
    busy.wait_subscribed(lazy.local_peer_id(), "t").await;

    // More than all queues hold together.
    let mut sent = 0_u32;
    until("gossip is dropped", async || {
        for _ in 0..200 {
            busy.net
                .publish("t", sent.to_be_bytes().to_vec())
                .await
                .expect("published");
            sent += 1;
        }
        lazy.metrics().gossip_backlog_dropped > 0
    })
    .await;
    assert!(lazy.metrics().gossip_received > 2_000, "both queues were filled first");
    let refused = busy.net.request(lazy.local_peer_id(), Channel::Direct, vec![1]).await;
    assert_eq!(
        refused,
        Err(RequestError::PeerBusy {
            peer: lazy.local_peer_id()
        })
    );
    assert_eq!(lazy.peers().await.len(), 1, "the owner answers");

    // What was kept comes out, with the warning among it, and the node is whole again.
    let mut warned = false;
    while !warned {
        let event = tokio::time::timeout(Duration::from_secs(10), events.recv()).await;
        let event = event.expect("in time").expect("open");
        warned = matches!(event, NetEvent::Warning(Warning::Overloaded));
    }
    let (net, to) = (busy.net.clone(), lazy.local_peer_id());
    let asked = tokio::spawn(async move {
        loop {
            match net.request(to, Channel::Direct, vec![2]).await {
                Err(RequestError::PeerBusy { .. }) => tokio::task::yield_now().await,
                other => return other,
            }
        }
    });
    while let Some(event) = events.recv().await {
        if let NetEvent::Request { reply, .. } = event {
            reply.reply(vec![3]).await.expect("sent");
            break;
        }
    }
    assert_eq!(asked.await.expect("no panic"), Ok(vec![3]));
}

#[tokio::test]
async fn without_memory_nobody_gets_in() {
    let mut full = config(1, &[]);
    full.limits.memory = Some(MemoryLimit::Bytes(1));
    let full = start(full, Answers::Echo).await;
    let b = node(2, &[&full.addr]).await;
    until("refused", async || full.net.metrics().connections_refused >= 2).await;
    assert!(!b.is_connected(full.peer).await);
}
