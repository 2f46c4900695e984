//! Structure of the source: layers, file sizes and names.

use std::path::Path;

/// Layers from bottom to top. A module may use modules of the rows above its own row in this table,
/// and no module of its own row.
const LAYERS: &[&[&str]] = &[
    &["domain"],
    &["pacing", "token", "traffic"],
    &["selection"],
    &["blocking", "clock", "telemetry", "metrics"],
    &["config"],
    &["journal", "catalog"],
    &["store"],
    &["ledger", "decision_log"],
    &["world"],
    &["reporting", "explain"],
    &["events"],
    &["delivery", "publishing"],
    &["web"],
    &["http"],
    &["adapters"],
    &["app"],
    &["cli"],
];

/// Modules of rules: they take time and chance as arguments and never wait.
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
    let layer = |name: &str| LAYERS.iter().position(|row| row.contains(&name));
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let module = module_of(&path).to_owned();
        let Some(module_layer) = layer(&module) else { continue };
        for used in text.split("crate::").skip(1) {
            let used: String =
                used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            match layer(&used) {
                Some(used_layer) if used != module && used_layer >= module_layer => {
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
fn the_architecture_lists_every_module_in_its_layer() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ARCHITECTURE.md");
    let text = std::fs::read_to_string(path).unwrap();
    let section = text.split("\n## Layers\n").nth(1).unwrap();
    let rows = section.split("\n\n").find(|block| block.starts_with('|')).unwrap();
    let listed: Vec<String> = rows.lines().skip(2).map(layer_and_module).collect();
    let layers = (1..).zip(LAYERS);
    let enforced: Vec<String> = layers
        .flat_map(|(layer, modules)| modules.iter().map(move |name| format!("{layer} `{name}`")))
        .collect();
    assert_eq!(listed, enforced);
}

/// The first two cells of a row.
fn layer_and_module(row: &str) -> String {
    let cells: Vec<&str> = row.split('|').skip(1).take(2).map(str::trim).collect();
    cells.join(" ")
}

#[test]
fn rules_neither_wait_nor_read_the_clock_nor_do_io() {
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
fn a_file_has_at_most_400_lines() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|(_, text)| text.lines().count() > 400)
        .map(|(path, text)| format!("{path}: {}", text.lines().count()))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn no_module_has_a_catch_all_name() {
    let catch_all = ["utils", "util", "common", "helpers", "misc", "manager"];
    let wrong: Vec<String> = sources()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| path.split(['/', '.']).any(|part| catch_all.contains(&part)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn main_is_under_25_lines() {
    let (_, text) = sources().into_iter().find(|(path, _)| path == "src/main.rs").unwrap();
    assert!(text.lines().count() < 25);
}
