//! Changes to review: new code in Python, Rust and TypeScript, different from function to function.
//!
//! The shapes are those of everyday code (queries, loops, parsing, error handling, requests), with names and constants that
//! differ, and here and there a defect of the kinds that the analysers know. Nothing is random: a seed names one change.

use bzzz_core::change::ChangeSet;

const NOUNS: [&str; 12] = [
    "order", "user", "invoice", "session", "report", "basket", "device", "ticket", "account", "route", "price", "batch",
];
const VERBS: [&str; 10] = [
    "load", "find", "merge", "check", "count", "export", "update", "archive", "split", "rank",
];

/// Shapes of functions; `{n}` is a noun, `{v}` a verb, `{k}` a number.
const PYTHON: &[&str] = &[
    "def {v}_{n}_{k}(db, name):\n    query = \"SELECT id FROM {n}s WHERE name = '%s'\" % name\n    rows = db.execute(query).fetchall()\n    return [row[0] for row in rows if row[0] > {k}]\n",
    "def {v}_{n}_{k}(items, limit={k}):\n    total = 0\n    for item in items:\n        if item.get(\"{n}\") is None:\n            continue\n        total += item[\"{n}\"] * limit\n    return total\n",
    "class {N}{V}{k}:\n    \"\"\"Keeps the {n}s that were seen.\"\"\"\n\n    def __init__(self, path):\n        self.path = path\n        self.seen = {}\n\n    def {v}(self, key, value):\n        self.seen[key] = value + {k}\n        return len(self.seen)\n",
    "def {v}_{n}_{k}(path):\n    try:\n        with open(path) as handle:\n            lines = handle.readlines()\n    except Exception:\n        pass\n    return lines[:{k}]\n",
];
const RUST: &[&str] = &[
    "pub fn {v}_{n}_{k}(input: &str) -> Option<u32> {\n    let mut sum = {k};\n    for part in input.split(',') {\n        sum += part.trim().parse::<u32>().unwrap();\n    }\n    Some(sum)\n}\n",
    "/// Gives the {n}s above a bound.\npub fn {v}_{n}_{k}(values: &[i64]) -> Vec<i64> {\n    values\n        .iter()\n        .copied()\n        .filter(|value| *value > {k})\n        .collect()\n}\n",
    "pub struct {N}{V}{k} {\n    pub names: Vec<String>,\n    pub limit: usize,\n}\n\nimpl {N}{V}{k} {\n    pub fn {v}(&mut self, name: String) -> bool {\n        if self.names.len() >= self.limit + {k} {\n            return false;\n        }\n        self.names.push(name.clone());\n        true\n    }\n}\n",
];
const TYPESCRIPT: &[&str] = &[
    "export async function {v}{N}{k}(ids: string[]): Promise<number> {\n  let count = {k};\n  for (const id of ids) {\n    const response = await fetch(`/api/{n}s/${id}`);\n    if (response.ok) {\n      count += 1;\n    }\n  }\n  return count;\n}\n",
    "export function {v}{N}{k}(html: string): void {\n  const target = document.getElementById(\"{n}-{k}\");\n  if (target) {\n    target.innerHTML = html;\n  }\n}\n",
    "/** Orders the {n}s by weight. */\nexport const {v}{N}{k} = (rows: { weight: number }[]) =>\n  [...rows]\n    .sort((a, b) => a.weight - b.weight)\n    .slice(0, {k});\n",
];

/// A change of so many added lines, always the same.
pub fn change(lines: usize) -> ChangeSet {
    varied(lines, 0)
}

/// A change of so many added lines; another seed, other code.
pub fn varied(lines: usize, seed: u64) -> ChangeSet {
    let languages: [(&str, &[&str]); 3] = [("py", PYTHON), ("rs", RUST), ("ts", TYPESCRIPT)];
    let each = lines.div_ceil(languages.len());
    let mut diff = String::new();
    let mut left = lines;
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for (ending, shapes) in languages {
        let count = each.min(left);
        left -= count;
        let text = file(&mut chance, shapes, count);
        let path = format!("src/bench_{seed}.{ending}");
        diff.push_str(&format!(
            "diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{count} @@\n"
        ));
        for line in text {
            diff.push('+');
            diff.push_str(&line);
            diff.push('\n');
        }
    }
    ChangeSet::from_diff("bench.diff", diff.as_bytes())
}

/// Functions one after the other, cut at so many lines.
fn file(chance: &mut Chance, shapes: &[&str], lines: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::with_capacity(lines);
    while out.len() < lines {
        let (shape, noun, verb) = (chance.pick(shapes), chance.pick(&NOUNS), chance.pick(&VERBS));
        let number = (chance.next() % 900 + 10).to_string();
        let text = shape
            .replace("{n}", noun)
            .replace("{v}", verb)
            .replace("{N}", &capital(noun))
            .replace("{V}", &capital(verb))
            .replace("{k}", &number);
        out.extend(text.lines().map(str::to_owned));
        out.push(String::new());
    }
    out.truncate(lines);
    out
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Marsaglia's xorshift: enough to vary code, and the same everywhere.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[(self.next() % from.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_change_has_its_lines_and_they_differ() {
        let set = varied(1_000, 7);
        let change = set.change().expect("a diff");
        assert_eq!(change.files.len(), 3);
        let added: Vec<&str> = set
            .diff
            .lines()
            .filter(|l| l.starts_with('+') && !l.starts_with("+++"))
            .collect();
        assert_eq!(added.len(), 1_000);
        let functions: BTreeSet<&&str> = added
            .iter()
            .filter(|l| l.contains("def ") || l.contains("fn "))
            .collect();
        assert!(functions.len() > 50, "{}", functions.len());
        assert_ne!(set.diff, varied(1_000, 8).diff);
        assert_eq!(set.diff, varied(1_000, 7).diff);
    }
}
