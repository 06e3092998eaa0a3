//! The table of all settings: the one place that knows their names, defaults, checks and words.
//!
//! The file reader, the environment, `bzzz config show`, the example file and the manual are all made from it, so that a
//! key cannot exist in one and be missing in another.

use super::check;
use super::money;
use super::value::Value;

/// Shape of a key's value.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Text that the function accepts.
    Text(fn(&str) -> Result<(), String>),
    /// A path; relative ones are taken from the folder of the file that names them.
    Path,
    /// One of a few words.
    Word(&'static [&'static str]),
    /// Yes or no.
    Bool,
    /// A whole number within bounds.
    Integer(i64, i64),
    /// Several texts, each of which the function accepts.
    List(fn(&str) -> Result<(), String>),
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Dotted name in the file.
    pub name: &'static str,
    /// Shape.
    pub kind: Kind,
    /// Built-in value as TOML; empty: none, or worked out at start as `doc` says.
    pub default: &'static str,
    /// A short environment variable besides the nested one.
    pub short: Option<&'static str>,
    /// Whether it is shown masked.
    pub secret: bool,
    /// Words for people; also the comment in the example file.
    pub doc: &'static str,
}

/// Most elements of a list.
pub const MAX_LIST: usize = 256;

const fn key(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        kind,
        default,
        short: None,
        secret: false,
        doc,
    }
}

const fn short(mut key: Key, short: &'static str) -> Key {
    key.short = Some(short);
    key
}

fn any_socket(text: &str) -> Result<(), String> {
    check::socket(text).map(drop)
}

fn role(text: &str) -> Result<(), String> {
    check::word(text, &check::ROLES)
}

fn amount(text: &str) -> Result<(), String> {
    money::parse_microusd(text).map(drop)
}

/// Levels of the log.
pub const LOG_LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// Ways to admit a node to the project.
pub const ADMIT: [&str; 3] = ["loopback", "ask", "open"];

/// All settings in the order of the example file.
pub static KEYS: &[Key] = &[
    short(
        key(
            "data",
            Kind::Path,
            "",
            "Folder for the identity, the store and the certificates. Default: bzzz in the XDG data folder (~/.local/share/bzzz).",
        ),
        "BZZZ_DATA",
    ),
    key(
        "node.name",
        Kind::Text(check::name),
        "",
        "Name of this node, for people. Default: the host name.",
    ),
    key(
        "node.owner",
        Kind::Text(check::label),
        "\"local\"",
        "Who runs this node. Owners are declared, and shown as declared.",
    ),
    short(
        key(
            "p2p.listen",
            Kind::List(check::multiaddr),
            "[\"/ip4/0.0.0.0/tcp/4001\"]",
            "Addresses to listen on for peers. Port 0 takes a free one.",
        ),
        "BZZZ_LISTEN",
    ),
    short(
        key(
            "p2p.peers",
            Kind::List(check::multiaddr),
            "[]",
            "Peers to dial at start and to stay connected with.",
        ),
        "BZZZ_PEERS",
    ),
    key(
        "p2p.mdns",
        Kind::Bool,
        "true",
        "Find peers on the local network by multicast DNS.",
    ),
    key(
        "p2p.private_key_file",
        Kind::Path,
        "",
        "File with the private network key: only nodes with the same key can connect. Default: none.",
    ),
    key(
        "p2p.allow",
        Kind::List(check::peer_id),
        "[]",
        "Peer ids that may connect; empty: all that are not denied.",
    ),
    key(
        "p2p.deny",
        Kind::List(check::peer_id),
        "[]",
        "Peer ids that may not connect; wins over allow.",
    ),
    short(
        key(
            "http.listen",
            Kind::Text(any_socket),
            "\"127.0.0.1:8080\"",
            "Address of the local API that the command line talks to. Port 0 takes a free one.",
        ),
        "BZZZ_HTTP",
    ),
    short(
        key(
            "project.name",
            Kind::Text(check::name),
            "\"default\"",
            "Name of the project, for people. Two projects of one name never merge.",
        ),
        "BZZZ_PROJECT",
    ),
    key(
        "project.id",
        Kind::Text(check::hex32),
        "",
        "Id of the project to join: the hash of its genesis event, 64 hexadecimal digits. Default: the project in the data folder, or a new one.",
    ),
    key(
        "project.admit",
        Kind::Word(&ADMIT),
        "\"loopback\"",
        "Which nodes enter the roster: those of your user on this machine (loopback), those that a person admits (ask: `bzzz admit`), or all (open).",
    ),
    short(
        key(
            "agents",
            Kind::List(role),
            "[\"architect\", \"reviewer\", \"security\", \"performance\", \"documentation\"]",
            "Built-in roles to host, one agent each. With [[agent]] tables and without this key, only those tables are hosted.",
        ),
        "BZZZ_AGENTS",
    ),
    key(
        "review.deadline_s",
        Kind::Integer(1, 86_400),
        "120",
        "Seconds until a review without a decision goes to a person.",
    ),
    key(
        "review.fail_on",
        Kind::Word(&check::SEVERITIES),
        "",
        "Exit status 1 from this severity on. Default: none, the verdict decides.",
    ),
    short(
        key(
            "log.level",
            Kind::Word(&LOG_LEVELS),
            "\"warn\"",
            "Least level that is logged; each -v adds one.",
        ),
        "BZZZ_LOG_LEVEL",
    ),
    key(
        "log.format",
        Kind::Word(&["text", "json"]),
        "\"text\"",
        "How the log on standard error is written.",
    ),
    key(
        "budget.task",
        Kind::Text(amount),
        "\"0.00 USD\"",
        "Most that one task may spend. 0: no model is called.",
    ),
    key(
        "budget.agent_day",
        Kind::Text(amount),
        "\"0.00 USD\"",
        "Most that one agent may spend a day.",
    ),
    key(
        "budget.agent_month",
        Kind::Text(amount),
        "\"0.00 USD\"",
        "Most that one agent may spend a month.",
    ),
    key(
        "budget.project_day",
        Kind::Text(amount),
        "\"0.00 USD\"",
        "Most that the project may spend a day.",
    ),
    key(
        "budget.project_month",
        Kind::Text(amount),
        "\"0.00 USD\"",
        "Most that the project may spend a month.",
    ),
    key(
        "budget.node_day",
        Kind::Text(amount),
        "\"0.00 USD\"",
        "Most that this node may spend a day.",
    ),
    key(
        "budget.node_month",
        Kind::Text(amount),
        "\"0.00 USD\"",
        "Most that this node may spend a month.",
    ),
    key(
        "budget.network_day",
        Kind::Text(amount),
        "\"0.00 USD\"",
        "Most that the whole network may spend a day.",
    ),
    key(
        "budget.network_month",
        Kind::Text(amount),
        "\"0.00 USD\"",
        "Most that the whole network may spend a month.",
    ),
    Key {
        secret: true,
        ..key(
            "store.url",
            Kind::Text(check::store_url),
            "\"sqlite:\"",
            "Where events are kept: `sqlite:` (in the data folder) or `memory:` (gone when the node stops).",
        )
    },
];

/// The key of this dotted name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

impl Key {
    /// Environment variable: `BZZZ_P2P__LISTEN` for `p2p.listen`.
    pub fn env(&self) -> String {
        format!("BZZZ_{}", self.name.replace('.', "__").to_uppercase())
    }

    /// Checks a raw value's kind and content.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        match (self.kind, value) {
            (Kind::Text(check), Value::Text(text)) => check(text),
            (Kind::Path, Value::Text(text)) if text.is_empty() => Err("the path is empty".to_owned()),
            (Kind::Path, Value::Text(_)) | (Kind::Bool, Value::Bool(_)) => Ok(()),
            (Kind::Word(words), Value::Text(text)) => check::word(text, words),
            (Kind::Integer(least, most), Value::Integer(number)) => {
                if (least..=most).contains(number) {
                    Ok(())
                } else {
                    Err(format!("{number} is not between {least} and {most}"))
                }
            }
            (Kind::List(check), Value::List(list)) => {
                if list.len() > MAX_LIST {
                    return Err(format!("{} entries are more than {MAX_LIST}", list.len()));
                }
                list.iter().try_for_each(|text| check(text))
            }
            _ => Err(format!("{} is wanted here", self.wanted())),
        }
    }

    /// Reads the text of an environment variable or a flag.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        Ok(match self.kind {
            Kind::Text(_) | Kind::Path | Kind::Word(_) => Value::Text(text.to_owned()),
            Kind::Bool => match text {
                "true" | "1" | "yes" | "on" => Value::Bool(true),
                "false" | "0" | "no" | "off" => Value::Bool(false),
                _ => return Err(format!("{text:?} is neither true nor false")),
            },
            Kind::Integer(..) => Value::Integer(text.parse().map_err(|_| format!("{text:?} is no whole number"))?),
            Kind::List(_) => Value::List(
                text.split(',')
                    .map(|item| item.trim().to_owned())
                    .filter(|item| !item.is_empty())
                    .collect(),
            ),
        })
    }

    /// The built-in value.
    pub fn default_value(&self) -> Option<Value> {
        match self.default {
            "" => None,
            "true" => Some(Value::Bool(true)),
            text => match self.kind {
                Kind::Integer(..) => text.parse().ok().map(Value::Integer),
                Kind::List(_) => {
                    let inner = text.trim_matches(['[', ']']);
                    Some(Value::List(
                        inner
                            .split(", ")
                            .map(|item| item.trim_matches('"').to_owned())
                            .filter(|item| !item.is_empty())
                            .collect(),
                    ))
                }
                _ => Some(Value::Text(text.trim_matches('"').to_owned())),
            },
        }
    }

    fn wanted(&self) -> &'static str {
        match self.kind {
            Kind::Text(_) | Kind::Path | Kind::Word(_) => "text in quotes",
            Kind::Bool => "true or false",
            Kind::Integer(..) => "a whole number",
            Kind::List(_) => "a list of texts",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_pass_their_own_checks() {
        for key in KEYS {
            if let Some(value) = key.default_value() {
                assert_eq!(key.check(&value), Ok(()), "{}", key.name);
                assert_eq!(value.to_toml(), key.default, "{}", key.name);
            }
        }
    }
}
