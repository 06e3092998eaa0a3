//! Tests of the identity file: made once, refused when others can read it, never overwritten.

use super::*;
use std::os::unix::fs::PermissionsExt as _;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode set");
}

#[test]
fn an_identity_is_created_once_and_loaded_after() {
    let folder = folder();
    let path = folder.path().join("identity");
    let created = load_or_create(&path).expect("created");
    let mode = fs::metadata(&path).expect("metadata").mode() & 0o777;
    assert_eq!(mode, 0o600);
    let loaded = load_or_create(&path).expect("loaded");
    assert_eq!(created.seed(), loaded.seed());
    assert_eq!(created.peer_id(), loaded.peer_id());
    assert_eq!(
        fs::read_dir(folder.path()).expect("listed").count(),
        1,
        "nothing is left over"
    );
}

#[test]
fn a_file_open_to_others_is_refused_with_the_remedy() {
    let folder = folder();
    let path = folder.path().join("identity");
    load_or_create(&path).expect("created");
    for mode in [0o640, 0o604, 0o660, 0o777] {
        set_mode(&path, mode);
        let error = load_or_create(&path).expect_err("open to others").to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }
    set_mode(&path, 0o400);
    load_or_create(&path).expect("stricter than asked is fine");
}

#[test]
fn a_damaged_file_is_an_error_and_stays_as_it_is() {
    let folder = folder();
    let path = folder.path().join("identity");
    let hex = "ab".repeat(32);
    let long = "x".repeat(5_000);
    let damaged = [
        String::new(),
        "bzzz-identity-v1".into(),
        format!("bzzz-identity-v9\n{hex}\n"),
        format!("bzzz-identity-v1\n{}\n", &hex[..63]),
        format!("bzzz-identity-v1\n{}zz\n", &hex[..62]),
        format!("bzzz-identity-v1\n{}\u{e9}\n", &hex[..62]),
        format!("bzzz-identity-v1\n{hex}\n{hex}\n"),
        format!("bzzz-identity-v1\n+{}\n", &hex[..63]),
        long,
    ];
    for content in damaged {
        fs::write(&path, &content).expect("written");
        set_mode(&path, 0o600);
        let error = load_or_create(&path).expect_err("damaged");
        assert!(matches!(error, IdentityError::Corrupted { .. }), "{content:?}: {error}");
        assert_eq!(fs::read_to_string(&path).expect("read"), content, "untouched");
    }
}

#[test]
fn a_missing_folder_is_named() {
    let folder = folder();
    let path = folder.path().join("absent/identity");
    let error = load_or_create(&path).expect_err("no folder").to_string();
    assert!(error.contains("absent/identity"), "{error}");
}

#[test]
fn processes_that_create_at_once_agree() {
    let folder = folder();
    let path = folder.path().join("identity");
    let mut peers: Vec<PeerId> = std::thread::scope(|scope| {
        let create = || load_or_create(&path).expect("an identity").peer_id();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(create)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("joined"))
            .collect()
    });
    peers.dedup();
    assert_eq!(peers.len(), 1);
}

/// RFC 8032, section 7.1, test 1: an outside witness for seed and public key.
#[test]
fn keys_and_peer_ids_convert_both_ways() {
    let seed =
        parse("bzzz-identity-v1\n9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60\n").expect("a seed");
    let identity = Identity::from_seed(seed);
    let public = identity.public_key();
    assert_eq!(public[..4], [0xd7, 0x5a, 0x98, 0x01]);
    assert_eq!(public[28..], [0xf7, 0x07, 0x51, 0x1a]);
    assert_eq!(peer_id_of(&public), Some(identity.peer_id()));
    assert_eq!(public_key_of(&identity.peer_id()), Some(public));
    assert!(!format!("{identity:?}").contains("9d61"), "the secret stays secret");
}

#[test]
fn a_peer_id_without_its_key_has_no_public_key() {
    // A SHA-256 peer id, as RSA keys have.
    let peer: PeerId = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N".parse().expect("an id");
    assert_eq!(public_key_of(&peer), None);
}
