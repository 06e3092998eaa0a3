//! What every command gets: the global flags, the way to show answers, the way to a node.

use std::path::PathBuf;

use serde_json::Value;

use super::exit::Exit;
use super::failure::{Result, fail};
use crate::client::{Http, find};
use crate::report::words::shell_word;
use crate::settings::{self, Flags, Settings};
use crate::term::{ColorChoice, Out, Screen, Stream};

/// Flags that every command takes.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Global {
    /// Data folder [default: ~/.local/share/bzzz]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub data: Option<PathBuf>,
    /// Settings file [default: bzzz.toml in the data folder]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub config: Option<PathBuf>,
    /// HTTP address of a running node, as `bzzz up` prints it; a review takes several [default: the node on the data folder]
    #[arg(long, global = true, value_name = "ADDRESS", help_heading = "Global options")]
    pub node: Vec<String>,
    /// Write answers as JSON, and errors as one JSON object on standard error
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,
    /// When to use colours
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Global options"
    )]
    pub color: ColorChoice,
    /// Log more; twice for even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,
}

/// A command's surroundings.
#[derive(Debug)]
pub struct Context {
    /// Global flags.
    pub global: Global,
    /// Standard output.
    pub out: Out,
    /// What standard output can do.
    pub screen: Screen,
}

impl Context {
    /// Looks at the terminal.
    pub fn new(global: Global) -> Self {
        let screen = Screen::of(Stream::Out, global.color);
        Self {
            global,
            out: Out::default(),
            screen,
        }
    }

    /// The global flags as a source of settings; commands add theirs.
    pub fn flags(&self) -> Flags {
        Flags {
            data: self.global.data.clone(),
            config: self.global.config.clone(),
            others: Vec::new(),
        }
    }

    /// The settings with the global flags.
    pub fn settings(&self) -> Result<Settings> {
        settings::load(&self.flags())
    }

    /// The node to talk to. With `--node` the settings are not needed, so their faults do not matter.
    pub fn client(&self) -> Result<Http> {
        match &self.global.node[..] {
            [] => find::find(None, &self.settings()?.data),
            [node] => find::named(node),
            _ => Err(fail(
                Exit::Usage,
                "could not tell which node to ask: --node was given more than once",
                Some("name one; only `bzzz review` goes on at a second node when the first goes away"),
            )),
        }
    }

    /// A command that goes on where this one was asked: with its `--node`, `--data` and `--config`, ready to be pasted into a shell.
    pub fn follow_up(&self, command: &str) -> String {
        let mut out = command.to_owned();
        let mut add = |flag: &str, value: &str| out.push_str(&format!(" {flag} {}", shell_word(value)));
        for node in &self.global.node {
            add("--node", node);
        }
        for (flag, path) in [("--data", &self.global.data), ("--config", &self.global.config)] {
            if let Some(path) = path {
                add(flag, &path.to_string_lossy());
            }
        }
        out
    }

    /// Shows an answer: as JSON, or drawn by `draw` for people.
    pub fn show(&mut self, value: &Value, draw: impl FnOnce(Screen) -> String) -> Result<()> {
        if self.global.json {
            self.out.json(value)
        } else {
            let text = draw(self.screen);
            self.out.text(&text)
        }
    }
}

/// Reads an answer leniently into a view for people; what does not fit is empty.
pub fn view<T: serde::de::DeserializeOwned + Default>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_default()
}

/// The list under `name`, row by row.
pub fn rows<T: serde::de::DeserializeOwned + Default>(value: &Value, name: &str) -> Vec<T> {
    value
        .get(name)
        .and_then(Value::as_array)
        .map(|list| list.iter().map(view).collect())
        .unwrap_or_default()
}

/// An id or hash short enough for a table.
pub fn short(id: &str) -> String {
    id.chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follow_up_asks_where_the_command_asked() {
        let follow_up = |node: &[&str], data: Option<&str>| {
            let global = Global {
                node: node.iter().map(|n| (*n).to_owned()).collect(),
                data: data.map(PathBuf::from),
                ..Global::default()
            };
            Context::new(global).follow_up("bzzz x")
        };
        assert_eq!(follow_up(&[], None), "bzzz x");
        assert_eq!(follow_up(&["127.0.0.1:1"], None), "bzzz x --node 127.0.0.1:1");
        assert_eq!(follow_up(&[], Some("a/b")), "bzzz x --data a/b");
        assert_eq!(follow_up(&[], Some("my data")), "bzzz x --data 'my data'");
        assert_eq!(follow_up(&[], Some("it's;$HOME")), "bzzz x --data 'it'\\''s;$HOME'");
    }
}
