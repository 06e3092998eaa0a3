//! Commands about questions to people: ask one, answer one.

use super::{CommandError, Ctx, Outcome, Project, Result, Thing, check_name, check_text, conflict, not_found};
use crate::body::*;
use crate::crypto::Hash;
use crate::event::EventRef;
use crate::node::{Delivery, Effect};
use crate::state::EscalationStatus;

impl Project {
    pub(super) fn ask_person(
        &mut self,
        ctx: &mut Ctx<'_>,
        thread: Hash,
        reason: Reason,
        question: &str,
        options: Vec<String>,
    ) -> Result {
        check_text("the question", question)?;
        if options.is_empty() || options.len() > MAX_LIST {
            return Err(CommandError::Invalid(format!("a question has 1 to {MAX_LIST} options")));
        }
        options.iter().try_for_each(|o| check_name("an option", o))?;
        let deps = vec![
            self.thread_ref(&thread)
                .ok_or_else(|| not_found(Thing::Thread, thread))?,
        ];
        let opened = self.state.threads.get(&thread).and_then(|t| t.opened.as_ref());
        if opened.is_some_and(|(_, o)| o.kind == ThreadKind::Review) && options != REVIEW_OPTIONS {
            let wanted = REVIEW_OPTIONS.join(", ");
            return Err(CommandError::Invalid(format!(
                "a question about a review has these options, in this order, or it does not count: {wanted}"
            )));
        }
        if !self.is_seat() {
            return Err(conflict(
                "this node has no seat in the roster, so its question would not count",
            ));
        }
        let (blob, question) = self.text_blob(ctx, question);
        let (remind_ms, timeout_ms) = (ctx.cfg.pace.remind_ms, ctx.cfg.pace.escalation_timeout_ms);
        let body = Body::Escalated(Escalated {
            thread,
            reason,
            question,
            options,
            remind_ms,
            timeout_ms,
        });
        let reference = self.append_asked(ctx, body, deps, vec![blob])?;
        let delivery = Delivery::Escalation {
            project: self.id,
            escalation: reference.hash,
            reminder: 0,
        };
        ctx.out.speak(Effect::Deliver(delivery));
        Ok(Outcome::Event(reference))
    }

    pub(super) fn escalation(&self, id: &Hash) -> Result<(EventRef, &Escalated)> {
        let found = self.state.escalations.get(id).and_then(|e| e.opened.as_ref());
        found
            .map(|(m, b)| (m.reference, b))
            .ok_or_else(|| not_found(Thing::Escalation, id))
    }

    pub(super) fn answer(
        &mut self,
        ctx: &mut Ctx<'_>,
        escalation: Hash,
        option: u32,
        text: Option<&str>,
        person: String,
    ) -> Result {
        check_name("the person's name", &person)?;
        check_text("the answer", text.unwrap_or(""))?;
        let (asked, body) = self.escalation(&escalation)?;
        let question = body.question.hash;
        if option as usize >= body.options.len() {
            let options = body.options.join(", ");
            return Err(CommandError::Invalid(format!(
                "the question has no option {option}; its options are: {options}"
            )));
        }
        match self.state.escalation_status(&escalation) {
            EscalationStatus::Answered => return Err(conflict("the question is answered already")),
            EscalationStatus::Void => {
                return Err(conflict(
                    "the question does not count: its thread is settled already, its author had no seat, or its options are not a review's",
                ));
            }
            _ => {}
        }
        let operator = ctx.cfg.operator.public();
        let asked_in = self.state.escalations[&escalation].opened.as_ref();
        let roster = asked_in.and_then(|(m, _)| self.state.rosters.epoch(m.epoch));
        let owners = roster.map(|r| r.owners_of(&operator)).unwrap_or_default();
        if owners.is_empty() {
            return Err(conflict(
                "this node's operator had no seat in the roster when the question was asked, so the answer would not count",
            ));
        }
        let voices = self.state.escalations[&escalation].voices(&self.state.rosters);
        if voices.iter().all(|v| v.answer.is_some() || !owners.contains(&v.owner)) {
            let owners = owners.join(", ");
            return Err(conflict(format!("{owners} has answered already, and has one voice")));
        }
        let blob = text.map(|t| self.text_blob(ctx, t));
        let text = blob.as_ref().map(|(_, r)| *r);
        let answer = Answer {
            project: self.id,
            escalation,
            question,
            option,
            text,
            person,
        };
        let body = Body::EscalationAnswered(EscalationAnswered {
            answer: Signed::new(&ctx.cfg.operator, answer),
        });
        Ok(Outcome::Event(self.append(
            ctx,
            body,
            vec![asked],
            blob.into_iter().map(|(b, _)| b).collect(),
        )))
    }
}
