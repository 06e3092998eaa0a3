//! Dependencies in manifests.

use bzzz_core::finding::Severity;

use crate::files::File;
use crate::lang;
use crate::rule::{Check, Rule, RuleInfo, Sink, new};

pub(super) const RULES: &[Rule] = &[Rule {
    info: RuleInfo {
        id: "architect/unpinned-dependency",
        role: "architect",
        severity: Severity::Medium,
        languages: lang::ANY_TEXT,
        title: "A dependency takes any version",
        why: "The next build may bring a version that breaks this code, or one that somebody has taken over; nothing in the repository says which one was tested.",
        fix: "State the version that was tested (`==`, an exact or caret version) and commit the lock file.",
        cwe: Some(1357),
    },
    check: Check::File(unpinned),
    bad: &[
        new("requirements.txt", "requests <<<\nflask>=2 <<<\n"),
        new(
            "package.json",
            "{\n  \"dependencies\": {\n    \"express\": \"*\", <<<\n    \"left-pad\": \"latest\" <<<\n  }\n}\n",
        ),
        new("Cargo.toml", "[dependencies]\nserde = \"*\" <<<\n"),
    ],
    good: &[
        new(
            "requirements.txt",
            "# tools\n-r base.txt\nrequests==2.32.3\nflask~=3.0\nurllib3>=2,<3\nlocal @ file:///x\n",
        ),
        new(
            "package.json",
            "{\n  \"version\": \"1.0.0\",\n  \"files\": [\"*\"],\n  \"exports\": { \"./x\": \"*\" },\n  \"dependencies\": {\n    \"express\": \"^4.19.2\"\n  }\n}\n",
        ),
        new(
            "Cargo.toml",
            "[dependencies]\nserde = \"1.0\"\nlocal = { path = \"x\" }\n",
        ),
    ],
}];

fn unpinned(file: &File<'_>, sink: &mut Sink<'_>) {
    let name = lang::file_name(file.path);
    let requirements = name.starts_with("requirements") && name.ends_with(".txt");
    for (number, line) in file.added_lines() {
        let text = line.trim();
        let hit = if requirements {
            let spec = text.split(['#', ';']).next().unwrap_or_default().trim();
            let starts = spec.starts_with(|c: char| c.is_ascii_alphanumeric());
            let bounded = ["==", "~=", "<", "@", "/"].iter().any(|m| spec.contains(m));
            starts && !bounded
        } else if name == "package.json" {
            let value = text
                .trim_end_matches(',')
                .rsplit_once(':')
                .map(|(_, v)| v.trim())
                .unwrap_or_default();
            matches!(value, "\"*\"" | "\"latest\"" | "\"\"" | "\"x\"") && in_dependencies(file, number)
        } else if name == "Cargo.toml" {
            text.ends_with("= \"*\"") || text.contains("version = \"*\"")
        } else {
            false
        };
        if hit {
            sink.lines(file, number, number, |_| {});
        }
    }
}

/// Whether a line of `package.json` stands in a list of dependencies, as far as the lines above are known.
fn in_dependencies(file: &File<'_>, number: u32) -> bool {
    (1..number)
        .rev()
        .take(500)
        .map_while(|n| file.line(n))
        .find(|l| l.trim_end().ends_with('{'))
        .is_some_and(|l| l.contains("ependencies\""))
}
