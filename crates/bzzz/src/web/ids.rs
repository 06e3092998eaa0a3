//! Ids as people give them: whole, by their first digits, or as the end of an address.

use bzzz_core::crypto::Hash;
use bzzz_core::node::Thing;
use bzzz_node::erase::{Erased, Texts};
use serde_json::{Value, json};

use super::Refusal;
use super::fault::where_to_look;

/// Shortest beginning of an id that is looked for.
const MIN_DIGITS: usize = 4;

/// The one of `known` that `given` names; `list` says where they are listed.
pub fn resolve(what: &str, list: &str, given: &str, known: impl Iterator<Item = Hash>) -> Result<Hash, Refusal> {
    let digits = given.rsplit('/').next().unwrap_or(given).to_ascii_lowercase();
    let hex = digits.len() >= MIN_DIGITS && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if !hex {
        let why = format!("{given:?} is no id of a {what}: at least {MIN_DIGITS} hex digits are needed");
        return Err(Refusal::bad(
            why,
            "give the id as the lists show it, or its first digits",
        ));
    }
    let mut found = known.filter(|id| id.to_string().starts_with(&digits));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        (Some(_), Some(_)) => Err(Refusal::bad(
            format!("more than one {what} begins with {digits}"),
            "give more digits",
        )),
        (None, _) => Err(Refusal::not_found(what, &digits, list)),
    }
}

/// Texts that are to be erased.
pub struct Erasable {
    what: &'static str,
    id: Hash,
    /// Their hashes.
    pub texts: Vec<Hash>,
}

impl Erasable {
    /// The answer when it is done: the counts, beside what was erased.
    pub fn answer(&self, done: Erased) -> serde_json::Result<Value> {
        let mut answer = serde_json::to_value(done)?;
        answer[self.what] = json!(self.id.to_string());
        Ok(answer)
    }
}

/// The texts of the thread, or the one text, that `given` names.
pub fn erasable(texts: &Texts, what: &str, given: &str) -> Result<Erasable, Refusal> {
    match what {
        "thread" => {
            let id = resolve(
                "thread",
                where_to_look(Thing::Thread),
                given,
                texts.threads.iter().copied(),
            )?;
            Ok(Erasable {
                what: "thread",
                id,
                texts: texts.of_thread(&id),
            })
        }
        _ => {
            let list = "no event that is stored here names it: give the hash as an event has it";
            let id = resolve("text", list, given, texts.texts.keys().copied())?;
            Ok(Erasable {
                what: "text",
                id,
                texts: vec![id],
            })
        }
    }
}
