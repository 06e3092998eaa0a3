//! Directed messages: sizes, refusals, timeouts, the gate.

use std::time::{Duration, Instant};

use bzzz_net::{Channel, RequestError};

use crate::support::{Answers, Node, config, node, start, until};

async fn pair(answers: Answers, adjust: impl Fn(&mut bzzz_net::Limits)) -> (Node, Node) {
    let mut server = config(1, &[]);
    adjust(&mut server.limits);
    let server = start(server, answers).await;
    let mut client = config(2, &[&server.addr]);
    adjust(&mut client.limits);
    let client = start(client, Answers::Echo).await;
    client.wait_connected(server.peer).await;
    (client, server)
}

#[tokio::test]
async fn requests_of_all_sizes_are_answered_on_both_channels() {
    let (client, server) = pair(Answers::Echo, |_| {}).await;
    for size in [0, 1, 1_000, 300_000, 8 * 1024 * 1024] {
        let data: Vec<u8> = (0..size).map(|i| (i % 249) as u8).collect();
        for channel in [Channel::Direct, Channel::Sync] {
            let answer = client.net.request(server.peer, channel, data.clone()).await;
            assert!(answer.as_ref() == Ok(&data), "{size} bytes: {:?}", answer.err());
        }
    }
    // The other direction over the same connection.
    server.wait_connected(client.peer).await;
    server.echo(client.peer, b"back").await;
}

#[tokio::test]
async fn a_request_that_is_too_large_is_not_sent() {
    let (client, server) = pair(Answers::Echo, |_| {}).await;
    let data = vec![0; 8 * 1024 * 1024 + 1];
    let refused = client.net.request(server.peer, Channel::Direct, data).await;
    assert!(matches!(refused, Err(RequestError::TooLarge { .. })), "{refused:?}");
    assert_eq!(server.read(|seen| seen.requests), 0);
}

#[tokio::test]
async fn a_peer_with_a_lower_limit_refuses_and_stays_connected() {
    let mut small = config(1, &[]);
    small.limits.max_message_bytes = 1_000;
    let server = start(small, Answers::Echo).await;
    let client = node(2, &[&server.addr]).await;
    client.wait_connected(server.peer).await;
    let refused = client.net.request(server.peer, Channel::Direct, vec![0; 500_000]).await;
    assert!(matches!(refused, Err(RequestError::Broken { .. })), "{refused:?}");
    assert_eq!(server.read(|seen| seen.requests), 0);
    client.echo(server.peer, b"small").await;
    assert!(client.read(|seen| seen.disconnects.is_empty()));
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_reported_as_such() {
    let (client, server) = pair(Answers::Zeros(2_000), |limits| limits.max_message_bytes = 1_000).await;
    let refused = client.net.request(server.peer, Channel::Direct, vec![1]).await;
    assert_eq!(refused, Err(RequestError::AnswerTooLarge { peer: server.peer }));
}

#[tokio::test]
async fn an_application_that_never_answers_costs_a_bounded_time() {
    let timeout = Duration::from_millis(300);
    let (client, server) = pair(Answers::Never, |limits| limits.request_timeout = timeout).await;
    let start = Instant::now();
    let answer = client.net.request(server.peer, Channel::Direct, vec![1]).await;
    assert_eq!(
        answer,
        Err(RequestError::Timeout {
            peer: server.peer,
            waited: timeout
        })
    );
    assert!(start.elapsed() >= timeout && start.elapsed() < timeout * 10);
    until("the server noticed", async || {
        server.net.metrics().requests_unanswered == 1
    })
    .await;
}

#[tokio::test]
async fn a_dropped_request_is_refused_at_once() {
    let (client, server) = pair(Answers::Drop, |_| {}).await;
    let start = Instant::now();
    let answer = client.net.request(server.peer, Channel::Sync, vec![1]).await;
    assert_eq!(answer, Err(RequestError::Unanswered { peer: server.peer }));
    assert!(start.elapsed() < Duration::from_secs(5), "no timeout was needed");
}

#[tokio::test]
async fn a_request_to_a_stranger_fails_at_once() {
    let a = node(1, &[]).await;
    let stranger = crate::support::peer(9);
    let answer = a.net.request(stranger, Channel::Direct, vec![1]).await;
    assert_eq!(answer, Err(RequestError::NotConnected { peer: stranger }));
}

#[tokio::test]
async fn more_requests_than_the_gate_lets_through_wait_and_are_all_answered() {
    let (client, server) = pair(Answers::Echo, |limits| limits.max_requests_per_peer = 4).await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..200_u32 {
        let (net, to) = (client.net.clone(), server.peer);
        tasks.spawn(async move {
            let data = n.to_be_bytes().to_vec();
            assert_eq!(net.request(to, Channel::Direct, data.clone()).await, Ok(data));
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("answered");
    }
    assert_eq!(server.read(|seen| seen.requests), 200);
}

#[tokio::test]
async fn the_gate_holds_while_answers_are_due() {
    let timeout = Duration::from_secs(2);
    let (client, server) = pair(Answers::Never, |limits| {
        limits.max_requests_per_peer = 3;
        limits.request_timeout = timeout;
    })
    .await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (net, to) = (client.net.clone(), server.peer);
        tasks.spawn(async move { net.request(to, Channel::Direct, vec![0]).await });
    }
    while let Some(done) = tasks.join_next().await {
        let answer = done.expect("no panic");
        assert!(matches!(answer, Err(RequestError::Timeout { .. })), "{answer:?}");
    }
    assert_eq!(server.read(|seen| seen.requests), 3, "the others never left");
}
