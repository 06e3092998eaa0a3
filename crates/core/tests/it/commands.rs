//! What people and programs ask of a node: asked twice, in each other's way, or too late.

use bzzz_core::body::*;
use bzzz_core::crypto::Hash;
use bzzz_core::node::{Admit, Command, CommandError, Outcome};
use bzzz_core::state::{Resource, Standing};

use crate::mesh::Mesh;
use crate::world::World;

const PATH: &str = "bzzz://*:*@p:*/plan.md";

fn three() -> Mesh {
    Mesh::of(&World::three(), Admit::Ask, &[])
}

fn write(mesh: &mut Mesh, by: usize, text: &str, base: Option<Hash>, key: Option<&str>) -> Result<Hash, CommandError> {
    let command = Command::WriteResource {
        project: mesh.project,
        path: PATH.into(),
        content: text.into(),
        mime: "text/plain".into(),
        base,
        idempotency_key: key.map(Into::into),
    };
    mesh.command(by, command).map(event)
}

fn say(mesh: &mut Mesh, thread: Option<Hash>, text: &str, kind: MessageKind, key: &str) -> Result<Hash, CommandError> {
    let command = Command::Post {
        project: mesh.project,
        thread,
        agent: None,
        kind,
        text: text.into(),
        parents: vec![],
        to: None,
        idempotency_key: Some(key.into()),
    };
    mesh.command(0, command).map(event)
}

fn event(outcome: Outcome) -> Hash {
    match outcome {
        Outcome::Event(reference) => reference.hash,
        other => panic!("no event: {other:?}"),
    }
}

fn is_conflict<T: std::fmt::Debug>(result: Result<T, CommandError>, words: &str) {
    match result {
        Err(CommandError::Conflict(why)) => assert!(why.contains(words), "{why}"),
        other => panic!("no conflict about {words:?}: {other:?}"),
    }
}

fn plan(mesh: &Mesh, at: usize) -> &Resource {
    &mesh.p(at).state.resources[PATH]
}

#[test]
fn of_two_writes_on_one_base_one_becomes_a_version_and_the_other_is_kept_everywhere() {
    let mut mesh = three();
    let first = write(&mut mesh, 0, "first", Some(Hash::ZERO), None).expect("a write");
    // Without the home nobody can say which of them comes first.
    mesh.stop(0);
    let one = write(&mut mesh, 1, "one", Some(first), None).expect("a write");
    let two = write(&mut mesh, 2, "two", Some(first), None).expect("a write");
    for at in [1, 2] {
        assert_eq!(plan(&mesh, at).standing(&one), Some(Standing::Waiting));
        assert_eq!(plan(&mesh, at).siblings().len(), 2);
    }
    mesh.restart(0);
    mesh.pass(60_000);
    for at in 0..3 {
        assert_eq!(plan(&mesh, at).standing(&one), Some(Standing::Version(2)), "at {at}");
        assert_eq!(plan(&mesh, at).standing(&two), Some(Standing::Refused), "at {at}");
        let refused = plan(&mesh, at).refused();
        assert_eq!(refused.iter().map(|w| w.meta.hash()).collect::<Vec<_>>(), [two]);
    }
    is_conflict(write(&mut mesh, 2, "two", Some(first), None), &one.to_string());
}

#[test]
fn an_idempotency_key_stands_for_one_text() {
    let mut mesh = three();
    let first = write(&mut mesh, 1, "text", None, Some("k")).expect("a write");
    assert_eq!(write(&mut mesh, 1, "text", None, Some("k")), Ok(first));
    is_conflict(write(&mut mesh, 1, "other", None, Some("k")), &first.to_string());
    is_conflict(write(&mut mesh, 1, "TEXT", None, Some("k")), "\"k\"");
    is_conflict(write(&mut mesh, 1, "text", Some(first), Some("k")), "\"k\"");
    assert_eq!(plan(&mesh, 1).writes().count(), 1);
    let second = write(&mut mesh, 2, "other", None, Some("k")).expect("another writer's key is another");
    let third = write(&mut mesh, 1, "other", None, Some("l")).expect("another key");
    // Neither later events nor a restart change what was said under a key.
    mesh.restart(1);
    mesh.pass(20_000);
    assert_eq!(write(&mut mesh, 1, "text", None, Some("k")), Ok(first));
    assert_eq!(write(&mut mesh, 1, "other", None, Some("l")), Ok(third));
    assert_eq!(write(&mut mesh, 2, "other", None, Some("k")), Ok(second));
    is_conflict(write(&mut mesh, 1, "other", None, Some("k")), "used before");
}

#[test]
fn an_idempotency_key_stands_for_one_message() {
    let mut mesh = three();
    let thread = discussion(&mut mesh);
    for place in [None, Some(thread)] {
        let first = say(&mut mesh, place, "text", MessageKind::Note, "k").expect("a message");
        assert_eq!(say(&mut mesh, place, "text", MessageKind::Note, "k"), Ok(first));
        is_conflict(
            say(&mut mesh, place, "other", MessageKind::Note, "k"),
            &first.to_string(),
        );
        is_conflict(say(&mut mesh, place, "text", MessageKind::Question, "k"), "used before");
        say(&mut mesh, place, "other", MessageKind::Note, "l").expect("another key");
    }
}

fn discussion(mesh: &mut Mesh) -> Hash {
    let command = Command::OpenThread {
        project: mesh.project,
        kind: ThreadKind::Discussion,
        task: "discussion".into(),
        title: "Shall we?".into(),
        subject: None,
        roles: vec![],
        timing: Timing {
            findings_ms: 0,
            commit_ms: 0,
            reveal_ms: 0,
            evidence_ms: 0,
            final_ms: 0,
        },
        budget_microusd: 0,
    };
    mesh.command(0, command).map(event).expect("a thread")
}

#[test]
fn a_settled_thread_is_not_closed_and_can_be_written_into() {
    let mut mesh = three();
    let (project, thread) = (mesh.project, discussion(&mut mesh));
    let close = |resolved| Command::CloseThread {
        project,
        thread,
        resolved,
    };
    is_conflict(mesh.command(1, close(false)), "only the thread's home");
    let ask = Command::Escalate {
        project,
        thread,
        reason: Reason::Request,
        question: "Shall we?".into(),
        options: vec!["yes".into(), "no".into()],
    };
    let escalation = mesh.command(0, ask).map(event).expect("a question");
    for by in 0..3 {
        let answer = Command::AnswerEscalation {
            project,
            escalation,
            option: 0,
            text: None,
            person: "ada".into(),
        };
        if mesh.command(by, answer).is_err() {
            break;
        }
    }
    is_conflict(mesh.command(0, close(false)), "decided");
    is_conflict(mesh.command(0, close(true)), "decided");
    say(&mut mesh, Some(thread), "and then?", MessageKind::Note, "k").expect("talk goes on");

    let other = discussion(&mut mesh);
    let close = Command::CloseThread {
        project,
        thread: other,
        resolved: true,
    };
    mesh.command(0, close.clone()).expect("it is open");
    is_conflict(mesh.command(0, close), "closed already");
    is_conflict(say(&mut mesh, Some(other), "late", MessageKind::Note, "k"), "closed");
}

/// Each of two writers that do not reach each other holds its own node for the resource's home, and is told version 1. There is one home
/// in the end, that of the earlier write, and the later write is a version after it or kept beside it.
#[test]
fn two_first_writes_apart_from_each_other_are_both_kept() {
    for (base, standing) in [(None, Standing::Version(2)), (Some(Hash::ZERO), Standing::Refused)] {
        let mut mesh = three();
        mesh.stop(0);
        mesh.stop(2);
        let one = write(&mut mesh, 1, "one", base, None).expect("a write");
        mesh.stop(1);
        mesh.restart(2);
        let two = write(&mut mesh, 2, "two", base, None).expect("a write");
        assert_eq!(plan(&mesh, 1).standing(&one), Some(Standing::Version(1)));
        assert_eq!(plan(&mesh, 2).standing(&two), Some(Standing::Version(1)));
        mesh.restart(1);
        mesh.restart(0);
        mesh.pass(60_000);
        for at in 0..3 {
            assert_eq!(plan(&mesh, at).standing(&one), Some(Standing::Version(1)), "at {at}");
            assert_eq!(plan(&mesh, at).standing(&two), Some(standing), "at {at}");
            assert_eq!(plan(&mesh, at).writes().count(), 2);
        }
    }
}
