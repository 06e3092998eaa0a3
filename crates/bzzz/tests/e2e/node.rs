//! Nodes as processes: started, asked, killed.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::Place;

/// Long enough for a slow machine; nothing waits for it to pass.
pub const PATIENCE: Duration = Duration::from_secs(45);

/// A running `bzzz up`; killed when dropped.
pub struct Node {
    child: Child,
    /// Its one line: `peer_id`, `p2p`, `http`, `data`.
    pub at: Value,
    data: PathBuf,
    log: PathBuf,
}

/// How a node is started.
pub struct Start<'a> {
    pub name: &'a str,
    pub agents: &'a str,
    pub peers: Vec<String>,
    pub p2p: String,
    pub extra: Vec<&'a str>,
}

impl<'a> Start<'a> {
    pub fn new(name: &'a str, agents: &'a str) -> Self {
        Start {
            name,
            agents,
            peers: vec![],
            p2p: "/ip4/127.0.0.1/tcp/0".into(),
            extra: vec![],
        }
    }

    pub fn peers(mut self, peers: &[&Node]) -> Self {
        self.peers = peers.iter().map(|n| n.p2p()).collect();
        self
    }

    /// The command line.
    pub fn command(&self, place: &Place) -> Command {
        let data = place.path(self.name);
        let mut command = place.command(&["up", "--json", "--http", "127.0.0.1:0"]);
        command.arg("--data").arg(&data).args(["--p2p", &self.p2p]);
        command.args(["--agents", self.agents]).args(&self.extra);
        for peer in &self.peers {
            command.args(["--peer", peer]);
        }
        // Multicast would find the nodes of other tests.
        command.env("BZZZ_P2P__MDNS", "false");
        if let Some(level) = std::env::var_os("BZZZ_E2E_LOG") {
            command.env("BZZZ_LOG_LEVEL", level);
        }
        command
    }

    /// Starts it and waits for its line.
    pub fn up(&self, place: &Place) -> Node {
        self.up_logging_to(place, &format!("{}.log", self.name))
    }

    /// [`Start::up`] with the log elsewhere than beside the data.
    pub fn up_logging_to(&self, place: &Place, log: &str) -> Node {
        let log = place.path(log);
        let errors = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .expect("a log");
        let mut child = self
            .command(place)
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .expect("a process");
        let out = child.stdout.take().expect("a pipe");
        let (line, first) = mpsc::channel();
        std::thread::spawn(move || {
            let mut out = BufReader::new(out);
            let mut text = String::new();
            let _ = out.read_line(&mut text);
            let _ = line.send(text);
            let _ = std::io::copy(&mut out, &mut std::io::sink());
        });
        let text = first.recv_timeout(PATIENCE).unwrap_or_default();
        let Ok(at) = serde_json::from_str(&text) else {
            let _ = child.kill();
            let _ = child.wait();
            panic!(
                "{} did not start: {}",
                self.name,
                std::fs::read_to_string(&log).unwrap_or_default()
            );
        };
        let data = place.path(self.name);
        Node { child, at, data, log }
    }
}

impl Node {
    pub fn http(&self) -> String {
        self.at["http"].as_str().expect("an address").to_owned()
    }

    pub fn p2p(&self) -> String {
        self.at["p2p"][0].as_str().expect("an address").to_owned()
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What it wrote on standard error so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Kills it as a power cut would: no goodbye.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal and waits for the end; gives the exit status.
    pub fn end(&mut self, signal: Signal) -> Option<i32> {
        self.signal(signal);
        self.ended()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a signal");
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> Option<i32> {
        wait(&mut self.child)
    }

    pub fn get(&self, path: &str) -> Value {
        self.try_get(path)
            .unwrap_or_else(|| panic!("{} answers {path}: {}", self.http(), self.log()))
    }

    /// None when it does not answer.
    pub fn try_get(&self, path: &str) -> Option<Value> {
        let mut answer = agent().get(format!("{}/v1/{path}", self.http())).call().ok()?;
        answer.body_mut().with_config().limit(256 << 20).read_json().ok()
    }

    /// Status and body.
    pub fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.try_post(path, body)
            .unwrap_or_else(|| panic!("{} answers {path}: {}", self.http(), self.log()))
    }

    /// None when it does not answer.
    pub fn try_post(&self, path: &str, body: &Value) -> Option<(u16, Value)> {
        let mut answer = agent()
            .post(format!("{}/v1/{path}", self.http()))
            .send_json(body)
            .ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.body_mut().read_json().unwrap_or(Value::Null)))
    }

    /// Its number of live members, as it sees it.
    fn live(&self) -> Option<u64> {
        self.try_get("status")?["project"]["live"].as_u64()
    }

    /// Digest of its feeds and hash of its state, when nothing waits.
    pub fn state(&self) -> Option<(String, String)> {
        let status = self.try_get("status")?;
        let project = &status["project"];
        let text = |name: &str| Some(project[name].as_str()?.to_owned());
        (project["waiting"] == 0).then_some((text("digest")?, text("state")?))
    }

    /// Threads by id, with their states.
    pub fn threads(&self) -> Vec<(String, String)> {
        let answer = self.get("threads?state=all");
        let text = |row: &Value, name: &str| row[name].as_str().expect("a text").to_owned();
        let rows = answer["threads"].as_array().expect("a list");
        rows.iter().map(|row| (text(row, "id"), text(row, "state"))).collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits for the end of a process, with a deadline; gives its exit status.
pub fn wait(child: &mut Child) -> Option<i32> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().expect("a child") {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    panic!("a process did not end");
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .proxy(None)
        .build()
        .into()
}

/// Waits until `condition` gives something.
pub fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until each node sees `count` live members.
pub fn until_seen(nodes: &[&Node], count: u64) {
    let start = Instant::now();
    while !nodes.iter().all(|n| n.live() == Some(count)) {
        assert!(
            start.elapsed() < PATIENCE,
            "not all nodes see each other: {}",
            tell(nodes)
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// [`until_seen`] for all members there are, and until all their agents are free.
pub fn until_live(nodes: &[&Node], count: u64) {
    until_seen(nodes, count);
    let start = Instant::now();
    while !all_idle(nodes) {
        assert!(start.elapsed() < PATIENCE, "not all agents are free: {}", tell(nodes));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn all_idle(nodes: &[&Node]) -> bool {
    let lists: Option<Vec<Vec<Value>>> = nodes
        .iter()
        .map(|n| n.try_get("agents")?["agents"].as_array().cloned())
        .collect();
    lists.is_some_and(|lists| {
        lists
            .iter()
            .all(|l| l.len() == lists[0].len() && l.iter().all(|a| a["status"] == "idle"))
    })
}

/// Waits until all nodes hold the same events and the same state.
pub fn until_same(nodes: &[&Node]) {
    let start = Instant::now();
    loop {
        let seen: Vec<_> = nodes.iter().map(|n| n.state()).collect();
        if seen.iter().all(|s| s.is_some() && *s == seen[0]) {
            return;
        }
        if start.elapsed() > PATIENCE {
            panic!("the nodes do not come to the same state: {}", tell(nodes));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Everything that helps to find out why.
fn tell(nodes: &[&Node]) -> String {
    let one = |n: &&Node| {
        let ask = |path| n.try_get(path).unwrap_or_default();
        let agents = ask("agents");
        format!("{}\n{:#}\n{agents:#}\n{}", n.data.display(), ask("status"), n.log())
    };
    nodes.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// Three nodes with the five roles, each knowing the others' addresses.
pub fn three(place: &Place) -> [Node; 3] {
    let a = Start::new("a", ROLES[0]).up(place);
    let b = Start::new("b", ROLES[1]).peers(&[&a]).up(place);
    let c = Start::new("c", ROLES[2]).peers(&[&a, &b]).up(place);
    until_live(&[&a, &b, &c], 3);
    [a, b, c]
}

/// The roles of the three.
pub const ROLES: [&str; 3] = ["reviewer,security", "performance", "architect,documentation"];

/// The example that every test reviews.
pub fn example() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/payment-service.diff").to_owned()
}
