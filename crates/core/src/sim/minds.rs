//! Analysers and models: what they find, how long they take, and how they fail.

use super::dice::Dice;
use super::world::{Happening, World};
use crate::body::Choice;
use crate::change::ChangeSet;
use crate::finding::{Finding, Severity};
use crate::node::Input;
use crate::reading::Reading;

/// The change under review: small and real, with something in it for every role.
pub(super) const DIFF: &str = "\
--- a/app/store.py
+++ b/app/store.py
@@ -1,5 +1,14 @@
 import sqlite3
+import subprocess
 
 
 def user(db, name):
-    return db.execute('select * from users where name = ?', (name,)).fetchone()
+    return db.execute(\"select * from users where name = '\" + name + \"'\").fetchone()
+
+
+def export(db, path):
+    rows = []
+    for row in db.execute('select * from users'):
+        rows = rows + [row]
+    subprocess.run('gzip ' + path, shell=True)
+    return rows
";

/// What can truly be found: rule, role, severity, line, quote.
const TRUTHS: [(&str, &str, Severity, u32, &str); 6] = [
    (
        "security/sql-injection",
        "security",
        Severity::Critical,
        6,
        "select * from users where name = '\" + name",
    ),
    (
        "security/shell",
        "security",
        Severity::High,
        13,
        "subprocess.run('gzip ' + path, shell=True)",
    ),
    (
        "performance/quadratic",
        "performance",
        Severity::Medium,
        12,
        "rows = rows + [row]",
    ),
    (
        "documentation/missing",
        "documentation",
        Severity::Low,
        9,
        "def export(db, path):",
    ),
    (
        "architect/mixed-layers",
        "architect",
        Severity::Medium,
        2,
        "import subprocess",
    ),
    (
        "reviewer/untested",
        "reviewer",
        Severity::High,
        9,
        "def export(db, path):",
    ),
];

fn truth(i: usize, severity: Severity) -> Finding {
    let (rule, role, _, line, quote) = TRUTHS[i];
    Finding {
        rule: rule.into(),
        role: role.into(),
        severity,
        file: "app/store.py".into(),
        line,
        end_line: line,
        quote: quote.into(),
        title: format!("{rule} at line {line}"),
        why: "it was found by a rule".into(),
        fix: String::new(),
        cwe: None,
    }
}

/// Nonsense as models write it: quotes that are not there, fields out of bounds, other people's roles.
fn nonsense(dice: &mut Dice) -> Finding {
    let mut f = truth(dice.index(TRUTHS.len()), Severity::Critical);
    match dice.index(6) {
        0 => f.quote = "this line is not in the change".into(),
        1 => f.title = "x".repeat(100_000),
        2 => f.file = "../../etc/passwd".into(),
        3 => f.line = u32::MAX,
        4 => f.rule = "no slash".into(),
        _ => f.why = "\u{1b}[2Jgone".into(),
    }
    f
}

impl World {
    /// An analyser runs.
    pub fn analyse(&mut self, n: usize, ask: u64, agent: &str, role: &str, change: &ChangeSet) {
        let life = self.members[n].life;
        let f = &self.cfg.faults;
        if change.diff != DIFF {
            return self.violate(
                "no-loss",
                format!("{agent} was given another change than the one under review"),
            );
        }
        let failure = if self.calm { 0 } else { f.analyser_failure };
        let result = if self.dice.chance(failure) {
            Err("the analyser stopped with a fault".to_owned())
        } else {
            // The same change can be harmless or not: which findings a thread gets is its own chance.
            let own = (0..TRUTHS.len()).filter(|i| TRUTHS[*i].1 == role);
            let own: Vec<usize> = own.collect();
            let found = own
                .into_iter()
                .filter(|_| self.dice.chance(self.cfg.work.found))
                .map(|i| truth(i, TRUTHS[i].2))
                .collect();
            Ok(found)
        };
        let (low, high) = if self.calm {
            (20, 2_000)
        } else {
            self.cfg.work.analyser_ms
        };
        let delay = self.dice.range(low, high);
        let input = Box::new(Input::Analysed {
            ask,
            result,
            reading: Reading::default(),
        });
        self.after(delay, Happening::Local { node: n, life, input });
    }

    /// A model is asked: it charges at most what was set aside, and may fail, be silent, or answer twice.
    pub fn ask_model(&mut self, n: usize, ask: u64, agent: &str, reserved: u64) {
        self.summary.calls += 1;
        let charge = self.dice.range(reserved / 4, reserved);
        self.check_ask(n, ask, agent, reserved, charge);
        let f = self.cfg.faults.clone();
        let (low, high) = if self.calm { (50, 500) } else { f.model_ms };
        let delay = self.dice.range(low, high);
        if !self.calm && self.dice.chance(f.model_silence) {
            // The shell gives up after its own time and says so; what was charged is not known, so the worst is taken.
            let input = Input::ModelFailed {
                ask,
                charged_microusd: reserved,
            };
            self.check_charge(n, ask, reserved);
            return self.answer_later(n, 30_000, input);
        }
        self.check_charge(n, ask, charge);
        if !self.calm && self.dice.chance(f.model_failure) {
            let input = Input::ModelFailed {
                ask,
                charged_microusd: charge,
            };
            return self.answer_later(n, delay, input);
        }
        let mut findings = Vec::new();
        for _ in 0..self.dice.below(3) {
            let bad = !self.calm && self.dice.chance(f.model_nonsense);
            let i = self.dice.index(TRUTHS.len());
            if !bad && !self.dice.chance(self.cfg.work.found * 2) {
                continue;
            }
            findings.push(if bad {
                nonsense(&mut self.dice)
            } else {
                truth(i, TRUTHS[i].2)
            });
        }
        let work = &self.cfg.work;
        let (approves, objects) = (work.approves, work.approves + work.objects);
        let opinion = match self.dice.below(1000) as u32 {
            n if n < approves => Some(Choice::Approve),
            n if n < objects => Some(Choice::RequestChanges),
            n if n < objects + self.cfg.work.abstains => Some(Choice::Abstain),
            _ => None,
        };
        let input = Input::Answered {
            ask,
            charged_microusd: charge,
            findings,
            opinion,
        };
        if !self.calm && self.dice.chance(f.model_twice) {
            self.answer_later(n, delay + 40, input.clone());
        }
        self.answer_later(n, delay, input);
    }

    fn answer_later(&mut self, n: usize, delay: u64, input: Input) {
        let life = self.members[n].life;
        let input = Box::new(input);
        self.after(delay, Happening::Local { node: n, life, input });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_truly_be_found_stands_in_the_change() {
        let set = ChangeSet::from_diff("users", DIFF.as_bytes());
        let change = set.change().unwrap();
        for i in 0..TRUTHS.len() {
            let f = truth(i, Severity::High);
            assert_eq!(f.validate(), Ok(()));
            assert_eq!(f.quote_stands(&change, &set.files), Ok(()), "{}", f.rule);
        }
    }

    #[test]
    fn nonsense_does_not() {
        let set = ChangeSet::from_diff("users", DIFF.as_bytes());
        let change = set.change().unwrap();
        let mut dice = Dice::new(1, "nonsense");
        for _ in 0..100 {
            let f = nonsense(&mut dice);
            assert!(
                f.validate().is_err() || f.quote_stands(&change, &set.files).is_err(),
                "{f:?}"
            );
        }
    }
}
