//! Tests of the dialer: when it dials, how long it waits.

use super::*;
use crate::identity::Identity;

fn peer(n: u8) -> PeerId {
    Identity::from_seed([n; 32]).peer_id()
}

fn address(port: u16) -> Multiaddr {
    format!("/ip4/127.0.0.1/tcp/{port}").parse().expect("an address")
}

fn connection(n: usize) -> ConnectionId {
    ConnectionId::new_unchecked(n)
}

#[test]
fn a_static_peer_is_dialled_for_ever_with_growing_pauses() {
    let start = Instant::now();
    let mut dialer = Dialer::new(peer(1), &[address(1)], 7, start);
    let mut now = start;
    let mut pauses = Vec::new();
    for n in 0..200 {
        let due = dialer.due(now, |_| false);
        assert_eq!(due.len(), 1, "dial {n}");
        dialer.started(due[0].entry, connection(n));
        assert!(dialer.due(now + LAST_RETRY, |_| false).is_empty(), "one at a time");
        let failed = dialer.failed(connection(n), now).expect("ours");
        assert_eq!(failed.first, n == 0);
        assert!(failed.retry_in >= FIRST_RETRY / 2 && failed.retry_in <= LAST_RETRY * 3 / 2);
        now += failed.retry_in;
        pauses.push(failed.retry_in);
    }
    assert!(pauses[199] >= LAST_RETRY / 2, "it backs off");
    assert!(pauses.windows(2).any(|pair| pair[0] != pair[1]), "with jitter");
}

#[test]
fn a_peer_that_drops_us_at_once_is_not_hammered() {
    let mut now = Instant::now();
    let mut dialer = Dialer::new(peer(1), &[address(1)], 7, now);
    for n in 0..8 {
        let due = dialer.due(now, |_| false);
        dialer.started(due[0].entry, connection(n));
        dialer.connected(connection(n), peer(2), now);
        dialer.disconnected(peer(2), now);
        now += LAST_RETRY * 2;
    }
    dialer.disconnected(peer(2), now);
    assert!(dialer.due(now + Duration::from_secs(5), |_| false).is_empty());
}

#[test]
fn a_stable_connection_resets_the_back_off() {
    let mut now = Instant::now();
    let mut dialer = Dialer::new(peer(1), &[address(1)], 7, now);
    for n in 0..10 {
        dialer.started(0, connection(n));
        dialer.failed(connection(n), now);
    }
    dialer.connected(connection(99), peer(2), now);
    dialer.started(0, connection(10));
    dialer.connected(connection(10), peer(2), now);
    now += STABLE_AFTER;
    dialer.disconnected(peer(2), now);
    let soon = now + FIRST_RETRY * 3 / 2 + LARGER_ID_WAITS;
    assert_eq!(dialer.due(soon, |_| false).len(), 1);
}

#[test]
fn connected_peers_and_ourselves_are_not_dialled() {
    let now = Instant::now();
    let own: Multiaddr = format!("/ip4/127.0.0.1/tcp/9/p2p/{}", peer(1)).parse().expect("own");
    let other: Multiaddr = format!("/ip4/127.0.0.1/tcp/8/p2p/{}", peer(2)).parse().expect("other");
    let mut dialer = Dialer::new(peer(1), &[own, other, address(3)], 7, now);
    let due = dialer.due(now, |peer_id| *peer_id == peer(2));
    assert_eq!(due.len(), 1, "only the unknown address: {due:?}");
    dialer.started(due[0].entry, connection(1));
    dialer.is_ourselves(connection(1));
    assert!(
        dialer
            .due(now + LAST_RETRY * 9, |peer_id| *peer_id == peer(2))
            .is_empty()
    );
}

#[test]
fn an_address_held_by_another_connected_peer_is_left_alone() {
    let mut now = Instant::now();
    let pinned: Multiaddr = format!("/ip4/127.0.0.1/tcp/8/p2p/{}", peer(2))
        .parse()
        .expect("an address");
    let mut dialer = Dialer::new(peer(1), &[pinned], 7, now);
    dialer.started(0, connection(1));
    dialer.occupied(connection(1), peer(3));
    dialer.failed(connection(1), now);
    now += LAST_RETRY * 2;
    assert!(dialer.due(now, |peer_id| *peer_id == peer(3)).is_empty());
    assert_eq!(dialer.due(now, |_| false).len(), 1, "tried again when it has gone");
}

#[test]
fn discovered_peers_are_bounded_and_expire() {
    let now = Instant::now();
    let later = now + LARGER_ID_WAITS;
    let mut dialer = Dialer::new(peer(1), &[], 7, now);
    assert!(dialer.discovered(peer(2), &address(1), now));
    assert!(!dialer.discovered(peer(2), &address(1), now), "known");
    assert!(!dialer.discovered(peer(1), &address(2), now), "ourselves");
    assert_eq!(dialer.due(later, |_| false).len(), 1);
    dialer.expired(peer(2), &address(1));
    assert!(dialer.due(later, |_| false).is_empty());
    for n in 0..MAX_DISCOVERED + 10 {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&(n as u64 + 1).to_be_bytes());
        dialer.discovered(Identity::from_seed(seed).peer_id(), &address(1), now);
    }
    assert_eq!(dialer.due(later, |_| false).len(), MAX_DISCOVERED);
}
