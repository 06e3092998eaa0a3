//! The settings file: TOML, read with the place of every key so that each problem names its line.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::agents::{AGENT_KEYS, AgentSetting, DEFAULT_MAX_TASKS, MOST_AGENT_BYTES, MOST_AGENTS, MOST_TASKS};
use super::check;
use super::keys::{KEYS, Kind, MAX_LIST, find};
use super::problem::{Problem, nearest};
use super::source::Source;
use super::value::Value;

/// A larger settings file is refused: it is something else.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

/// What a settings file said.
#[derive(Debug, Default)]
pub struct FileValues {
    /// Dotted key, value, place.
    pub values: Vec<(&'static str, Value, Source)>,
    /// `[[agent]]` tables with their places.
    pub agents: Vec<(AgentSetting, Source)>,
}

/// Reads `path`. A problem does not stop the reading: all of them are found in one go.
pub fn read(path: &Path, problems: &mut Vec<Problem>) -> FileValues {
    let top = Source::File {
        path: path.to_owned(),
        line: 1,
    };
    let text = match read_text(path) {
        Ok(text) => text,
        Err(what) => {
            problems.push(Problem::error(top, "", what).hint("`bzzz init` writes an example file"));
            return FileValues::default();
        }
    };
    let mut reader = Reader {
        path,
        text: &text,
        problems,
        found: FileValues::default(),
    };
    let (table, errors) = DeTable::parse_recoverable(&text);
    for error in errors {
        let at = reader.at(error.span().map_or(0, |span| span.start));
        let what = format!("this is not TOML: {}", error.message().replace('\n', ", "));
        reader.problems.push(Problem::error(at, "", what));
    }
    reader.table("", table.get_ref());
    reader.found
}

fn read_text(path: &Path) -> Result<String, String> {
    let say = |error: std::io::Error| format!("could not be read: {error}");
    let size = std::fs::metadata(path).map_err(say)?;
    if size.is_dir() {
        return Err("is a folder, not a settings file".to_owned());
    }
    if size.len() > MAX_FILE_BYTES {
        return Err(format!(
            "has {} bytes; a settings file has at most {MAX_FILE_BYTES}",
            size.len()
        ));
    }
    let bytes = std::fs::read(path).map_err(say)?;
    String::from_utf8(bytes).map_err(|error| {
        format!(
            "is not UTF-8 text (first bad byte at offset {})",
            error.utf8_error().valid_up_to()
        )
    })
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    problems: &'a mut Vec<Problem>,
    found: FileValues,
}

impl Reader<'_> {
    fn at(&self, offset: usize) -> Source {
        let before = self.text.as_bytes().iter().take(offset);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        Source::File {
            path: self.path.to_owned(),
            line,
        }
    }

    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = if prefix.is_empty() {
                key.get_ref().to_string()
            } else {
                format!("{prefix}.{}", key.get_ref())
            };
            let at = self.at(key.span().start);
            let section = KEYS.iter().any(|known| {
                known
                    .name
                    .strip_prefix(name.as_str())
                    .is_some_and(|rest| rest.starts_with('.'))
            });
            match (value.get_ref(), find(&name)) {
                (DeValue::Array(list), _) if name == "agent" => self.agent_tables(list.iter()),
                (_, None) if name == "agent" => self
                    .problems
                    .push(Problem::error(at, name, "this is a list of tables").hint("write [[agent]]")),
                (DeValue::Table(inner), None) if section => self.table(&name, inner),
                (_, None) if section => {
                    self.problems.push(
                        Problem::error(at, name.clone(), "a table is wanted here").hint(format!("write [{name}]")),
                    );
                }
                (_, None) => self.unknown(at, &name),
                (found, Some(known)) => {
                    let value = raw(found).and_then(|value| {
                        let value = self.rooted(known.kind, value);
                        known.check(&value).map(|()| value)
                    });
                    match value {
                        Ok(value) => self.found.values.push((known.name, value, at)),
                        Err(what) => self.problems.push(Problem::error(at, name, what).hint(known.doc)),
                    }
                }
            }
        }
    }

    fn unknown(&mut self, at: Source, name: &str) {
        let mut problem = Problem::error(at, name, "there is no such key");
        let leaf = |name: &'static str| name.rsplit('.').next().unwrap_or(name);
        let sections = KEYS
            .iter()
            .filter_map(|key| key.name.split_once('.').map(|(table, _)| table));
        let whole = nearest(name, KEYS.iter().map(|key| key.name).chain(["agent"]).chain(sections));
        // A key that stands in the wrong table is far from the right one by letters; its last part is near.
        let last = name.rsplit('.').next().unwrap_or(name);
        let near = KEYS
            .iter()
            .find(|key| leaf(key.name) == last)
            .map(|key| key.name)
            .or(whole);
        if let Some(near) = near {
            problem = problem.hint(format!("did you mean `{near}`?"));
        } else {
            problem = problem.hint("`bzzz config show` lists all keys");
        }
        self.problems.push(problem);
    }

    /// Paths in the file are relative to the file.
    fn rooted(&self, kind: Kind, value: Value) -> Value {
        match (kind, value) {
            (Kind::Path, Value::Text(text)) if !text.is_empty() => {
                let folder = self.path.parent().unwrap_or(Path::new(""));
                let path: PathBuf = folder.join(&text);
                Value::Text(path.to_string_lossy().into_owned())
            }
            (_, value) => value,
        }
    }

    fn agent_tables<'v, 'i: 'v>(&mut self, list: impl Iterator<Item = &'v Spanned<DeValue<'i>>>) {
        for item in list {
            let at = self.at(item.span().start);
            if self.found.agents.len() >= MOST_AGENTS {
                self.problems
                    .push(Problem::error(at, "agent", format!("more than {MOST_AGENTS} agents")));
                return;
            }
            if let DeValue::Table(table) = item.get_ref() {
                self.agent(at, table);
            } else {
                self.problems
                    .push(Problem::error(at, "agent", "a table is wanted here").hint("write [[agent]]"));
            }
        }
    }

    fn agent(&mut self, at: Source, table: &DeTable<'_>) {
        let before = self.problems.len();
        let mut agent = AgentSetting {
            max_tasks: DEFAULT_MAX_TASKS,
            ..AgentSetting::built_in("")
        };
        agent.capabilities.clear();
        let mut role = None;
        for (key, value) in table {
            let here = self.at(key.span().start);
            let name = key.get_ref().as_ref();
            let value = raw(value.get_ref());
            let done = match (name, value) {
                (_, Err(what)) => Err(what),
                ("id", Ok(Value::Text(text))) => check::name(&text).map(|()| agent.id = text),
                ("role", Ok(Value::Text(text))) => check::name(&text).map(|()| role = Some(text)),
                ("specialization", Ok(Value::Text(text))) => {
                    check::label(&text).map(|()| agent.specialization = Some(text))
                }
                ("capabilities", Ok(Value::List(list))) => list
                    .iter()
                    .try_for_each(|text| check::name(text))
                    .map(|()| agent.capabilities = list),
                ("max_tasks", Ok(Value::Integer(number))) => match u32::try_from(number) {
                    Ok(number) if (1..=MOST_TASKS).contains(&number) => {
                        agent.max_tasks = number;
                        Ok(())
                    }
                    _ => Err(format!("{number} is not between 1 and {MOST_TASKS}")),
                },
                ("id" | "role" | "specialization", Ok(_)) => Err("text in quotes is wanted here".to_owned()),
                ("capabilities", Ok(_)) => Err("a list of texts is wanted here".to_owned()),
                ("max_tasks", Ok(_)) => Err("a whole number is wanted here".to_owned()),
                (_, Ok(_)) => {
                    let near = nearest(name, AGENT_KEYS).unwrap_or("id");
                    let problem = Problem::error(here, format!("agent.{name}"), "there is no such key")
                        .hint(format!("did you mean `{near}`? An agent has {}", AGENT_KEYS.join(", ")));
                    self.problems.push(problem);
                    continue;
                }
            };
            if let Err(what) = done {
                self.problems.push(Problem::error(here, format!("agent.{name}"), what));
            }
        }
        match role {
            Some(role) => agent.role = role,
            None => self
                .problems
                .push(Problem::error(at.clone(), "agent.role", "an agent needs a role")),
        }
        if agent.id.is_empty() {
            agent.id.clone_from(&agent.role);
        }
        if agent.capabilities.is_empty() {
            agent.capabilities = vec![agent.role.clone()];
        }
        let words = [&agent.id, &agent.role].into_iter().chain(&agent.capabilities);
        let bytes: usize = words.chain(&agent.specialization).map(String::len).sum();
        if bytes > MOST_AGENT_BYTES {
            let what =
                format!("what this agent says of itself takes {bytes} bytes, and {MOST_AGENT_BYTES} go to others");
            let problem =
                Problem::error(at.clone(), "agent", what).hint("name fewer capabilities, or use shorter names");
            self.problems.push(problem);
        }
        if self.problems.len() == before {
            self.found.agents.push((agent, at));
        }
    }
}

fn raw(value: &DeValue<'_>) -> Result<Value, String> {
    match value {
        DeValue::String(text) => Ok(Value::Text(text.to_string())),
        DeValue::Boolean(yes) => Ok(Value::Bool(*yes)),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(Value::Integer)
            .map_err(|_| format!("{} is too large", number.as_str())),
        DeValue::Array(list) => {
            if list.len() > MAX_LIST {
                return Err(format!("{} entries are more than {MAX_LIST}", list.len()));
            }
            list.iter()
                .map(|item| match item.get_ref() {
                    DeValue::String(text) => Ok(text.to_string()),
                    _ => Err("a list of texts is wanted here".to_owned()),
                })
                .collect::<Result<_, _>>()
                .map(Value::List)
        }
        DeValue::Float(_) => Err("numbers with a point are not used; money is text, as in \"1.50 USD\"".to_owned()),
        DeValue::Datetime(_) => Err("a date is not used here".to_owned()),
        DeValue::Table(_) => Err("a single value is wanted here, not a table".to_owned()),
    }
}
