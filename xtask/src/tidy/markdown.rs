//! Links in Markdown: what a relative link names exists, and so does the heading behind `#`.

use super::Problem;
use crate::repository::SourceFile;

/// Checks the relative links of all Markdown files.
pub fn links(files: &[SourceFile]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in files.iter().filter(|file| file.extension() == "md") {
        for (line, target) in targets(&file.text) {
            if let Some(what) = complaint(files, file, &target) {
                problems.push(Problem::new(&file.path, line, what));
            }
        }
    }
    problems
}

fn complaint(files: &[SourceFile], from: &SourceFile, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") || target.is_empty() {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() {
        Some(from.path.clone())
    } else {
        resolve(&from.path, path)
    };
    let Some(path) = path else {
        return Some(format!("the link `{target}` leads out of the repository"));
    };
    let below = format!("{path}/");
    let file = files.iter().find(|file| file.path == path);
    if file.is_none() && !path.is_empty() && !files.iter().any(|file| file.path.starts_with(&below)) {
        return Some(format!("the link `{target}` leads nowhere: there is no {path}"));
    }
    let file = file.filter(|file| file.extension() == "md" && !anchor.is_empty())?;
    let found = headings(&file.text).iter().any(|heading| heading == anchor);
    (!found).then(|| format!("the link `{target}` leads nowhere: {path} has no such heading"))
}

/// `path` as seen from the folder of the file `from`; none where it climbs out.
fn resolve(from: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Lines outside fenced code, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
        fenced ^= fence;
        (!fence && !fenced).then_some((index + 1, line))
    })
}

/// The targets of links and images, and of reference definitions.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let line = without_code(line);
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            found.push((number, target.trim_matches(['<', '>']).to_owned()));
        }
        if let Some((_, target)) = line
            .trim_start()
            .strip_prefix('[')
            .and_then(|line| line.split_once("]: "))
        {
            found.push((number, target.split(' ').next().unwrap_or_default().to_owned()));
        }
    }
    found
}

/// A line without what stands between backticks.
fn without_code(line: &str) -> String {
    let parts: Vec<&str> = line.split('`').collect();
    // An odd number of backticks: the last one opens nothing.
    let closed = parts.len() - (parts.len() + 1) % 2;
    parts
        .iter()
        .enumerate()
        .filter(|(i, _)| i % 2 == 0 || *i >= closed)
        .map(|(_, part)| *part)
        .collect()
}

/// The anchors of a file's headings, made as the forges make them; repeated ones get a number.
fn headings(text: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for (_, line) in prose(text).filter(|(_, line)| line.starts_with('#')) {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let before = anchors.iter().filter(|other| **other == anchor).count();
        anchors.push(if before == 0 {
            anchor
        } else {
            format!("{anchor}-{before}")
        });
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::lines;

    #[test]
    fn dead_links_are_found() {
        let files = |text: &str| {
            vec![
                SourceFile::new("docs/guide.md", text),
                SourceFile::new("README.md", "# Start here\n## The `run` command!\n## Twice\n## Twice\n"),
                SourceFile::new("crates/core/src/lib.rs", ""),
            ]
        };
        let check = |text: &str, expected: &[usize]| assert_eq!(lines(links(&files(text))), expected, "{text}");
        check(
            "[a](../README.md) [b](../crates/core) [c](https://example.org/x) [d](mailto:a@b)",
            &[],
        );
        check(
            "[a](../README.md#the-run-command) [b](../README.md#twice-1) [c](#own)\n# Own",
            &[],
        );
        check("fine\n[a](../READ.md)", &[2]);
        check("[a](README.md)", &[1]);
        check("[a](../README.md#nowhere)", &[1]);
        check("[a](#nowhere)", &[1]);
        check("[a](../../etc/passwd)", &[1]);
        check("![picture](picture.svg)", &[1]);
        check("[a]: gone.md", &[1]);
        check("```\n[a](gone.md)\n```\n`[b](gone.md)`", &[]);
    }
}
