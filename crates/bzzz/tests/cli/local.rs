//! Commands that need no node: doctor, completions, manual, colours.

use std::os::unix::fs::PermissionsExt;

use crate::support::Place;

fn health(place: &Place, name: &str, extra: &[&str]) -> String {
    let args: Vec<&str> = ["doctor", "--json"].iter().chain(extra).copied().collect();
    let ran = place.run(&args);
    let answer = ran.json();
    let worst = answer["health"].as_str().expect("a state").to_owned();
    assert_eq!(ran.code, Some(i32::from(worst == "fail")), "{ran:?}");
    let checks = answer["checks"].as_array().expect("checks");
    let check = checks
        .iter()
        .find(|check| check["name"] == name)
        .unwrap_or_else(|| panic!("{name}: {answer}"));
    assert!(
        check["health"] == "ok" || check["try"].is_string(),
        "{check} says nothing to do"
    );
    check["health"].as_str().expect("a state").to_owned()
}

#[test]
fn doctor_finds_what_is_wrong() {
    let place = Place::new();
    assert_eq!(health(&place, "data folder", &[]), "warn");
    place.run(&["init", "--data", "d"]).ok();
    let d = ["--data", "d"];
    assert_eq!(health(&place, "data folder", &d), "ok");
    assert_eq!(health(&place, "clock", &d), "ok");
    assert_eq!(health(&place, "git", &d), "ok");
    std::fs::set_permissions(place.path("d"), std::fs::Permissions::from_mode(0o755)).expect("rights");
    assert_eq!(health(&place, "data folder", &d), "warn");
    place.file("d/identity", "x");
    std::fs::set_permissions(place.path("d/identity"), std::fs::Permissions::from_mode(0o644)).expect("rights");
    assert_eq!(health(&place, "identity", &d), "fail");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    place.file("d/bzzz.toml", format!("[http]\nlisten = '{address}'\n"));
    assert_eq!(health(&place, "http port", &d), "fail");
    place.file("d/bzzz.toml", "[htp]\n");
    assert_eq!(health(&place, "settings", &d), "fail");
    std::fs::File::options()
        .write(true)
        .open(place.path("d/bzzz.toml"))
        .and_then(|file| {
            file.set_len(0)?;
            file.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(3_600))
        })
        .expect("a file of the future");
    assert_eq!(health(&place, "clock", &d), "fail");
}

#[test]
fn completions_and_manual_know_every_command() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.run(&["completions", shell]);
        for word in ["escalations", "fail-on", "rebuild"] {
            assert!(script.ok().out.contains(word), "{shell}: {word}");
        }
    }
    assert!(place.run(&["man"]).ok().out.contains(".TH bzzz 1"));
    let pages = place.run(&["man", "--dir", "pages", "--json"]).ok().json()["pages"].as_u64();
    assert_eq!(
        pages,
        Some(std::fs::read_dir(place.path("pages")).expect("the folder").count() as u64)
    );
    for page in ["bzzz.1", "bzzz-review.1", "bzzz-thread-reply.1", "bzzz-config-show.1"] {
        assert!(place.path("pages").join(page).exists(), "{page}");
    }
}

#[test]
fn the_shell_takes_its_completions() {
    let place = Place::new();
    place.run(&["completions", "bash"]).ok();
    let script = place.file("c.bash", place.run(&["completions", "bash"]).out);
    let output = std::process::Command::new("bash")
        .args(["-n", &script])
        .output()
        .expect("bash");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn colours_follow_the_flag() {
    let place = Place::new();
    assert!(place.run(&["doctor", "--color", "always"]).out.contains('\u{1b}'));
    assert!(!place.run(&["doctor"]).out.contains('\u{1b}'), "a pipe gets none");
    assert!(
        place
            .run_env(&["doctor", "--color", "always"], &[("NO_COLOR", "1")])
            .out
            .contains('\u{1b}'),
        "the flag wins"
    );
}

#[test]
fn bench_prints_a_line_for_each_figure() {
    let tiny = [
        "bench",
        "--seconds",
        "1",
        "--runs",
        "1",
        "--events",
        "400",
        "--lines",
        "30",
    ];
    let json = Place::new().run(&[&tiny[..], &["--json"]].concat()).ok().json();
    let figures = json["figures"].as_array().expect("figures");
    for name in ["cold-start", "review", "append-visible", "idle", "history"] {
        let mine: Vec<_> = figures.iter().filter(|f| f["name"] == name).collect();
        assert!(!mine.is_empty(), "{name} is not in {json}");
        for figure in mine {
            let said = |key: &str| figure[key].as_str().is_some_and(|text| !text.is_empty());
            assert!(said("what") && said("value") && said("how"), "{figure}");
        }
    }
    let text = Place::new().run(&[&tiny[..], &["review"]].concat());
    let text = &text.ok().out;
    assert!(text.contains("review 30 lines") && text.contains("≤ 2 s"), "{text}");
}
