//! Lays the sources over each other: defaults, file, environment, flags; the last one that says something wins.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::agents::AgentSetting;
use super::env;
use super::file;
use super::keys::{KEYS, Kind, find};
use super::problem::{Level, Problem};
use super::source::Source;
use super::value::Value;

/// Name of the settings file in the data folder.
pub const FILE_NAME: &str = "bzzz.toml";

/// What flags may set. Every field wins over all other sources.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// Others: dotted key, flag with dashes, value.
    pub others: Vec<(&'static str, &'static str, Value)>,
}

/// All values with their sources, before they are typed.
#[derive(Debug)]
pub struct Layers {
    /// Dotted key to value and source; a key without a value is absent.
    pub values: BTreeMap<&'static str, (Value, Source)>,
    /// `[[agent]]` tables.
    pub agents: Vec<(AgentSetting, Source)>,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// All that is wrong.
    pub problems: Vec<Problem>,
}

impl Layers {
    /// Reads every source. `variables` is the environment.
    pub fn read(flags: &Flags, variables: Vec<(String, String)>) -> Self {
        let mut problems = Vec::new();
        let from_env = env::read(variables.iter().cloned(), &mut problems);
        let env_config = lookup(&variables, env::CONFIG).map(PathBuf::from);
        let chosen = flags.config.clone().or(env_config);

        // The data folder says where the file is unless the file is named, so its own sources come first.
        let env_data = from_env.iter().find(|(name, ..)| *name == "data");
        let outer = flags
            .data
            .clone()
            .or_else(|| env_data.map(|(_, value, _)| PathBuf::from(value.text())));
        let default_data = default_data(&variables);
        let beside = outer
            .as_ref()
            .or(default_data.as_ref())
            .map(|data| data.join(FILE_NAME));
        let (path, named) = match chosen {
            Some(path) => (Some(path), true),
            None => (beside.filter(|path| path.exists()), false),
        };

        let from_file = path
            .as_deref()
            .map(|path| file::read(path, &mut problems))
            .unwrap_or_default();
        let mut layers = Self {
            values: BTreeMap::new(),
            agents: from_file.agents,
            file: path,
            problems,
        };
        layers.defaults(default_data);
        for (name, value, source) in from_file.values {
            if name == "data" && !named {
                layers.inner_data(&value, &source);
                continue;
            }
            layers.values.insert(name, (value, source));
        }
        for (name, value, source) in from_env {
            layers.values.insert(name, (value, source));
        }
        layers.flags(flags);
        layers.whole();
        // In the order of the file, so that a person can go through it from the top.
        layers.problems.sort_by_key(|problem| match &problem.source {
            Source::File { line, .. } => *line,
            _ => 0,
        });
        layers
    }

    fn defaults(&mut self, data: Option<PathBuf>) {
        for key in KEYS {
            if let Some(value) = key.default_value() {
                self.values.insert(key.name, (value, Source::Default));
            }
        }
        if let Some(data) = data {
            self.values.insert("data", (path_value(&data), Source::Default));
        }
        let host = rustix::system::uname();
        let host = host.nodename().to_string_lossy();
        let host: String = host
            .split('.')
            .next()
            .unwrap_or("")
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
                    c
                } else {
                    '-'
                }
            })
            .take(super::check::MAX_NAME)
            .collect();
        let host = if host.is_empty() { "node".to_owned() } else { host };
        self.values.insert("node.name", (Value::Text(host), Source::Default));
    }

    /// A file that was found by the data folder cannot name another one: it would not be found from there.
    fn inner_data(&mut self, value: &Value, source: &Source) {
        let folder = self.file.as_deref().and_then(Path::parent);
        let same = folder.is_some_and(|folder| {
            let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
            real(folder) == real(Path::new(value.text()))
        });
        if !same {
            self.problems.push(
                Problem::error(
                    source.clone(),
                    "data",
                    "this file lies in the data folder and names another one",
                )
                .hint("remove the key, or keep the file elsewhere and use --config"),
            );
        }
    }

    fn flags(&mut self, flags: &Flags) {
        if let Some(data) = &flags.data {
            self.values.insert("data", (path_value(data), Source::Flag("--data")));
        }
        for (name, flag, value) in &flags.others {
            let source = Source::Flag(flag);
            match find(name).map(|key| key.check(value)) {
                Some(Err(what)) => self.problems.push(Problem::error(source, *name, what)),
                _ => {
                    self.values.insert(name, (value.clone(), source));
                }
            }
        }
    }

    /// Checks that need more than one value, or a look at the disk.
    fn whole(&mut self) {
        if !self.values.contains_key("data") {
            self.problems.push(
                Problem::error(
                    Source::Default,
                    "data",
                    "no folder is known: neither HOME nor XDG_DATA_HOME is set",
                )
                .hint("pass --data DIR or set BZZZ_DATA"),
            );
        }
        if let Some((value, source)) = self.values.get("p2p.private_key_file")
            && let Err(why) = super::node::read_private_key(value.text().as_ref())
        {
            let why = format!("{} is no private network's key: {why}", value.text());
            self.problems
                .push(Problem::error(source.clone(), "p2p.private_key_file", why).hint(super::node::PRIVATE_KEY_HINT));
        }
        if let Some((value, source)) = self.values.get("http.listen")
            && super::check::socket(value.text()).is_ok_and(|address| !address.ip().is_loopback())
        {
            self.problems.push(
                Problem::error(
                    source.clone(),
                    "http.listen",
                    format!(
                        "{} can be reached from other machines, and this build has no keys to tell who asks",
                        value.text()
                    ),
                )
                .hint("listen on 127.0.0.1, and reach it from elsewhere through an SSH tunnel"),
            );
        }
        let mut ids = std::collections::BTreeSet::new();
        for (agent, source) in &self.agents {
            if !ids.insert(agent.id.clone()) {
                self.problems.push(Problem::error(
                    source.clone(),
                    "agent.id",
                    format!("{:?} is used twice", agent.id),
                ));
            }
            if !agent.has_analysers() {
                self.problems.push(Problem::warning(
                    source.clone(),
                    "agent.role",
                    format!("{:?} is no built-in role, so no analysers stand behind it", agent.role),
                ));
            }
        }
    }

    /// Whether bzzz can start with these settings.
    pub fn usable(&self) -> bool {
        self.problems.iter().all(|problem| problem.level != Level::Error)
    }

    /// Value of `name`, if there is one.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name).map(|(value, _)| value)
    }

    /// Source of `name`.
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.values.get(name).map(|(_, source)| source)
    }
}

fn lookup<'v>(variables: &'v [(String, String)], name: &str) -> Option<&'v str> {
    variables
        .iter()
        .find(|(known, value)| known == name && !value.is_empty())
        .map(|(_, value)| value.as_str())
}

/// `$XDG_DATA_HOME/bzzz`, else `~/.local/share/bzzz` (XDG Base Directory Specification: relative values do not count).
fn default_data(variables: &[(String, String)]) -> Option<PathBuf> {
    let absolute = |name| {
        lookup(variables, name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|base| base.join("bzzz"))
}

fn path_value(path: &Path) -> Value {
    Value::Text(path.to_string_lossy().into_owned())
}

/// Whether values of `name` are paths.
pub fn is_path(name: &str) -> bool {
    find(name).is_some_and(|key| matches!(key.kind, Kind::Path))
}
