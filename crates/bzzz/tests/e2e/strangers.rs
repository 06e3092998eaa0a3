//! Other users of the same machine: they reach loopback too, and get nothing by it.
//!
//! Needs root, to run programs as somebody else.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::node::{Start, until, until_seen};
use crate::support::{Place, Ran, ran};

/// A user without rights and files ("nobody" on most systems).
const STRANGER: u32 = 65_534;

/// The program in a folder of its own, where other users may run it.
struct Elsewhere {
    folder: tempfile::TempDir,
}

impl Elsewhere {
    /// None, and a word on standard error, when this test may not become another user.
    fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("not tested: running the program as another user needs root");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        open(folder.path());
        let elsewhere = Elsewhere { folder };
        std::fs::copy(env!("CARGO_BIN_EXE_bzzz"), elsewhere.program()).expect("a copy");
        open(&elsewhere.program());
        std::fs::create_dir(elsewhere.home()).expect("a folder");
        chown(elsewhere.home(), Some(STRANGER), Some(STRANGER)).expect("another owner");
        Some(elsewhere)
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("bzzz")
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// The program as the stranger.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.program());
        command
            .args(args)
            .env_clear()
            .env("HOME", self.home())
            .env("BZZZ_P2P__MDNS", "false")
            .current_dir(self.home())
            .stdin(Stdio::null())
            .uid(STRANGER)
            .gid(STRANGER);
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        ran(self.command(args).output().expect("a run"))
    }
}

fn open(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("rights");
}

/// A process that goes with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn another_user_of_the_machine_is_not_answered() {
    let Some(elsewhere) = Elsewhere::new() else { return };
    let place = Place::new();
    let node = Start::new("a", "security").up(&place);
    until_seen(&[&node], 1);
    let http = node.http();
    let backup = elsewhere.home().join("copy").to_string_lossy().into_owned();
    for args in [
        &["agents"][..],
        &["backup", &backup],
        &["kill"],
        &["escalations", "list"],
        &["members"],
    ] {
        let mut args = args.to_vec();
        args.extend(["--node", &http]);
        elsewhere
            .run(&args)
            .fails(6, &["of user 65534", "belongs to user 0", "sudo -u '#0'"]);
    }
    assert!(!Path::new(&backup).exists());
    let agents = node.get("agents");
    assert_eq!(agents["agents"][0]["status"], "idle", "{agents}");
    place.run(&["agents", "--node", &http]).ok();
}

#[test]
fn another_user_of_the_machine_does_not_get_a_seat_by_its_address() {
    let Some(elsewhere) = Elsewhere::new() else { return };
    let place = Place::new();
    let node = Start::new("a", "security").up(&place);
    until_seen(&[&node], 1);
    let data = elsewhere.home().join("data").to_string_lossy().into_owned();
    // Of the same declared owner, as by default.
    let up = [
        "up",
        "--http",
        "127.0.0.1:0",
        "--p2p",
        "/ip4/127.0.0.1/tcp/0",
        "--data",
        &data,
        "--peer",
        &node.p2p(),
    ];
    let child = elsewhere.command(&up).stdout(Stdio::null()).spawn().expect("a process");
    let _running = Running(child);
    until("it waits for a person", || {
        let waits = node.try_get("admit")?["pending"].as_array()?.len();
        (waits == 1).then_some(())
    });
    assert_eq!(node.get("status")["project"]["members"], json!(1));
    // Of the node's own user another one gets in at once.
    let own = Start::new("b", "reviewer").peers(&[&node]).up(&place);
    until_seen(&[&node, &own], 2);
    assert_eq!(node.get("status")["project"]["members"], json!(2));
}

#[test]
fn root_is_answered_by_every_node() {
    let Some(elsewhere) = Elsewhere::new() else { return };
    let data = elsewhere.home().join("data");
    let up = [
        "up",
        "--http",
        "127.0.0.1:0",
        "--p2p",
        "/ip4/127.0.0.1/tcp/0",
        "--data",
        &data.to_string_lossy(),
    ];
    let child = elsewhere.command(&up).stdout(Stdio::null()).spawn().expect("a process");
    let _running = Running(child);
    let data = data.to_string_lossy().into_owned();
    let place = Place::new();
    until("root is answered", || {
        (place.run(&["members", "--data", &data]).code == Some(0)).then_some(())
    });
    elsewhere.run(&["members", "--data", &data]).ok();
}
