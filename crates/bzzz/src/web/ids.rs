//! Ids as people give them: whole, by their first digits, or as the end of an address.

use bzzz_core::crypto::Hash;

use super::Refusal;

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
