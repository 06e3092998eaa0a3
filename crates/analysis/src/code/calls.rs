//! Calls.

use crate::tree::{Doc, Node};

/// Longest callee that is looked at as text, bytes.
const MAX_CALLEE_BYTES: u32 = 160;

/// A call in any language.
#[derive(Clone)]
pub(crate) struct Call<'d> {
    pub node: Node<'d>,
    /// The callee without white space, for example `self.db.execute`; empty when it is too long.
    pub path: String,
    /// Its last segment.
    pub name: &'d str,
    /// What the method is called on, for methods.
    pub receiver: Option<Node<'d>>,
    /// Positional arguments.
    pub args: Vec<Node<'d>>,
    /// Keyword arguments.
    pub keywords: Vec<(&'d str, Node<'d>)>,
}

impl<'d> Call<'d> {
    pub(crate) fn keyword(&self, name: &str) -> Option<Node<'d>> {
        self.keywords.iter().find(|(k, _)| *k == name).map(|(_, v)| *v)
    }

    pub(crate) fn path_is(&self, paths: &[&str]) -> bool {
        paths.contains(&self.path.as_str())
    }

    pub(crate) fn name_is(&self, names: &[&str]) -> bool {
        names.contains(&self.name)
    }
}

/// Kinds that [`call`] understands.
pub(crate) const CALLS: &[&str] = &["call", "call_expression", "new_expression"];

/// Reads a node as a call.
pub(crate) fn call(node: Node<'_>) -> Option<Call<'_>> {
    if !node.is(CALLS) {
        return None;
    }
    let mut callee = node.field("function").or_else(|| node.field("constructor"))?;
    if callee.kind() == "generic_function" {
        callee = callee.field("function")?;
    }
    let (receiver, last) = match callee.kind() {
        "attribute" => (callee.field("object"), callee.field("attribute")?),
        "member_expression" => (callee.field("object"), callee.field("property")?),
        "field_expression" => (callee.field("value"), callee.field("field")?),
        "scoped_identifier" => (None, callee.field("name")?),
        _ => (None, callee),
    };
    let path = callee
        .short_text(MAX_CALLEE_BYTES)
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect();
    let mut args = Vec::new();
    let mut keywords = Vec::new();
    if let Some(list) = node.field("arguments") {
        for arg in list.children() {
            match arg.kind() {
                "keyword_argument" => {
                    if let (Some(name), Some(value)) = (arg.field("name"), arg.field("value")) {
                        keywords.push((name.text(), value));
                    }
                }
                _ => args.push(arg),
            }
        }
    }
    Some(Call {
        node,
        path,
        name: last.short_text(MAX_CALLEE_BYTES),
        receiver,
        args,
        keywords,
    })
}

/// All calls of a text.
pub(crate) fn calls(doc: &Doc) -> impl Iterator<Item = Call<'_>> {
    doc.all(CALLS).filter_map(call)
}

/// All Rust macro calls with their names.
pub(crate) fn macros(doc: &Doc) -> impl Iterator<Item = (&str, Node<'_>)> {
    doc.all(&["macro_invocation"])
        .filter_map(|n| Some((n.field("macro")?.short_text(80), n)))
}
