//! A turn that ends before its model has answered: what the model charges is settled all the same, once. And a turn whose analysers
//! have not read the change: it ends without a vote for it.

use bzzz_core::body::*;
use bzzz_core::change::ChangeSet;
use bzzz_core::crypto::{Hash, Keypair};
use bzzz_core::finding::{Finding, Severity};
use bzzz_core::ledger::Limits;
use bzzz_core::node::{
    Admit, AgentSpec, Command, Effect, Input, MAX_TURN_FAILURES, ModelSpec, Node, NodeConfig, Outcome, Pace,
};
use bzzz_core::reading::{Reading, Unread};

use crate::world::START_MS;

const DIFF: &str = "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n";
const WORST_MICROUSD: u64 = 4_000;
const CHARGED_MICROUSD: u64 = 1_500;

/// One node with one agent that has a model, alone in its project; its disk never fails.
struct Solo {
    node: Node,
    now: u64,
    project: Hash,
    written: Vec<Body>,
    said: Vec<String>,
    analyse: Option<u64>,
    ask: Option<u64>,
    last: Option<Outcome>,
}

impl Solo {
    fn new(with_model: bool) -> Solo {
        let key = Keypair::from_seed([1; 32]);
        let me = key.public();
        let model = ModelSpec {
            name: "scripted-1".into(),
            family: "scripted".into(),
            worst_microusd: WORST_MICROUSD,
        };
        let agent = AgentSpec {
            id: "reviewer-1".into(),
            role: "reviewer".into(),
            capabilities: vec![],
            specialization: String::new(),
            max_tasks: 1,
            model: with_model.then_some(model),
        };
        let node = Node::new(NodeConfig {
            key,
            operator: Keypair::from_seed([2; 32]),
            owner: "ann".into(),
            incarnation: 0,
            agents: vec![agent],
            admit: Admit::Open,
            join: None,
            limits: Limits {
                chunk_microusd: 10_000,
                ..Limits::default()
            },
            pace: Pace::default(),
        });
        let mut solo = Solo {
            node,
            now: START_MS,
            project: Hash::ZERO,
            written: vec![],
            said: vec![],
            analyse: None,
            ask: None,
            last: None,
        };
        let effects = solo.node.start(solo.now);
        solo.carry_out(effects);
        solo.command(Command::CreateProject {
            name: "solo".into(),
            nonce: Hash([3; 32]),
            authority: Authority::Home,
            answers: Answers::Majority,
            shares: vec![Share {
                node: me,
                amount_microusd: 100_000,
            }],
        });
        let Some(Outcome::Project(project)) = solo.last else {
            panic!("a project is founded")
        };
        solo.project = project;
        solo
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Append { id, writes } => {
                    let blobs = writes.iter().flat_map(|w| &w.blobs);
                    let texts = blobs.filter_map(|b| String::from_utf8(b.bytes.clone()).ok());
                    self.said.extend(texts);
                    let events = writes.iter().flat_map(|w| &w.events);
                    self.written.extend(events.filter_map(bzzz_core::event::Event::body));
                    self.feed(Input::Appended { id });
                }
                Effect::Analyse { ask, .. } => self.analyse = Some(ask),
                Effect::AskModel { ask, .. } => self.ask = Some(ask),
                Effect::Reply { result, .. } => self.last = Some(result.expect("the command is carried out")),
                _ => {}
            }
        }
    }

    fn feed(&mut self, input: Input) {
        self.now += 1;
        let effects = self.node.handle(self.now, input);
        self.carry_out(effects);
    }

    fn command(&mut self, command: Command) {
        self.feed(Input::Command { id: 1, command });
    }

    /// Lets time pass until `done`.
    fn until(&mut self, what: &str, done: impl Fn(&Solo) -> bool) {
        for _ in 0..1_000 {
            if done(self) {
                return;
            }
            self.now += 50;
            self.feed(Input::Wake);
        }
        panic!("waited in vain until {what}");
    }

    /// A review whose only agent waits for its analysers.
    fn analysing(with_model: bool) -> (Solo, Hash, u64) {
        let mut solo = Solo::new(with_model);
        let project = solo.project;
        solo.command(Command::OpenThread {
            project,
            kind: ThreadKind::Review,
            task: "change-1".into(),
            title: "a change".into(),
            subject: ChangeSet::from_diff("a change", DIFF.as_bytes()).to_cbor().ok(),
            roles: vec!["reviewer".into()],
            timing: Timing {
                findings_ms: 20_000,
                commit_ms: 5_000,
                reveal_ms: 5_000,
                evidence_ms: 5_000,
                final_ms: 5_000,
            },
            budget_microusd: 50_000,
        });
        let Some(Outcome::Event(opened)) = solo.last else {
            panic!("a thread is opened")
        };
        solo.until("the analysers run", |s| s.analyse.is_some());
        let ask = solo.analyse.take().expect("an id");
        (solo, opened.hash, ask)
    }

    /// A review whose only agent has asked its model.
    fn asking() -> (Solo, Hash, u64) {
        let (mut solo, thread, ask) = Solo::analysing(true);
        solo.feed(Input::Analysed {
            ask,
            result: Ok(vec![]),
            reading: unread(),
        });
        solo.until("the model is asked", |s| s.ask.is_some());
        let ask = solo.ask.take().expect("an id");
        assert_eq!(solo.reserved(), WORST_MICROUSD);
        (solo, thread, ask)
    }

    fn reserved(&self) -> u64 {
        let project = self.node.project(&self.project).expect("the project");
        project.ledger().reserved_microusd()
    }

    fn spent(&self) -> u64 {
        let project = self.node.project(&self.project).expect("the project");
        project.state.spending.total_microusd
    }

    fn calls(&self) -> Vec<&ModelCalled> {
        let calls = self.written.iter().filter_map(|b| match b {
            Body::ModelCalled(call) => Some(call),
            _ => None,
        });
        calls.collect()
    }

    fn has_posted(&self) -> bool {
        self.written.iter().any(|b| matches!(b, Body::FindingsPosted(_)))
    }

    fn answer(&mut self, ask: u64) {
        self.feed(Input::Answered {
            ask,
            charged_microusd: CHARGED_MICROUSD,
            findings: vec![],
            opinion: Some(Choice::Approve),
        });
    }

    /// The answer comes late, and twice: it is charged once, and nothing is posted any more.
    fn settles_once(&mut self, ask: u64) {
        self.answer(ask);
        self.answer(ask);
        let calls = self.calls();
        assert_eq!(calls.len(), 1, "{calls:?}");
        assert_eq!(
            (calls[0].reserved_microusd, calls[0].charged_microusd),
            (WORST_MICROUSD, CHARGED_MICROUSD)
        );
        assert_eq!((calls[0].model.as_str(), calls[0].ok), ("scripted-1", true));
        assert_eq!((self.reserved(), self.spent()), (0, CHARGED_MICROUSD));
        assert!(!self.has_posted(), "nobody wants its findings any more");
    }
}

#[test]
fn a_call_is_settled_after_its_thread_has_ended() {
    let (mut solo, thread, ask) = Solo::asking();
    let project = solo.project;
    solo.command(Command::CloseThread {
        project,
        thread,
        resolved: false,
    });
    assert_eq!(solo.reserved(), WORST_MICROUSD, "the call is still under way");
    solo.settles_once(ask);
}

#[test]
fn a_call_is_settled_after_its_agent_has_gone() {
    let (mut solo, _, ask) = Solo::asking();
    let project = solo.project;
    solo.command(Command::RetireAgent {
        project,
        agent: "reviewer-1".into(),
    });
    assert_eq!(solo.reserved(), WORST_MICROUSD, "the call is still under way");
    solo.settles_once(ask);
}

#[test]
fn a_call_is_settled_after_the_kill_switch_and_says_nothing() {
    let (mut solo, _, ask) = Solo::asking();
    solo.command(Command::Kill);
    assert_eq!(solo.reserved(), WORST_MICROUSD, "the call is still under way");
    solo.settles_once(ask);
}

#[test]
fn a_call_that_is_answered_in_time_is_settled_and_its_findings_are_posted() {
    let (mut solo, _, ask) = Solo::asking();
    solo.answer(ask);
    assert_eq!(
        (solo.calls().len(), solo.reserved(), solo.spent()),
        (1, 0, CHARGED_MICROUSD)
    );
    assert!(solo.has_posted());
}

fn unread() -> Reading {
    Reading {
        unread: vec![Unread {
            file: "x.py".into(),
            why: "larger than 1 MiB: not parsed".into(),
        }],
        falls_short: true,
    }
}

/// The only agent's first vote, after its analysers have said this.
fn first_vote(with_model: bool, found: Vec<Finding>, reading: Reading) -> (Choice, Solo) {
    let (mut solo, _, ask) = Solo::analysing(with_model);
    solo.feed(Input::Analysed {
        ask,
        result: Ok(found),
        reading,
    });
    if with_model {
        let ask = solo.ask.take().expect("the model is asked");
        solo.answer(ask);
    }
    solo.until("the first vote is shown", |s| s.revealed().is_some());
    (solo.revealed().expect("a vote"), solo)
}

impl Solo {
    fn revealed(&self) -> Option<Choice> {
        self.written.iter().find_map(|b| match b {
            Body::Revealed(revealed) => Some(revealed.reveal.statement.choice),
            _ => None,
        })
    }

    /// Whether the agent has said that it did not read the file.
    fn says_unread(&self) -> bool {
        let note = "I do not approve what I have not read: x.py (larger than 1 MiB: not parsed).";
        self.said.iter().any(|text| text == note)
    }
}

fn severe() -> Finding {
    Finding {
        rule: "reviewer/x".into(),
        role: "reviewer".into(),
        severity: Severity::High,
        file: "x.py".into(),
        line: 1,
        end_line: 1,
        quote: "b".into(),
        title: "t".into(),
        why: "w".into(),
        fix: "f".into(),
        cwe: None,
    }
}

#[test]
fn an_agent_abstains_over_what_its_analysers_did_not_read() {
    let (choice, solo) = first_vote(false, vec![], unread());
    assert_eq!((choice, solo.says_unread()), (Choice::Abstain, true));
    let decided = solo.written.iter().any(|b| matches!(b, Body::Decided(_)));
    assert!(!decided, "an abstention is no assent");
    let (choice, solo) = first_vote(false, vec![], Reading::default());
    assert_eq!((choice, solo.says_unread()), (Choice::Approve, false));
    // What stands beside what was read is named by the report, and holds nobody up.
    let beside = Reading {
        falls_short: false,
        ..unread()
    };
    let (choice, solo) = first_vote(false, vec![], beside);
    assert_eq!((choice, solo.says_unread()), (Choice::Approve, false));
}

#[test]
fn what_was_found_outweighs_what_was_not_read() {
    let (choice, solo) = first_vote(false, vec![severe()], unread());
    assert_eq!((choice, solo.says_unread()), (Choice::RequestChanges, true));
}

#[test]
fn a_model_that_has_read_the_change_speaks_for_its_agent() {
    let (choice, solo) = first_vote(true, vec![], unread());
    assert_eq!((choice, solo.says_unread()), (Choice::Approve, false));
}

#[test]
fn an_agent_that_fails_again_and_again_says_so_once_and_stops() {
    let (mut solo, _, first) = Solo::analysing(false);
    let mut ask = Some(first);
    let mut turns = 0;
    for _ in 0..400 {
        if let Some(ask) = ask.take() {
            turns += 1;
            let result = Err("the parser broke down".into());
            let reading = Reading::default();
            solo.feed(Input::Analysed { ask, result, reading });
        }
        solo.now += 50;
        solo.feed(Input::Wake);
        ask = solo.analyse.take();
    }
    assert_eq!(turns, MAX_TURN_FAILURES, "tried until it is given up");
    let note = "I could not review this change: the parser broke down";
    assert_eq!(solo.said.iter().filter(|text| *text == note).count(), 1);
    let given_up = |b: &&Body| matches!(b, Body::TaskCompleted(done) if !done.ok);
    assert_eq!(solo.written.iter().filter(given_up).count(), 1);
    // Nobody has looked, so a person is asked.
    solo.until("a person is asked", |s| {
        s.written.iter().any(|b| matches!(b, Body::Escalated(_)))
    });
    assert!(!solo.has_posted());
}

#[test]
fn who_drains_votes_on_what_it_looked_at_and_who_is_killed_does_not() {
    let stopped = |command: Command| {
        let (mut solo, _, ask) = Solo::analysing(false);
        solo.command(command);
        let reading = Reading::default();
        let result = Ok(vec![]);
        solo.feed(Input::Analysed { ask, result, reading });
        for _ in 0..400 {
            solo.now += 50;
            solo.feed(Input::Wake);
        }
        solo.revealed()
    };
    assert_eq!(stopped(Command::Drain), Some(Choice::Approve));
    assert_eq!(stopped(Command::Kill), None);
}
