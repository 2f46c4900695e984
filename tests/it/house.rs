//! The shape of the source: layers, sizes and names.

use std::path::Path;

/// Bottom to top. A module may use its own line's other members never, lines above its own always.
const LAYERS: &[&[&str]] = &[
    &["domain"],
    &["pacing", "token", "traffic"],
    &["selection"],
    &["clock", "telemetry", "metrics"],
    &["config"],
    &["journal", "catalog"],
    &["store"],
    &["ledger", "decision_log"],
    &["server"],
    &["web"],
    &["http"],
    &["adapters"],
    &["app"],
    &["cli"],
];

/// Rules take time and chance as arguments and never wait.
const PURE: &[&str] = &["domain", "pacing", "token", "traffic", "selection"];

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn module_of(path: &str) -> &str {
    path.strip_prefix("src/").unwrap().split(['/', '.']).next().unwrap()
}

#[test]
fn modules_use_only_the_layers_below_them() {
    let layer = |name: &str| LAYERS.iter().position(|line| line.contains(&name));
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let module = module_of(&path).to_owned();
        let Some(own) = layer(&module) else { continue };
        for used in text.split("crate::").skip(1) {
            let used: String =
                used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            match layer(&used) {
                Some(other) if used != module && other >= own => {
                    wrong.push(format!("{path}: {used}"));
                }
                None => wrong.push(format!("{path}: `{used}` is in no layer")),
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn rules_neither_wait_nor_read_the_clock_nor_touch_the_world() {
    let forbidden = [
        "async ",
        ".await",
        "Timestamp::now",
        "SystemTime",
        "Instant::now",
        "std::fs",
        "std::net::Tcp",
        "rand::rng",
    ];
    let wrong: Vec<String> = sources()
        .iter()
        .filter(|(path, _)| PURE.contains(&module_of(path)))
        .flat_map(|(path, text)| {
            let code = text.split("#[cfg(test)]").next().unwrap_or(text);
            forbidden
                .iter()
                .filter(move |word| code.contains(**word))
                .map(move |word| format!("{path}: {word}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_file_is_one_idea_of_400_lines_at_most() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|(_, text)| text.lines().count() > 400)
        .map(|(path, text)| format!("{path}: {}", text.lines().count()))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn no_module_is_a_drawer_for_odds_and_ends() {
    let drawers = ["utils", "util", "common", "helpers", "misc", "manager"];
    let wrong: Vec<String> = sources()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| path.split(['/', '.']).any(|part| drawers.contains(&part)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn main_is_under_25_lines() {
    let (_, text) = sources().into_iter().find(|(path, _)| path == "src/main.rs").unwrap();
    assert!(text.lines().count() < 25);
}
