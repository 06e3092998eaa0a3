//! What this machine can refuse: a folder in use, a port in use, no rights, no space.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::node::{Start, until, until_live, wait};
use crate::support::{Place, ran};

#[test]
fn a_second_node_on_a_folder_is_refused_and_the_first_goes_on() {
    let place = Place::new();
    let first = Start::new("a", "security").up(&place);
    until_live(&[&first], 1);
    let second = ran(Start::new("a", "security").command(&place).output().expect("a run"));
    second.fails(6, &["could not start a node on", "has it open", "\"try\":", "--data"]);
    until_live(&[&first], 1);
    // What the first wrote about itself is still there.
    let data = first.data().to_str().expect("a path");
    place.run(&["agents", "--data", data]).ok();
}

#[test]
fn a_port_in_use_is_named() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let data = place.path("a");
    let data = data.to_str().expect("a path");
    let http = format!("127.0.0.1:{port}");
    let p2p = format!("/ip4/127.0.0.1/tcp/{port}");
    place
        .run(&["up", "--data", data, "--http", &http, "--p2p", "/ip4/127.0.0.1/tcp/0"])
        .fails(6, &["could not listen on", &http, "in use", "try:", "port 0"]);
    place
        .run(&["up", "--data", data, "--http", "127.0.0.1:0", "--p2p", &p2p])
        .fails(6, &["could not start a node", &p2p, "in use", "try:"]);
    // Neither attempt left anything that stands in the way of the next.
    let node = Start::new("a", "security").up(&place);
    until_live(&[&node], 1);
}

#[test]
fn without_rights_on_the_folder_nothing_starts() {
    let place = Place::new();
    let locked = place.path("locked");
    std::fs::create_dir(&locked).expect("a folder");
    let data = locked.join("a");
    let program = readable_copy();
    let mut command = if rustix::process::geteuid().is_root() {
        // Root may write anywhere, so somebody else tries.
        set_mode(&locked, 0o700);
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(program.path().join("bzzz"));
        command
    } else {
        set_mode(&locked, 0o500);
        Command::new(env!("CARGO_BIN_EXE_bzzz"))
    };
    command
        .args(["up", "--http", "127.0.0.1:0", "--p2p", "/ip4/127.0.0.1/tcp/0", "--data"])
        .arg(&data);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let refused = ran(command.current_dir("/").output().expect("a run"));
    refused.fails(6, &["could not start a node on", "denied", "try:"]);
    set_mode(&locked, 0o700);
    assert!(!data.exists());
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("rights");
}

/// A folder with the program where everybody may run it: the build folder may lie in somebody's private home.
fn readable_copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    set_mode(folder.path(), 0o755);
    let copy = folder.path().join("bzzz");
    if std::fs::hard_link(env!("CARGO_BIN_EXE_bzzz"), &copy).is_err() {
        std::fs::copy(env!("CARGO_BIN_EXE_bzzz"), &copy).expect("a copy");
    }
    folder
}

/// A small file system in memory, gone when dropped. Mounting takes root; CI has it.
struct Disk(PathBuf);

impl Disk {
    fn new(at: PathBuf, size: &str) -> Option<Disk> {
        std::fs::create_dir(&at).expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(&at)
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Disk(at))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_stops_the_node_in_words_and_loses_nothing() {
    let place = Place::new();
    let Some(disk) = Disk::new(place.path("disk"), "24m") else {
        assert!(
            std::env::var_os("CI").is_none(),
            "CI must be able to mount a file system"
        );
        println!("not root: the store's own tests provoke a full disk by other means");
        return;
    };
    let mut node = Start::new("disk/a", "security");
    node.extra = vec!["-v"];
    let start = node;
    let mut node = start.up_logging_to(&place, "full.log");
    until_live(&[&node], 1);
    let write = |node: &crate::node::Node, n: usize, bytes: usize| {
        let body = json!({ "address": format!("bzzz://*:*@default:*/n/{n}"), "text": "x".repeat(bytes) });
        node.try_post("resource", &body)
    };
    let mut kept = Vec::new();
    for n in 0..3 {
        assert_eq!(write(&node, n, 1000).map(|(s, _)| s), Some(200));
        kept.push(n);
    }
    let ballast = disk.0.join("ballast");
    fill(&ballast);
    // Sooner or later a write meets the end of the disk: it is refused, and the node ends in words.
    for n in 3..2_000 {
        match write(&node, n, 20_000) {
            Some((200, _)) => kept.push(n),
            _ => break,
        }
    }
    assert_eq!(node.ended(), Some(6), "{}", node.log());
    let log = node.log();
    assert!(
        log.contains("the node had to stop") && log.contains("full") && log.contains("try"),
        "{log}"
    );
    std::fs::remove_file(&ballast).expect("removed");
    drop(node);
    let node = start.up_logging_to(&place, "full.log");
    until_live(&[&node], 1);
    for n in kept {
        let read = node.get(&format!("resource?address=bzzz://*:*@default:*/n/{n}"));
        assert!(read["text"].as_str().is_some_and(|t| t.len() >= 1000), "{n}: {read}");
    }
    place.run(&["log", "verify", "--node", &node.http()]).ok();
}

/// Writes until nothing fits any more.
fn fill(path: &Path) {
    use std::io::Write as _;
    let mut file = std::fs::File::create(path).expect("a file");
    for size in [1 << 20, 4096] {
        let block = vec![1; size];
        while file.write_all(&block).is_ok() {}
    }
    let _ = file.flush();
}

#[test]
fn a_folder_of_a_killed_node_is_free_at_once() {
    let place = Place::new();
    let mut node = Start::new("a", "security").up(&place);
    until_live(&[&node], 1);
    let key = node.get("status")["node"].clone();
    node.kill();
    // Its file still names an address where nobody answers: commands say so, and a new node takes over.
    let data = node.data().to_str().expect("a path").to_owned();
    place
        .run(&["members", "--data", &data])
        .fails(4, &["no node answered at", "try:"]);
    // Lists need no node: they are in the folder, whole, though nobody closed it.
    let list = place.run(&["agents", "--data", &data, "--json"]).ok().json();
    assert_eq!(
        (&list["stopped"], &list["agents"][0]["role"]),
        (&true.into(), &"security".into())
    );
    let rebuilt = place.run(&["rebuild", "--data", &data, "--json"]).ok().json();
    assert_eq!(rebuilt["wrong"], 0, "rows and events were written together: {rebuilt}");
    let node = Start::new("a", "security").up(&place);
    until_live(&[&node], 1);
    assert_eq!(node.get("status")["node"], key);
    until("it says that it is alone", || {
        (node.get("status")["project"]["members"] == 1).then_some(())
    });
    let mut child = Start::new("b", "security")
        .command(&place)
        .arg("--no-such-flag")
        .spawn()
        .expect("a process");
    assert_eq!(wait(&mut child), Some(2));
}

#[test]
fn a_lost_or_foreign_key_over_a_log_is_refused() {
    use crate::node::Start;
    let place = Place::new();
    let mut node = Start::new("a", "security").up(&place);
    let peer = node.at["peer_id"].as_str().expect("a peer id").to_owned();
    node.end(rustix::process::Signal::TERM);
    let up = |words: &[&str]| {
        let out = Start::new("a", "security").command(&place).output().expect("a run");
        crate::support::ran(out).fails(6, words);
    };
    let (kept, away) = (place.path("a/identity"), place.path("identity"));
    std::fs::rename(&kept, &away).expect("moved");
    up(&["a/identity is missing", &peer, "from a copy"]);
    assert!(!kept.exists(), "no new key is made");
    let doctor = place.run(&["doctor", "--data", "a"]);
    assert!(doctor.out.contains("identity is missing"), "{doctor:?}");
    // Another node's key is no help.
    Start::new("b", "security")
        .up(&place)
        .end(rustix::process::Signal::TERM);
    std::fs::copy(place.path("b/identity"), &kept).expect("copied");
    up(&["a/identity is that of node", &peer]);
    std::fs::rename(&away, &kept).expect("moved");
    std::fs::rename(place.path("a/operator"), place.path("operator")).expect("moved");
    up(&["a/operator is missing"]);
    std::fs::rename(place.path("operator"), place.path("a/operator")).expect("moved");
    let again = Start::new("a", "security").up(&place);
    assert_eq!(again.at["peer_id"], peer.as_str());
}
