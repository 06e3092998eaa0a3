//! A small HTTP server that answers like a node: it proves what the command line sends and how it takes answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

/// Answers to one request: status, and the body as it is written.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// One request as it came.
#[derive(Debug)]
pub struct Request {
    pub line: String,
    pub body: serde_json::Value,
}

pub struct FakeNode {
    pub address: String,
    requests: Receiver<Request>,
    server: Option<JoinHandle<()>>,
}

impl FakeNode {
    /// Answers as many requests as there are answers, then closes.
    pub fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (sender, requests) = channel();
        let server = std::thread::spawn(move || {
            for answer in answers {
                let Ok((stream, _)) = listener.accept() else {
                    return;
                };
                let _ = sender.send(serve(stream, &answer));
            }
        });
        Self {
            address,
            requests,
            server: Some(server),
        }
    }

    /// All requests, after the server has answered the last one.
    pub fn requests(mut self) -> Vec<Request> {
        if let Some(server) = self.server.take() {
            server.join().expect("the server");
        }
        self.requests.try_iter().collect()
    }
}

fn serve(stream: TcpStream, answer: &Answer) -> Request {
    let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
    let mut line = String::new();
    reader.read_line(&mut line).expect("a request line");
    let mut length = 0;
    let mut chunked = false;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).expect("a header");
        let header = header.trim().to_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        chunked |= header.starts_with("transfer-encoding: chunked");
    }
    assert!(!chunked, "bodies are sent with their length");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let mut stream = stream;
    let head = format!(
        "HTTP/1.1 {} X\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n",
        answer.status
    );
    let _ = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(&answer.body))
        .and_then(|()| stream.flush());
    Request {
        line: line.trim().to_owned(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    }
}

/// A good answer.
pub fn good(body: impl Into<Vec<u8>>) -> Answer {
    Answer {
        status: 200,
        body: body.into(),
    }
}

/// The stream of a review: some progress, then the report of the fixture, changed by `change`.
pub fn review(change: impl FnOnce(&mut serde_json::Value), certificate: Option<&str>) -> Answer {
    let mut report: serde_json::Value = serde_json::from_str(include_str!("report.json")).expect("a report");
    change(&mut report);
    let progress = |event: serde_json::Value| serde_json::json!({ "type": "progress", "event": event });
    let lines = [
        progress(
            serde_json::json!({"phase": "opened", "thread": "t", "title": "x.diff", "files": 1, "roles": ["security"], "deadline_s": 9}),
        ),
        progress(serde_json::json!({"phase": "joined", "agent": "security-1", "role": "security", "node": "9f"})),
        progress(serde_json::json!({"phase": "from_the_future", "x": 1})),
        progress(serde_json::json!({"phase": "findings", "agent": "security-1", "count": 1})),
        serde_json::json!({ "type": "report", "report": report, "certificate": certificate }),
    ];
    good(lines.iter().map(|line| format!("{line}\n")).collect::<String>())
}
