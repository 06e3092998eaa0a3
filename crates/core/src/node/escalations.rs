//! Escalations: reminders, time-outs and who sends them.

use super::{Ctx, Delivery, Effect, Project};
use crate::body::{Body, EscalationReminded, EscalationTimedOut};
use crate::crypto::Hash;
use crate::state::{EscalationStatus, MAX_REMINDERS};

impl Project {
    /// Reminds of unanswered questions and ends those whose time is over: the asking node does, or whoever stands in for it.
    pub(super) fn drive_escalations(&mut self, ctx: &mut Ctx<'_>) -> u64 {
        if !self.is_seat() {
            return u64::MAX;
        }
        let open: Vec<Hash> = self.open_questions.iter().copied().collect();
        open.into_iter()
            .map(|id| self.drive_escalation(ctx, id))
            .min()
            .unwrap_or(u64::MAX)
    }

    fn drive_escalation(&mut self, ctx: &mut Ctx<'_>, id: Hash) -> u64 {
        let status = self.state.escalation_status(&id);
        if !matches!(status, EscalationStatus::Open | EscalationStatus::Acknowledged) {
            self.open_questions.remove(&id);
            return u64::MAX;
        }
        let escalation = &self.state.escalations[&id];
        let Some((meta, body)) = escalation.opened.clone() else {
            return u64::MAX;
        };
        // What others say of it does not count.
        let roster = self.state.rosters.epoch(meta.epoch);
        if roster.is_none_or(|r| r.owner(&self.me.node).is_none()) {
            return u64::MAX;
        }
        let reminders = escalation.reminders(&self.state.rosters);
        let step = ctx.cfg.pace.backup_ms * self.rank(&id, &meta.node(), ctx.now);
        let end = meta.hlc.ms().saturating_add(body.timeout_ms).saturating_add(step);
        if ctx.now >= end {
            let gone = Body::EscalationTimedOut(EscalationTimedOut { escalation: id });
            self.append(ctx, gone, vec![meta.reference], vec![]);
            return u64::MAX;
        }
        if status == EscalationStatus::Acknowledged || reminders >= MAX_REMINDERS {
            return end;
        }
        let number = reminders + 1;
        let due = meta
            .hlc
            .ms()
            .saturating_add(body.remind_ms.saturating_mul(u64::from(number)))
            .saturating_add(step);
        if ctx.now < due {
            return due.min(end);
        }
        let again = Body::EscalationReminded(EscalationReminded { escalation: id, number });
        self.append(ctx, again, vec![meta.reference], vec![]);
        let delivery = Delivery::Escalation {
            project: self.id,
            escalation: id,
            reminder: number,
        };
        ctx.out.speak(Effect::Deliver(delivery));
        end
    }
}
