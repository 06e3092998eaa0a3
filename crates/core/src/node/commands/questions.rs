//! Commands about questions to people: ask one, answer one.

use super::{CommandError, Ctx, Outcome, Project, Result, check_name, check_text, conflict, not_found};
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
        let deps = vec![self.thread_ref(&thread).ok_or_else(|| not_found("thread", thread))?];
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
        let reference = self.append(ctx, body, deps, vec![blob]);
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
            .ok_or_else(|| not_found("escalation", id))
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
        if self.state.escalations[&escalation].status() == EscalationStatus::Answered {
            return Err(conflict("the question is answered already"));
        }
        if !self.state.rosters.latest().is_operator(&ctx.cfg.operator.public()) {
            return Err(conflict(
                "this node's operator has no seat in the roster, so the answer would not count",
            ));
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
