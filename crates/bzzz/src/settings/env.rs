//! Settings from the environment.
//!
//! `BZZZ_P2P__LISTEN` is `p2p.listen`: a double underscore is the dot of the file. A few keys have a short name besides
//! (the table in `keys` says which). An unknown `BZZZ_` variable is an error like an unknown key, with two exceptions:
//! the variables of the first-generation node, which stand in many units and compose files and get a warning, and those
//! that a Kubernetes service called `bzzz` injects into every pod.

use super::keys::{KEYS, Key};
use super::problem::{Problem, nearest};
use super::source::Source;
use super::value::Value;

/// Read by the first-generation node; this one has no use for them yet.
const FIRST_GENERATION: [&str; 8] = [
    "BZZZ_HIVE_API_URL",
    "BZZZ_HIVE_API_KEY",
    "BZZZ_AGENT_ID",
    "BZZZ_AGENT_CAPABILITIES",
    "BZZZ_AGENT_SPECIALIZATION",
    "BZZZ_MODEL_SELECTION_WEBHOOK",
    "BZZZ_GITHUB_TOKEN_FILE",
    "BZZZ_ESCALATION_WEBHOOK",
];
/// Says where the settings file is; handled before the settings are read.
pub const CONFIG: &str = "BZZZ_CONFIG";

/// Takes the settings out of `variables`, sorted by name so that problems come in a steady order.
pub fn read(
    variables: impl IntoIterator<Item = (String, String)>,
    problems: &mut Vec<Problem>,
) -> Vec<(&'static str, Value, Source)> {
    let mut ours: Vec<_> = variables
        .into_iter()
        .filter(|(name, _)| name.starts_with("BZZZ_") && name != CONFIG)
        .collect();
    ours.sort();
    let mut found: Vec<(&'static str, Value, Source)> = Vec::new();
    for (name, text) in ours {
        let source = Source::Env(name.clone());
        let Some(key) = key_of(&name) else {
            unknown(&name, source, problems);
            continue;
        };
        if found.iter().any(|(known, ..)| *known == key.name) {
            problems.push(
                Problem::error(source, key.name, "is set by two variables").hint(format!("keep {} only", key.env())),
            );
            continue;
        }
        match key.parse(&text).and_then(|value| key.check(&value).map(|()| value)) {
            Ok(value) => found.push((key.name, value, source)),
            Err(what) => problems.push(Problem::error(source, key.name, what).hint(key.doc)),
        }
    }
    found
}

fn key_of(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.env() == name || key.short == Some(name))
}

fn unknown(name: &str, source: Source, problems: &mut Vec<Problem>) {
    if name.starts_with("BZZZ_SERVICE_") || name == "BZZZ_PORT" || name.starts_with("BZZZ_PORT_") {
        return;
    }
    if FIRST_GENERATION.contains(&name) {
        problems.push(Problem::warning(
            source,
            name,
            "belongs to the first-generation node and is not used here",
        ));
        return;
    }
    let known: Vec<String> = KEYS
        .iter()
        .flat_map(|key| [Some(key.env()), key.short.map(str::to_owned)])
        .flatten()
        .collect();
    let hint = nearest(name, known.iter().map(String::as_str)).map_or_else(
        || "`bzzz config show` lists all keys; a dot is two underscores, as in BZZZ_P2P__LISTEN".to_owned(),
        |near| format!("did you mean {near}?"),
    );
    problems.push(Problem::error(source, name, "there is no such setting").hint(hint));
}
