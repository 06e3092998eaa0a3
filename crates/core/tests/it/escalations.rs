//! Questions to people: which count, whose answers, and how much of them is enough.

use bzzz_core::body::*;
use bzzz_core::crypto::{Hash, Keypair};
use bzzz_core::event::Event;
use bzzz_core::projection::thread_row;
use bzzz_core::state::{EscalationStatus, ThreadStatus};

use crate::world::World;

const QUESTION: &str = "May it land?";

/// A question about a review.
struct Question {
    w: World,
    thread: Hash,
    escalation: Hash,
}

impl Question {
    fn new(w: World) -> Question {
        Question::asked(w, 0, REVIEW_OPTIONS.map(Into::into).into())
    }

    fn asked(mut w: World, by: usize, options: Vec<String>) -> Question {
        let thread = w.thread(0);
        let question = w.text(QUESTION);
        let body = Escalated {
            thread,
            reason: Reason::Split,
            question,
            options,
            remind_ms: 1_000,
            timeout_ms: 10_000,
        };
        let escalation = w.append(by, Body::Escalated(body)).hash();
        Question { w, thread, escalation }
    }

    /// An answer that member `by` carries.
    fn answer_by(&mut self, by: usize, person: &Keypair, change: impl FnOnce(&mut Answer)) -> Event {
        let mut answer = Answer {
            project: self.w.project(),
            escalation: self.escalation,
            question: self.w.text(QUESTION).hash,
            option: 0,
            text: None,
            person: "Ann".into(),
        };
        change(&mut answer);
        let body = EscalationAnswered {
            answer: Signed::new(person, answer),
        };
        self.w.append(by, Body::EscalationAnswered(body))
    }

    /// The operator of a member answers through its own node.
    fn operator_says(&mut self, member: usize, option: u32) {
        let operator = self.w.members[member].operator.clone();
        self.answer_by(member, &operator, |a| a.option = option);
    }

    fn status(&self) -> EscalationStatus {
        self.w.state().escalation_status(&self.escalation)
    }

    fn chosen(&self) -> Option<u32> {
        let state = self.w.state();
        state.chosen(&state.escalations[&self.escalation])
    }

    fn thread_status(&self) -> ThreadStatus {
        self.w.state().thread_status(&self.thread).expect("a thread")
    }
}

fn any_owner() -> World {
    let pools = [("ann", 1, 1), ("bob", 1, 1), ("cat", 1, 1)];
    World::with_policy(&pools, 0, Authority::Home, Answers::AnyOwner)
}

#[test]
fn an_operators_answer_to_this_very_question_counts() {
    let mut q = Question::new(any_owner());
    let (ann, bob) = (q.w.members[0].operator.clone(), q.w.members[1].operator.clone());
    assert_eq!(q.status(), EscalationStatus::Open);
    let node = q.w.members[0].key.clone();
    q.answer_by(2, &node, |_| ());
    q.answer_by(2, &Keypair::from_seed([200; 32]), |_| ());
    assert_eq!(q.chosen(), None, "neither a node nor a stranger is an operator");
    q.answer_by(2, &ann, |a| a.question = Hash([1; 32]));
    q.answer_by(2, &ann, |a| a.option = 2);
    assert_eq!(q.chosen(), None, "another question, or no option of this one");
    q.answer_by(2, &bob, |a| a.option = 1);
    q.answer_by(2, &ann, |_| ());
    assert_eq!(q.chosen(), Some(1), "where any owner may answer, the first does");
    assert_eq!(q.status(), EscalationStatus::Answered);
    assert!(matches!(q.thread_status(), ThreadStatus::Answered { option: 1, .. }));
    // What people decide about a review is its verdict, in lists as well.
    let state = q.w.state();
    let row = thread_row(&state, &state.threads[&q.thread]).expect("a row");
    assert_eq!((row.verdict, row.verdict_word()), (None, Some("request_changes")));
}

/// Also a node that comes back and asks again does not open what people have settled.
#[test]
fn a_thread_that_people_have_settled_is_not_settled_again_by_another_question() {
    for answers in [Answers::AnyOwner, Answers::Majority] {
        let mut q = Question::new(World::with_policy(&[("ann", 1, 2)], 0, Authority::Home, answers));
        let again = Escalated {
            thread: q.thread,
            reason: Reason::Failures,
            question: q.w.text(QUESTION),
            options: REVIEW_OPTIONS.map(Into::into).into(),
            remind_ms: 1_000,
            timeout_ms: 10_000,
        };
        let second = q.w.append(1, Body::Escalated(again)).hash();
        q.operator_says(0, 1);
        let first = std::mem::replace(&mut q.escalation, second);
        assert_eq!(
            q.status(),
            EscalationStatus::Void,
            "{answers:?}: nothing is open any more"
        );
        q.operator_says(1, 0);
        q.operator_says(0, 0);
        assert_eq!(q.chosen(), None, "{answers:?}: an owner has one voice in a thread");
        let settled =
            matches!(q.thread_status(), ThreadStatus::Answered { escalation, option: 1 } if escalation == first);
        assert!(settled, "{answers:?}: {:?}", q.thread_status());
    }
}

#[test]
fn more_than_half_of_the_owners_weight_has_to_choose_one_option() {
    // Pools of weight 2, 1, 1; ann's has two seats with an operator each: still one voice.
    let pools = [("ann", 2, 2), ("bob", 1, 1), ("cat", 1, 1)];
    let (ann, ann_too, bob, cat) = (0, 1, 2, 3);
    for (answers, chosen) in [
        (&[(ann, 0)][..], None),
        (&[(ann, 0), (ann_too, 0)], None),
        (&[(ann, 0), (bob, 1), (cat, 1)], None),
        (&[(ann, 0), (bob, 0)], Some(0)),
        (&[(bob, 1), (cat, 1)], None),
        (&[(bob, 1), (cat, 1), (ann, 1)], Some(1)),
        // The first answer of an owner is its voice, whichever of its people gives it.
        (&[(ann, 1), (ann_too, 0), (ann, 0), (bob, 0)], None),
        (&[(bob, 0), (bob, 1), (ann, 1)], None),
    ] {
        let mut q = Question::new(World::new(&pools, 0, Authority::Home));
        for (member, option) in answers {
            q.operator_says(*member, *option);
        }
        assert_eq!(q.chosen(), chosen, "{answers:?}");
        let open = matches!(q.thread_status(), ThreadStatus::Escalated { .. });
        assert_eq!(open, chosen.is_none(), "{answers:?}");
    }
}

#[test]
fn a_project_of_one_owner_needs_one_answer() {
    let mut q = Question::new(World::new(&[("ann", 1, 2)], 0, Authority::Home));
    q.operator_says(1, 1);
    assert_eq!(q.chosen(), Some(1));
}

#[test]
fn only_a_seat_asks_and_a_review_has_its_own_options() {
    let pools = [("ann", 1, 1), ("bob", 1, 1)];
    let reader = 2;
    let right: Vec<String> = REVIEW_OPTIONS.map(Into::into).into();
    let reversed: Vec<String> = right.iter().rev().cloned().collect();
    let more = [&right[..], &["perhaps".into()]].concat();
    for (by, options, counts) in [
        (0, right.clone(), true),
        (reader, right, false),
        (0, reversed, false),
        (0, more, false),
        (0, vec![], false),
    ] {
        let mut q = Question::asked(World::new(&pools, 1, Authority::Home), by, options.clone());
        let status = if counts {
            EscalationStatus::Open
        } else {
            EscalationStatus::Void
        };
        assert_eq!(q.status(), status, "{by} {options:?}");
        q.operator_says(0, 0);
        q.operator_says(1, 0);
        assert_eq!(q.chosen().is_some(), counts, "{by} {options:?}");
        // As if it had not been asked.
        assert_eq!(q.thread_status() == ThreadStatus::Open, !counts, "{by} {options:?}");
    }
}

#[test]
fn who_may_answer_is_said_by_the_roster_under_which_was_asked() {
    let mut q = Question::new(World::three());
    // A later roster gives ann's pool almost all the weight, and cat leaves.
    let mut next = q.w.next_roster();
    next.pools[0].weight = 100;
    next.pools.pop();
    next.cuts = vec![Cut {
        node: q.w.members[2].node(),
        incarnation: 0,
        events: q.w.members[2].written(),
    }];
    let change = q.w.change(&next, &[0, 1, 2]);
    q.w.append(0, Body::RosterChanged(change));
    q.w.rosters.push(next);
    q.operator_says(0, 0);
    assert_eq!(q.chosen(), None, "one of three owners, as when it was asked");
    let cat = q.w.members[2].operator.clone();
    q.answer_by(1, &cat, |_| ());
    assert_eq!(q.chosen(), Some(0));
    let state = q.w.state();
    let voices = state.escalations[&q.escalation].voices(&state.rosters);
    let said: Vec<_> = voices.iter().map(|v| (v.owner, v.weight, v.answer.is_some())).collect();
    assert_eq!(said, [("ann", 1, true), ("bob", 1, false), ("cat", 1, true)]);
}

#[test]
fn an_escalation_goes_from_open_to_dead_letter_and_can_still_be_answered() {
    let mut q = Question::new(any_owner());
    let escalation = q.escalation;
    let acked = EscalationAcked {
        escalation,
        person: "Ann".into(),
    };
    q.w.append(1, Body::EscalationAcked(acked));
    assert_eq!(q.status(), EscalationStatus::Acknowledged);
    for number in [1, 2] {
        q.w.append(0, Body::EscalationReminded(EscalationReminded { escalation, number }));
    }
    let reminders = |q: &Question| {
        let state = q.w.state();
        state.escalations[&escalation].reminders(&state.rosters)
    };
    assert_eq!(reminders(&q), 2);
    let number = u32::MAX;
    q.w.append(0, Body::EscalationReminded(EscalationReminded { escalation, number }));
    assert_eq!(reminders(&q), 2, "nobody ends the reminders with one word");
    q.w.append(0, Body::EscalationTimedOut(EscalationTimedOut { escalation }));
    assert_eq!(q.status(), EscalationStatus::Acknowledged, "its time is not over");
    q.w.now_ms += 10_100;
    q.w.append(0, Body::EscalationTimedOut(EscalationTimedOut { escalation }));
    assert_eq!(q.status(), EscalationStatus::TimedOut);
    q.operator_says(0, 0);
    assert_eq!((q.status(), q.chosen()), (EscalationStatus::Answered, Some(0)));
}

#[test]
fn a_member_without_a_vote_neither_acknowledges_nor_ends_a_question() {
    let w = World::with_policy(&[("ann", 1, 1), ("bob", 1, 1)], 1, Authority::Home, Answers::AnyOwner);
    let mut q = Question::new(w);
    let escalation = q.escalation;
    let acked = EscalationAcked {
        escalation,
        person: "Eve".into(),
    };
    q.w.append(2, Body::EscalationAcked(acked));
    q.w.now_ms += 20_000;
    let (number, reader) = (1, 2);
    q.w.append(
        reader,
        Body::EscalationReminded(EscalationReminded { escalation, number }),
    );
    q.w.append(reader, Body::EscalationTimedOut(EscalationTimedOut { escalation }));
    assert_eq!(q.status(), EscalationStatus::Open);
    let state = q.w.state();
    assert_eq!(state.escalations[&escalation].reminders(&state.rosters), 0);
}
