//! Findings: what an agent says is wrong with a change, and where it can be seen.
//!
//! A finding stands on a *quote*: text that a checker finds in the change. Findings are united and
//! de-duplicated, never voted away; only verdicts are voted.
//!
//! A finding may come from a model or from a stranger's node, so [`Finding::from_cbor`] bounds every field, and no
//! field holds control characters that could reach a terminal.

mod quote;
mod unite;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

pub use quote::{NEAR_LINES, QuoteError};
pub use unite::{unite, verdict_by_severity};

/// Longest rule id, bytes.
pub const MAX_RULE_BYTES: usize = 128;
/// Longest role name, bytes.
pub const MAX_ROLE_BYTES: usize = 64;
/// Longest quote, bytes: a screenful. More is no evidence but a copy.
pub const MAX_QUOTE_BYTES: usize = 4096;
/// Longest title, bytes: one line of a list.
pub const MAX_TITLE_BYTES: usize = 256;
/// Longest `why` and longest `fix`, bytes.
pub const MAX_PROSE_BYTES: usize = 4096;
/// Most lines that one finding may span.
pub const MAX_SPAN_LINES: u32 = 10_000;

/// How bad a finding is. The order is the order of badness, so `max` gives the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; the change may land with it.
    #[n(0)]
    Low,
    /// Should be mended soon.
    #[n(1)]
    Medium,
    /// Must be mended before the change lands.
    #[n(2)]
    High,
    /// Exploitable or destructive; a security finding of this kind is a veto.
    #[n(3)]
    Critical,
}

/// One finding of one agent (or of several, after union).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
pub struct Finding {
    /// Rule id, `role/name`, for example `security/sql-injection`.
    #[n(0)]
    pub rule: String,
    /// Role whose analysers or model raised it, for example `security`.
    #[n(1)]
    pub role: String,
    /// How bad it is.
    #[n(2)]
    pub severity: Severity,
    /// Path in the changed tree, with `/`.
    #[n(3)]
    pub file: String,
    /// First line, 1-based, in the file after the change (before it, where the quote is a removed line). 0: the whole file.
    #[n(4)]
    pub line: u32,
    /// Last line, at least `line`.
    #[n(5)]
    pub end_line: u32,
    /// The offending text as it stands in the change; secrets are masked with [`MASK`].
    #[n(6)]
    pub quote: String,
    /// One line for a list.
    #[n(7)]
    pub title: String,
    /// Why it matters.
    #[n(8)]
    pub why: String,
    /// How to mend it.
    #[n(9)]
    pub fix: String,
    /// CWE number, where one applies.
    #[n(10)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwe: Option<u32>,
}

/// Stands in a quote for masked characters; the quote checker lets it match any run of characters of one line.
pub const MASK: &str = "•••";

/// Why a finding is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FindingError {
    /// A field beyond its limit.
    #[error("cannot take the finding: its {field} has {bytes} bytes, the limit is {limit}; shorten it")]
    TooLong {
        /// The field.
        field: &'static str,
        /// Its size.
        bytes: usize,
        /// Its limit.
        limit: usize,
    },
    /// A field that is empty, of the wrong form, or holds control characters.
    #[error("cannot take the finding: its {field} {why}; mend the agent that raised it")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// Not an encoded finding.
    #[error("cannot read the finding: it is no valid CBOR form ({why}); the sender must encode it again")]
    Malformed {
        /// What the decoder met.
        why: String,
    },
}

impl Finding {
    /// Checks the bounds and the form of every field. It does not look at the change: see [`Finding::quote_stands`].
    ///
    /// # Errors
    /// The first field that is out of bounds.
    pub fn validate(&self) -> Result<(), FindingError> {
        let fields: [(&'static str, &str, usize, bool); 7] = [
            ("rule", &self.rule, MAX_RULE_BYTES, false),
            ("role", &self.role, MAX_ROLE_BYTES, false),
            ("file", &self.file, crate::diff::MAX_PATH_BYTES, false),
            ("quote", &self.quote, MAX_QUOTE_BYTES, true),
            ("title", &self.title, MAX_TITLE_BYTES, false),
            ("why", &self.why, MAX_PROSE_BYTES, true),
            ("fix", &self.fix, MAX_PROSE_BYTES, true),
        ];
        for (field, text, limit, lines) in fields {
            if text.len() > limit {
                return Err(FindingError::TooLong {
                    field,
                    bytes: text.len(),
                    limit,
                });
            }
            if text
                .chars()
                .any(|c| c.is_control() && !(lines && (c == '\n' || c == '\t')))
            {
                return Err(FindingError::Field {
                    field,
                    why: "holds control characters",
                });
            }
            if text.trim().is_empty() && field != "fix" {
                return Err(FindingError::Field { field, why: "is empty" });
            }
        }
        let name = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !self
            .rule
            .split_once('/')
            .is_some_and(|(role, rule)| name(role) && name(rule))
        {
            return Err(FindingError::Field {
                field: "rule",
                why: "is not of the form `role/name`",
            });
        }
        if !name(&self.role) {
            return Err(FindingError::Field {
                field: "role",
                why: "is no name",
            });
        }
        if self.end_line < self.line || self.end_line - self.line > MAX_SPAN_LINES {
            return Err(FindingError::Field {
                field: "end_line",
                why: "is before its line or too far behind it",
            });
        }
        Ok(())
    }

    /// The encoding (CBOR array of the fields in their order).
    pub fn to_cbor(&self) -> Vec<u8> {
        // Writing to memory cannot fail, and no field can refuse to be encoded.
        minicbor::to_vec(self).unwrap_or_default()
    }

    /// Reads and validates a finding.
    ///
    /// # Errors
    /// When it is malformed or a field is out of bounds.
    pub fn from_cbor(bytes: &[u8]) -> Result<Finding, FindingError> {
        let finding: Finding = minicbor::decode(bytes).map_err(|e| FindingError::Malformed { why: e.to_string() })?;
        finding.validate()?;
        Ok(finding)
    }

    /// Names this finding for later dismissals: 32 hex digits over rule, file and quote. It stays the same when the
    /// lines move or the indentation changes, and changes with the quoted code. The same text twice in a file under the
    /// same rule has one fingerprint: a dismissal speaks about the text, not about the place.
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("bzzz 2026 finding fingerprint v1");
        for part in [self.rule.as_str(), &self.file, &unite::normal(&self.quote)] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        data_encoding::HEXLOWER.encode(&hasher.finalize().as_bytes()[..16])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn finding(rule: &str, file: &str) -> Finding {
        Finding {
            rule: rule.into(),
            role: "security".into(),
            severity: Severity::High,
            file: file.into(),
            line: 1,
            end_line: 1,
            quote: "quote".into(),
            title: "title".into(),
            why: "why".into(),
            fix: "fix".into(),
            cwe: None,
        }
    }

    #[test]
    fn encoding_round_trips() {
        let one = Finding {
            cwe: Some(89),
            quote: "a\n\tb".into(),
            ..finding("security/x", "a/b.rs")
        };
        assert_eq!(Finding::from_cbor(&one.to_cbor()), Ok(one.clone()));
        let bytes = one.to_cbor();
        for cut in 0..bytes.len() {
            assert!(Finding::from_cbor(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn fields_out_of_bounds_are_refused() {
        let good = || finding("security/x", "a.rs");
        let refused = [
            (
                "rule",
                Finding {
                    rule: "security".into(),
                    ..good()
                },
            ),
            (
                "rule",
                Finding {
                    rule: "security/a b".into(),
                    ..good()
                },
            ),
            (
                "rule",
                Finding {
                    rule: "x".repeat(MAX_RULE_BYTES + 1),
                    ..good()
                },
            ),
            (
                "role",
                Finding {
                    role: "a/b".into(),
                    ..good()
                },
            ),
            (
                "file",
                Finding {
                    file: String::new(),
                    ..good()
                },
            ),
            (
                "quote",
                Finding {
                    quote: "x".repeat(MAX_QUOTE_BYTES + 1),
                    ..good()
                },
            ),
            (
                "quote",
                Finding {
                    quote: " \n".into(),
                    ..good()
                },
            ),
            (
                "title",
                Finding {
                    title: "a\nb".into(),
                    ..good()
                },
            ),
            (
                "why",
                Finding {
                    why: "\u{1b}[31m".into(),
                    ..good()
                },
            ),
            (
                "fix",
                Finding {
                    fix: "x".repeat(MAX_PROSE_BYTES + 1),
                    ..good()
                },
            ),
            ("end_line", Finding { line: 2, ..good() }),
            (
                "end_line",
                Finding {
                    end_line: 2 + MAX_SPAN_LINES,
                    ..good()
                },
            ),
        ];
        for (field, bad) in refused {
            let said = Finding::from_cbor(&bad.to_cbor()).expect_err(field).to_string();
            assert!(said.contains(field), "{field}: {said}");
        }
        assert_eq!(good().validate(), Ok(()));
    }

    #[test]
    fn fingerprints_follow_the_text_not_the_place() {
        let one = finding("security/x", "a.rs");
        let print = one.fingerprint();
        assert_eq!(print.len(), 32);
        assert_eq!(
            Finding {
                line: 9,
                end_line: 9,
                quote: "  quote \n".into(),
                ..one.clone()
            }
            .fingerprint(),
            print
        );
        assert_ne!(
            Finding {
                quote: "other".into(),
                ..one.clone()
            }
            .fingerprint(),
            print
        );
        assert_ne!(
            Finding {
                file: "b.rs".into(),
                ..one.clone()
            }
            .fingerprint(),
            print
        );
        assert_ne!(
            Finding {
                rule: "security/y".into(),
                ..one
            }
            .fingerprint(),
            print
        );
    }
}
