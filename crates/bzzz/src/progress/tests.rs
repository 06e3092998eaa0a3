//! The displays, drawn on a small terminal that is simulated as far as they use one.

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;

use super::event::ProgressEvent as E;
use super::live::Live;
use super::plain;
use crate::term::Paint;

/// A screen of `rows` that scrolls and knows the three sequences that are used: cursor up, carriage return, clear down.
#[derive(Clone)]
struct Screen(Rc<RefCell<State>>);

struct State {
    rows: usize,
    scrolled: Vec<String>,
    lines: Vec<String>,
    at: usize,
}

impl Screen {
    fn new(rows: usize) -> Self {
        Self(Rc::new(RefCell::new(State {
            rows,
            scrolled: Vec::new(),
            lines: vec![String::new(); rows],
            at: 0,
        })))
    }

    fn shown(&self) -> Vec<String> {
        self.0
            .borrow()
            .lines
            .iter()
            .filter(|line| !line.is_empty())
            .cloned()
            .collect()
    }

    fn scrolled(&self) -> Vec<String> {
        self.0.borrow().scrolled.clone()
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        let state = &mut *self.0.borrow_mut();
        let mut rest = text.as_str();
        while let Some(c) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("\u{1b}[") {
                let end = after.find(|c: char| c.is_ascii_alphabetic()).expect("a sequence");
                match &after[end..=end] {
                    "A" => state.at = state.at.saturating_sub(after[..end].parse().expect("a number")),
                    "J" => state.lines[state.at..].iter_mut().for_each(String::clear),
                    other => panic!("unknown sequence {other}"),
                }
                rest = &after[end + 1..];
                continue;
            }
            match c {
                '\n' if state.at + 1 == state.rows => {
                    let top = state.lines.remove(0);
                    state.scrolled.push(top);
                    state.lines.push(String::new());
                }
                '\n' => state.at += 1,
                '\r' => {}
                c => {
                    let at = state.at;
                    state.lines[at].push(c);
                }
            }
            rest = &rest[c.len_utf8()..];
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn story() -> Vec<E> {
    let agent = |name: &str| name.to_owned();
    vec![
        E::Opened {
            thread: "t".into(),
            title: "a.diff".into(),
            files: 3,
            roles: vec!["security".into(), "reviewer".into()],
            deadline_s: 120,
        },
        E::Joined {
            agent: agent("security-1"),
            role: "security".into(),
            node: "9f".into(),
        },
        E::Joined {
            agent: agent("reviewer-1"),
            role: "reviewer".into(),
            node: "9f".into(),
        },
        E::Analysing {
            agent: agent("security-1"),
            done: 1,
            total: 3,
        },
        E::Findings {
            agent: agent("security-1"),
            count: 1,
        },
        E::Warning {
            text: "no agent of role performance \u{1b}[2J answered".into(),
        },
        E::Findings {
            agent: agent("reviewer-1"),
            count: 2,
        },
        E::Proposal {
            agent: agent("security-1"),
            verdict: "request_changes".into(),
        },
        E::Commit {
            agent: agent("security-1"),
        },
        E::Reveal {
            agent: agent("security-1"),
            vote: "request_changes".into(),
        },
        E::Reveal {
            agent: agent("reviewer-1"),
            vote: "approve".into(),
        },
        E::Evidence {
            agent: agent("security-1"),
        },
        E::FinalVote {
            agent: agent("security-1"),
            vote: "request_changes".into(),
        },
        E::FinalVote {
            agent: agent("reviewer-1"),
            vote: "request_changes".into(),
        },
        E::Decided {
            verdict: "request_changes".into(),
            time_ms: 1_900,
        },
    ]
}

fn play(screen: &Screen, columns: usize, rows: usize) {
    let mut live = Live::new(screen.clone(), move || (columns, Some(rows)), Paint { on: false });
    for event in story() {
        live.show(&event);
        assert!(
            screen
                .shown()
                .iter()
                .all(|line| crate::term::wrap::width(line) < columns)
        );
    }
}

#[test]
fn live_redraws_in_place() {
    let screen = Screen::new(10);
    play(&screen, 60, 10);
    assert_eq!(
        screen.shown(),
        [
            "thread t",
            "warning: no agent of role performance ␛[2J answered",
            "a.diff, 3 files: decided in 1.9 s: request changes",
            "  security-1           voted: request changes, 1 finding",
            "  reviewer-1           voted: request changes, 2 findings",
        ]
    );
    assert!(screen.scrolled().is_empty());
}

#[test]
fn a_small_screen_counts_what_it_cannot_show() {
    let screen = Screen::new(3);
    play(&screen, 30, 3);
    assert_eq!(screen.shown(), ["a.diff, 3 files: decided in …", "  and 2 agents"]);
    // Only the thread and the warning may have scrolled: a board that scrolls could not be drawn over.
    assert!(
        screen.scrolled().iter().all(|line| !line.starts_with("a.diff")),
        "{:?}",
        screen.scrolled()
    );
}

#[test]
fn the_board_goes_away_at_the_end() {
    let screen = Screen::new(10);
    let mut live = Live::new(screen.clone(), || (60, Some(10)), Paint { on: false });
    for event in story().iter().take(4) {
        live.show(event);
    }
    live.finish();
    assert_eq!(screen.shown(), ["thread t"], "by it the review is found again");
}

#[test]
fn plain_lines() {
    let lines: Vec<String> = story().iter().filter_map(plain::line).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_newer_node_may_say_more() {
    let event: E = serde_json::from_str(r#"{"phase":"teleported","agent":"x"}"#).expect("an event");
    assert_eq!(event, E::Unknown);
}

#[test]
fn many_agents_are_counted_and_bounded() {
    let mut board = super::board::Board::default();
    for number in 0..1_000 {
        board.apply(&E::Joined {
            agent: format!("a{number}"),
            role: "reviewer".into(),
            node: String::new(),
        });
    }
    assert_eq!(board.lines(80, 5, Paint { on: false }).len(), 5);
}
