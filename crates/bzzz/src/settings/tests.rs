//! The layers over each other, and what they say when something is wrong.

use std::path::Path;

use super::problem::Problem;
use super::value::Value;
use super::{Flags, Layers, Settings};

struct Case {
    layers: Layers,
    _folder: tempfile::TempDir,
}

fn read(file: &str, variables: &[(&str, &str)], flags: impl FnOnce(&mut Flags)) -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("bzzz.toml");
    std::fs::write(&path, file).expect("a written file");
    let mut chosen = Flags {
        data: Some(folder.path().to_owned()),
        ..Flags::default()
    };
    flags(&mut chosen);
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Case {
        layers: Layers::read(&chosen, variables),
        _folder: folder,
    }
}

/// Problems as text, with the folder's name taken out.
fn problems(case: &Case) -> Vec<String> {
    let short = |problem: &Problem| {
        let folder = case
            .layers
            .file
            .as_deref()
            .and_then(Path::parent)
            .map(|path| format!("{}/", path.display()));
        let text = problem.to_string().replace(&folder.unwrap_or_default(), "");
        format!("{text} | {}", problem.hint.as_deref().unwrap_or(""))
    };
    case.layers.problems.iter().map(short).collect()
}

#[test]
fn later_sources_win() {
    let case = read(
        "[http]\nlisten = '127.0.0.1:1'\n[review]\ndeadline_s = 7\n[log]\nlevel = 'info'\n",
        &[
            ("BZZZ_HTTP__LISTEN", "127.0.0.1:2"),
            ("BZZZ_REVIEW__DEADLINE_S", "8"),
            ("BZZZ_AGENTS", "security, reviewer"),
        ],
        |flags| {
            flags
                .others
                .push(("http.listen", "--http", Value::Text("127.0.0.1:3".into())))
        },
    );
    let settings = Settings::from_layers(&case.layers).expect("good settings");
    assert_eq!(settings.http_listen.port(), 3);
    assert_eq!(settings.review.deadline_s, 8);
    assert_eq!(settings.log.level, "info");
    assert_eq!(
        settings
            .agents
            .iter()
            .map(|agent| agent.id.as_str())
            .collect::<Vec<_>>(),
        ["security", "reviewer"]
    );
    let source = |name| case.layers.source(name).map(ToString::to_string).unwrap_or_default();
    assert_eq!(source("http.listen"), "flag --http");
    assert_eq!(source("review.deadline_s"), "environment BZZZ_REVIEW__DEADLINE_S");
    assert!(source("log.level").ends_with("bzzz.toml:6"));
    assert_eq!(source("p2p.mdns"), "default");
}

#[test]
fn every_problem_is_told_with_its_line() {
    let case = read(
        "[p2p]\nlisen = []\nmdns = 'yes'\n[htp]\nlisten = '127.0.0.1:1'\n[review]\nfail_on = 'hihg'\ndeadline_s = 0\n\
         [budget]\ntask = '1.5'\n[store]\nurl = 'postgres://me:pw@h/d'\n",
        &[
            ("BZZZ_P2P__LISEN", "x"),
            ("BZZZ_HIVE_API_URL", "x"),
            ("BZZZ_SERVICE_HOST", "x"),
        ],
        |_| {},
    );
    insta::assert_snapshot!(problems(&case).join("\n"));
    assert!(Settings::from_layers(&case.layers).is_none());
}

#[test]
fn broken_toml_names_every_line() {
    let case = read("[p2p\nlisten = [\n[log]\nlevel = 'info'\nlevel = 'warn'\n", &[], |_| {});
    let text = problems(&case).join("\n");
    assert!(text.contains("bzzz.toml:1"), "{text}");
}

#[test]
fn agents_come_from_tables_and_roles() {
    let table = "[[agent]]\nid = 'sec-2'\nrole = 'security'\nmax_tasks = 5\n";
    let ids = |case: &Case| {
        let settings = Settings::from_layers(&case.layers).expect("good settings");
        settings
            .agents
            .iter()
            .map(|agent| format!("{}:{}:{}", agent.id, agent.role, agent.max_tasks))
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&read("", &[], |_| {})).len(), 5);
    assert_eq!(ids(&read(table, &[], |_| {})), ["sec-2:security:5"]);
    let both = format!("agents = ['reviewer']\n{table}");
    assert_eq!(
        ids(&read(&both, &[], |_| {})),
        ["reviewer:reviewer:3", "sec-2:security:5"]
    );
}

#[test]
fn bad_agents_are_refused() {
    let case = read(
        "[[agent]]\nrole = 'security'\nmax_task = 3\n[[agent]]\nid = 'a b'\n[[agent]]\nrole = 'x'\n[[agent]]\nrole = 'x'\n",
        &[],
        |_| {},
    );
    insta::assert_snapshot!(problems(&case).join("\n"));
}

#[test]
fn an_agent_that_says_too_much_of_itself_is_refused() {
    let names = |n: usize| (0..n).map(|i| format!("'{i:0>40}'")).collect::<Vec<_>>().join(",");
    let file = |n| format!("[[agent]]\nrole = 'security'\ncapabilities = [{}]\n", names(n));
    assert_eq!(problems(&read(&file(30), &[], |_| {})), Vec::<String>::new());
    let said = problems(&read(&file(60), &[], |_| {})).join("\n");
    assert!(
        said.contains("1600 go to others") && said.contains("fewer capabilities"),
        "{said}"
    );
}

#[test]
fn the_example_file_is_valid_as_it_stands_and_with_every_key_in_use() {
    let example = super::example::example(&[("node.owner", "Ada \"Co\"".to_owned())]);
    let case = read(&example, &[], |_| {});
    assert_eq!(problems(&case), Vec::<String>::new());
    assert_eq!(
        Settings::from_layers(&case.layers).expect("good settings").node.owner,
        "Ada \"Co\""
    );

    // Every commented key, put to use; the two paths would have to exist.
    let used: String = example
        .lines()
        .map(|line| {
            line.strip_prefix("# ")
                .filter(|rest| rest.contains(" = ") || rest.starts_with('['))
                .unwrap_or(line)
        })
        .filter(|line| !line.starts_with("data =") && !line.starts_with("private_key_file"))
        .map(|line| format!("{line}\n"))
        .collect();
    let case = read(&used, &[], |_| {});
    assert_eq!(problems(&case), Vec::<String>::new());
}

#[test]
fn a_file_in_the_data_folder_cannot_move_it() {
    let case = read("data = '/somewhere/else'\n", &[], |_| {});
    assert!(
        problems(&case)
            .iter()
            .any(|problem| problem.contains("names another one"))
    );
    let case = read("data = '.'\n", &[], |_| {});
    assert_eq!(problems(&case), Vec::<String>::new());
}

#[test]
fn secrets_are_masked() {
    let case = read("[store]\nurl = 'sqlite:/x?key=hunter2'\n", &[], |_| {});
    let text = serde_json::to_string(&super::show::listing(&case.layers)).expect("JSON");
    assert!(!text.contains("hunter2"), "{text}");
}
