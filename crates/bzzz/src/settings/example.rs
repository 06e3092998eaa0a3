//! The settings file that `bzzz init` writes: every key with its words and its default, all commented out, so that
//! an update of the program can improve a default that nobody touched.

use super::keys::{KEYS, Key};
use crate::term::wrap;

/// Columns of the comments.
const COLUMNS: usize = 96;

/// The example file. `set` gives values that are written without the comment sign.
pub fn example(set: &[(&str, String)]) -> String {
    let mut out = String::from(
        "# Settings of a bzzz node.\n\
         #\n\
         # Order of precedence: built-in defaults, this file, environment (BZZZ_P2P__LISTEN for p2p.listen), flags.\n\
         # A key that is commented out has the value that is shown. `bzzz config check` checks, `bzzz config show` shows\n\
         # every value with its source.\n",
    );
    for key in KEYS.iter().filter(|key| !key.name.contains('.')) {
        entry(&mut out, key, key.name, set);
    }
    let mut section = "";
    for key in KEYS {
        let Some((table, leaf)) = key.name.split_once('.') else {
            continue;
        };
        if table != section {
            out.push_str(&format!("\n[{table}]\n"));
            section = table;
        }
        entry(&mut out, key, leaf, set);
    }
    out.push_str(
        "\n# An agent of its own, besides or instead of the built-in ones; repeat the table for more.\n\
         # [[agent]]\n\
         # id = \"security-2\"\n\
         # role = \"security\"\n\
         # capabilities = [\"review\", \"security\"]\n\
         # specialization = \"web back ends\"\n\
         # max_tasks = 3\n",
    );
    out
}

fn entry(out: &mut String, key: &Key, leaf: &str, set: &[(&str, String)]) {
    out.push('\n');
    for line in wrap::wrap(key.doc, COLUMNS) {
        out.push_str(&format!("# {line}\n"));
    }
    match set.iter().find(|(name, _)| *name == key.name) {
        Some((_, value)) => {
            let value = super::value::Value::Text(value.clone()).to_toml();
            out.push_str(&format!("{leaf} = {value}\n"));
        }
        None if key.default.is_empty() => out.push_str(&format!("# {leaf} = {}\n", sample(key.name))),
        None => out.push_str(&format!("# {leaf} = {}\n", key.default)),
    }
}

/// What a key without a default may look like.
fn sample(name: &str) -> &'static str {
    match name {
        "data" => "\"/var/lib/bzzz\"",
        "node.name" => "\"walnut\"",
        "p2p.private_key_file" => "\"swarm.key\"",
        "project.id" => "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"",
        _ => "\"high\"",
    }
}
