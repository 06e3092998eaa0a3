//! The table in `docs/analysis.md` lists exactly the rules that there are. `UPDATE_DOCS=1 cargo test -p bzzz-analysis
//! --test book` writes it anew.

const BEGIN: &str = "<!-- rules: written by the test `book` of bzzz-analysis -->\n";
const END: &str = "<!-- end of rules -->\n";

fn table() -> String {
    let mut out = String::new();
    for role in bzzz_analysis::roles() {
        out +=
            &format!("\n### {role}\n\n| rule | severity | languages | what it says | CWE |\n|---|---|---|---|---|\n");
        for rule in bzzz_analysis::rules().iter().filter(|r| r.role == *role) {
            let languages: Vec<&str> = rule.languages.iter().map(|l| l.name()).collect();
            let languages = if languages.is_empty() {
                "any text".to_owned()
            } else {
                languages.join(", ")
            };
            let cwe = rule.cwe.map_or(String::new(), |n| {
                format!("[{n}](https://cwe.mitre.org/data/definitions/{n}.html)")
            });
            let severity = format!("{:?}", rule.severity).to_lowercase();
            out += &format!(
                "| `{}` | {severity} | {languages} | {} | {cwe} |\n",
                rule.id, rule.title
            );
        }
    }
    out.push('\n');
    out
}

#[test]
fn the_table_of_rules_is_up_to_date() {
    let path = format!("{}/../../docs/analysis.md", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("docs/analysis.md is part of the repository");
    let (head, rest) = text.split_once(BEGIN).expect("the begin mark");
    let (_, tail) = rest.split_once(END).expect("the end mark");
    let wanted = format!("{head}{BEGIN}{}{END}{tail}", table());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted).expect("docs/analysis.md can be written");
    } else {
        assert!(
            text == wanted,
            "docs/analysis.md is out of date: run UPDATE_DOCS=1 cargo test -p bzzz-analysis --test book"
        );
    }
}
