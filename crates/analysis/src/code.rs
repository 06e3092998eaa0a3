//! What rules ask about code, the same over all languages: calls, strings that are built, assignments, functions, loops.

mod calls;
mod constants;
mod functions;
mod names;
mod strings;

pub(crate) use calls::*;
pub(crate) use constants::{goes_over, is_fixed, is_fixed_name};
pub(crate) use functions::*;
pub(crate) use names::*;
pub(crate) use strings::*;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::Lang;
    use crate::tree::Doc;

    fn doc(lang: Lang, text: &str) -> Doc {
        Doc::parse(lang, text.to_owned(), 1, false, true).ok().unwrap()
    }

    #[test]
    fn built_strings() {
        let pieces = |lang, text: &str| {
            let doc = doc(lang, text);
            let call = calls(&doc).next().unwrap();
            let found = built_string(call.args[0]);
            found.map(|b| {
                (
                    b.pieces.iter().map(|p| p.text().to_owned()).collect::<Vec<_>>(),
                    b.captured,
                )
            })
        };
        let some = |p: &[&str], c: &[&str]| {
            Some((
                p.iter().map(|s| s.to_string()).collect::<Vec<_>>(),
                c.iter().map(|s| s.to_string()).collect::<Vec<_>>(),
            ))
        };
        assert_eq!(pieces(Lang::Python, "f(f'a {x} b')"), some(&["x"], &[]));
        assert_eq!(pieces(Lang::Python, "f('a' + x + 'b')"), some(&["x"], &[]));
        assert_eq!(pieces(Lang::Python, "f('a %s' % (x, y))"), some(&["x", "y"], &[]));
        assert_eq!(pieces(Lang::Python, "f('a {}'.format(x))"), some(&["x"], &[]));
        assert_eq!(pieces(Lang::Python, "f('a')"), None);
        assert_eq!(pieces(Lang::Python, "f(a + b)"), None);
        assert_eq!(pieces(Lang::JavaScript, "f(`a ${x}`)"), some(&["x"], &[]));
        assert_eq!(pieces(Lang::JavaScript, "f('a' + x)"), some(&["x"], &[]));
        assert_eq!(
            pieces(Lang::Rust, "fn g() { f(&format!(\"a {x} {{y}}\", )); }"),
            some(&[], &["x"])
        );
        assert_eq!(
            pieces(Lang::Rust, "fn g() { f(format!(\"a {}\", x)); }"),
            some(&["x"], &[])
        );
    }

    #[test]
    fn names_are_followed() {
        let doc = doc(
            Lang::Python,
            "A = 'x'\ndef f(b):\n    q = A\n    q = q2\n    g(q, A, b)\n",
        );
        let call = calls(&doc).next().unwrap();
        let got: Vec<_> = call.args.iter().map(|a| follow(*a).text()).collect();
        assert_eq!(got, ["q2", "'x'", "b"]);
    }

    #[test]
    fn words_of_names() {
        assert_eq!(words("apiKey_V2"), ["api", "key", "v2"]);
        assert_eq!(words("API_KEY"), ["api", "key"]);
    }
}
