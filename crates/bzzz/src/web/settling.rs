//! How a thread was settled: the questions to people with their answers, and who ended it, by what.

use bzzz_core::crypto::Hash;
use bzzz_core::node::Project;
use bzzz_core::report_build::reason_word;
use bzzz_core::report_people;
use bzzz_core::state::ThreadStatus;
use serde_json::{Value, json};

use super::App;

/// One answer without its text, and the blob of that.
type Said = (Value, Option<Hash>);

/// What the state says about a thread's end. Texts are looked up later ([`Settling::tell`]).
pub struct Settling {
    by: Option<&'static str>,
    resolved: Option<bool>,
    /// Each question without its text, the blob of that, and the answers.
    questions: Vec<(Value, Hash, Vec<Said>)>,
}

impl Settling {
    /// Of a thread; nothing where it is not known.
    pub fn of(p: &Project, thread: &Hash) -> Self {
        let (by, resolved) = match p.thread_status(thread) {
            Some(ThreadStatus::Decided { .. }) => (Some("quorum"), None),
            Some(ThreadStatus::Answered { .. }) => (Some("people"), None),
            Some(ThreadStatus::Closed { resolved }) => (Some("home"), Some(resolved)),
            Some(ThreadStatus::Open | ThreadStatus::Escalated { .. }) | None => (None, None),
        };
        let asked = p.state.threads.get(thread).into_iter();
        let asked = asked.flat_map(|t| t.escalations.values());
        Settling {
            by,
            resolved,
            questions: asked.filter_map(|id| question(p, id)).collect(),
        }
    }

    /// Adds it to a thread's JSON, with the texts.
    pub async fn tell(self, app: &App, project: &Hash, thread: &mut Value) {
        let mut questions = Vec::new();
        for (mut value, text, said) in self.questions {
            value["question"] = json!(app.handle.text(project, text).await);
            let mut answers = Vec::new();
            for (mut answer, reason) in said {
                if let Some(reason) = reason {
                    answer["reason"] = json!(app.handle.text(project, reason).await);
                }
                answers.push(answer);
            }
            value["answers"] = answers.into();
            questions.push(value);
        }
        thread["settled_by"] = json!(self.by);
        thread["resolved"] = json!(self.resolved);
        thread["escalations"] = questions.into();
    }
}

fn question(p: &Project, id: &Hash) -> Option<(Value, Hash, Vec<Said>)> {
    let e = p.state.escalations.get(id)?;
    let (meta, body) = e.opened.as_ref()?;
    let voices = e.voices(&p.state.rosters);
    let mut said: Vec<_> = voices.iter().filter_map(|v| Some((v.owner, v.answer?))).collect();
    said.sort_by_key(|(_, (order, _))| *order);
    let answers = said.into_iter().map(|(owner, (order, answer))| {
        let s = &answer.statement;
        let value = json!({
            "owner": owner,
            "person": s.person,
            "answer": body.options.get(s.option as usize),
            "operator": answer.by.to_string(),
            "at_ms": order.hlc.ms(),
        });
        (value, s.text.map(|text| text.hash))
    });
    let chosen = p.state.chosen(e).and_then(|option| body.options.get(option as usize));
    let value = json!({
        "id": id.to_string(),
        "state": p.state.escalation_status(id),
        "reason": reason_word(body.reason),
        "options": body.options,
        "answer": chosen,
        "progress": report_people::progress(&p.state, e),
        "asked_ms": meta.hlc.ms(),
        "asked_by": meta.node().to_string(),
    });
    Some((value, body.question.hash, answers.collect()))
}
