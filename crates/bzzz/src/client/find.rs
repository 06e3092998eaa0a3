//! Which node to talk to: the one that `--node` names, else the one that runs on the data folder.
//!
//! A running node keeps `node.json` ([`Status`]) in its data folder and removes it when it stops. A file that stays behind
//! after a crash does no harm: nobody answers at its address, and the error says so.

use std::path::Path;

use super::http::Http;
use super::wire::Status;
use crate::cli::exit::Exit;
use crate::cli::failure::{Explain, Result, fail, fail_because};
use crate::report::words::shell_word;

/// The file in the data folder.
pub const NODE_FILE: &str = "node.json";
/// It is small; a larger one is not ours.
const MAX_NODE_FILE_BYTES: u64 = 64 << 10;

/// The node of `--node` or of `data`.
pub fn find(node: Option<&str>, data: &Path) -> Result<Http> {
    if let Some(node) = node {
        return named(node);
    }
    match running(data)? {
        Some(status) => base_of(&status.http).map(|base| Http::new(&base)),
        None => Err(fail_because(
            Exit::Node,
            "could not find a running node",
            format!("no node runs on {}", data.display()),
            Some(&format!(
                "start one with `bzzz up --data {}`, or name one with --node ADDRESS",
                shell_word(&data.display().to_string())
            )),
        )),
    }
}

/// The node at an address that a person gave.
pub fn named(node: &str) -> Result<Http> {
    base_of(node).map(|base| Http::new(&base))
}

/// The node on `data` and what it wrote about itself, if it answers. The file of a crashed node does not count, nor a
/// stranger that has got its port since.
pub fn answering(data: &Path) -> Result<Option<(Http, Status)>> {
    let Some(status) = running(data)? else { return Ok(None) };
    let client = Http::new(&base_of(&status.http)?);
    let answer = client.probe("status", "could not ask the node");
    let is_it = answer.is_ok_and(|answer| answer["peer_id"] == status.peer_id.as_str());
    Ok(is_it.then_some((client, status)))
}

/// What the node on `data` wrote about itself; none when no file is there.
pub fn running(data: &Path) -> Result<Option<Status>> {
    let path = data.join(NODE_FILE);
    let attempt = format!("could not read {}", path.display());
    let hint = Some("remove the file when no node runs on this folder");
    match std::fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let hint = Some("check the data folder and its rights, or choose another with --data");
            return Err(error).explain(Exit::Local, attempt, hint);
        }
        Ok(meta) if meta.len() > MAX_NODE_FILE_BYTES => {
            return Err(fail_because(
                Exit::Local,
                attempt,
                "it is too large to be a node's own file",
                hint,
            ));
        }
        Ok(_) => {}
    }
    let text = std::fs::read(&path).explain(Exit::Local, attempt.clone(), None)?;
    serde_json::from_slice(&text)
        .map(Some)
        .explain(Exit::Local, attempt, hint)
}

/// `127.0.0.1:8080`, `localhost:8080` or `http://…` as the base of the API.
fn base_of(node: &str) -> Result<String> {
    let text = node.trim().trim_end_matches('/');
    let rest = text.strip_prefix("http://").unwrap_or(text);
    let wrong = |why: &str| {
        fail(
            Exit::Usage,
            format!("{node:?} is no address of a node: {why}"),
            Some("give the HTTP address that `bzzz up` prints, as in 127.0.0.1:8080"),
        )
    };
    if rest.starts_with('/') {
        return Err(wrong("that is a peer-to-peer address"));
    }
    if rest.contains("://") {
        return Err(wrong("only http is spoken with a node"));
    }
    let (host, port) = rest.rsplit_once(':').ok_or_else(|| wrong("the port is missing"))?;
    let legal = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    if host.is_empty() || !host.chars().all(legal) {
        return Err(wrong("the host is wrong"));
    }
    match port.parse::<u16>() {
        Ok(1..) => Ok(format!("http://{rest}")),
        _ => Err(wrong("the port is not between 1 and 65535")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_nodes() {
        for (node, wanted) in [
            ("127.0.0.1:80", "http://127.0.0.1:80"),
            ("http://walnut:8080/", "http://walnut:8080"),
            ("[::1]:1", "http://[::1]:1"),
        ] {
            assert_eq!(base_of(node).ok().as_deref(), Some(wanted));
        }
        for node in [
            "",
            "walnut",
            "/ip4/127.0.0.1/tcp/1",
            "https://x:1",
            "x:0",
            "x:70000",
            ":1",
            "a b:1",
            "x@y:1",
        ] {
            assert!(base_of(node).is_err(), "{node}");
        }
    }

    #[test]
    fn a_folder_without_a_node_is_not_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(running(folder.path()).expect("no failure"), None);
        std::fs::write(folder.path().join(NODE_FILE), "{").expect("a file");
        assert!(running(folder.path()).is_err());
    }
}
