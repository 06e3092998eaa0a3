//! The report as JSON: the structure of `bzzz_core::report` as it stands.

use bzzz_core::report::Report;

use crate::term::clean;

/// Indented JSON with a line break at the end. Characters that a terminal would obey stand as `\u` escapes.
pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    let mut text = clean::json(&serde_json::to_string_pretty(report)?);
    text.push('\n');
    Ok(text)
}
