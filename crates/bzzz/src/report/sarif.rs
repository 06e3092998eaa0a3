//! The report as SARIF 2.1.0 (OASIS), for code-scanning views.
//!
//! `partialFingerprints` rest on rule, file and quote, not on the line, so that a finding stays the same one when the
//! lines above it move. Severities map to `error` (critical, high), `warning` (medium) and `note` (low).

use std::collections::{BTreeMap, BTreeSet};

use bzzz_analysis::RuleInfo;
use bzzz_core::finding::{Finding, Severity};
use bzzz_core::report::{Report, ReportedFinding};
use serde_json::{Map, Value, json};

use super::words;
use crate::term::clean;

/// Identifier of the schema (OASIS, SARIF 2.1.0 Errata 01).
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// Name and version of our fingerprint; another way to compute it gets another version.
const FINGERPRINT: &str = "bzzzFinding/v1";

/// Draws the report as indented JSON.
pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    let mut text = clean::json(&serde_json::to_string_pretty(&log(report))?);
    text.push('\n');
    Ok(text)
}

fn log(report: &Report) -> Value {
    // One rule object for each id, in the order of the ids. Its words are those of the rule, never of one finding: a view keeps one
    // description for all reports.
    let rules: BTreeSet<&str> = report.findings.iter().map(|item| item.finding.rule.as_str()).collect();
    let index: BTreeMap<&str, usize> = rules.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    let known = rules.iter().filter_map(|id| info(id)?.cwe);
    let shown = report.findings.iter().filter_map(|item| item.finding.cwe);
    let cwes: BTreeSet<u32> = known.chain(shown).collect();
    let mut seen = BTreeMap::new();
    let results: Vec<Value> = report
        .findings
        .iter()
        .map(|item| result(item, &index, &mut seen))
        .collect();
    let mut run = json!({
        "tool": { "driver": {
            "name": "bzzz",
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "rules": rules.iter().map(|id| rule(id)).collect::<Vec<_>>(),
        }},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": { "%SRCROOT%": { "description": { "text": "root of the changed tree" } } },
        "automationDetails": { "id": "bzzz/review/", "description": { "text": report.thread } },
        "invocations": [{
            "executionSuccessful": true,
            "toolExecutionNotifications": report.notes.iter().map(|note| json!({
                "level": "note", "message": { "text": note },
            })).collect::<Vec<_>>(),
        }],
        "results": results,
        "properties": properties(report),
    });
    if !cwes.is_empty()
        && let Some(run) = run.as_object_mut()
    {
        run.insert("taxonomies".into(), json!([taxonomy(&cwes)]));
        if let Some(driver) = run.get_mut("tool").and_then(|tool| tool.get_mut("driver")) {
            driver["supportedTaxonomies"] = json!([{ "name": "CWE", "index": 0 }]);
        }
    }
    json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": [run] })
}

fn properties(report: &Report) -> Value {
    json!({
        "verdict": report.verdict,
        "basis": report.basis,
        "basisText": words::basis(report),
        "subject": report.subject,
        "project": report.project,
        "missing": report.missing,
        "unread": report.unread,
        "votes": report.votes,
        "tally": report.tally,
        "cost": report.cost,
        "timeMs": report.time_ms,
        "certificate": report.certificate,
    })
}

/// A built-in rule; models bring others.
fn info(id: &str) -> Option<&'static RuleInfo> {
    bzzz_analysis::rules().iter().find(|info| info.id == id)
}

fn rule(id: &str) -> Value {
    let role = id.split('/').next().unwrap_or_default();
    let Some(info) = info(id) else {
        return json!({
            "id": id,
            "shortDescription": { "text": "A finding outside the built-in rules" },
            "fullDescription": { "text": "An agent raised it by its own judgement; each result says what it is about." },
            "help": { "text": "Each result says how to mend it." },
            "properties": { "tags": [filled(role)] },
        });
    };
    let mut tags = vec![info.role.to_owned()];
    let mut properties = Map::new();
    if info.role == "security" {
        tags.extend(info.cwe.map(|cwe| format!("external/cwe/cwe-{cwe:03}")));
        // Code-scanning views rank security rules by a CVSS-like number.
        let score = match info.severity {
            Severity::Critical => "9.5",
            Severity::High => "8.0",
            Severity::Medium => "5.5",
            Severity::Low => "2.0",
        };
        properties.insert("security-severity".into(), score.into());
    }
    properties.insert("tags".into(), json!(tags));
    let mut rule = json!({
        "id": info.id,
        "shortDescription": { "text": info.title },
        "fullDescription": { "text": info.why },
        "help": { "text": info.fix },
        "defaultConfiguration": { "level": level(info.severity) },
        "properties": properties,
    });
    if let Some(cwe) = info.cwe {
        rule["helpUri"] = format!("https://cwe.mitre.org/data/definitions/{cwe}.html").into();
        rule["relationships"] = json!([{ "target": taxon(cwe), "kinds": ["superset"] }]);
    }
    rule
}

fn result(item: &ReportedFinding, index: &BTreeMap<&str, usize>, seen: &mut BTreeMap<String, u32>) -> Value {
    let finding = &item.finding;
    let mut location = json!({ "artifactLocation": { "uri": uri(&finding.file), "uriBaseId": "%SRCROOT%" } });
    if finding.line > 0 {
        location["region"] = json!({
            "startLine": finding.line,
            "endLine": finding.end_line.max(finding.line),
            "snippet": { "text": finding.quote },
        });
    }
    let mut result = json!({
        "ruleId": finding.rule,
        "ruleIndex": index.get(finding.rule.as_str()).copied().unwrap_or(0),
        "level": level(finding.severity),
        "message": { "text": format!("{}. {} {}", finding.title.trim_end_matches('.'), finding.why, finding.fix) },
        "locations": [{ "physicalLocation": location }],
        "partialFingerprints": { FINGERPRINT: fingerprint(finding, seen) },
        "properties": { "severity": finding.severity, "role": finding.role, "raisedBy": item.raised_by, "fix": finding.fix },
    });
    if let Some(cwe) = finding.cwe {
        result["taxa"] = json!([taxon(cwe)]);
    }
    result
}

/// Hash of rule, file and quote without its spacing, and a number where the same quote is found again in the file.
fn fingerprint(finding: &Finding, seen: &mut BTreeMap<String, u32>) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("bzzz 2026 sarif finding fingerprint v1");
    let quote = finding.quote.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [&finding.rule, &finding.file, &quote] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let hash = hasher.finalize().to_hex()[..32].to_owned();
    let number = seen.entry(hash.clone()).or_insert(0);
    *number += 1;
    format!("{hash}:{number}")
}

fn taxonomy(cwes: &BTreeSet<u32>) -> Value {
    json!({
        "name": "CWE",
        "organization": "MITRE",
        "informationUri": "https://cwe.mitre.org/",
        "shortDescription": { "text": "The MITRE Common Weakness Enumeration" },
        "taxa": cwes.iter().map(|cwe| json!({
            "id": cwe.to_string(),
            "helpUri": format!("https://cwe.mitre.org/data/definitions/{cwe}.html"),
        })).collect::<Vec<_>>(),
    })
}

fn taxon(cwe: u32) -> Value {
    json!({ "id": cwe.to_string(), "toolComponent": { "name": "CWE", "index": 0 } })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

/// Views refuse empty descriptions.
fn filled(text: &str) -> &str {
    if text.trim().is_empty() { "(no text)" } else { text }
}

/// A relative URI reference (RFC 3986): everything but unreserved characters and `/` is percent-encoded.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.trim_start_matches('/').bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
