//! Structure of the source: layers, import cycles, file sizes and names.

use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

/// Layers from bottom to top. A module may use modules of the rows above its own row in this table,
/// and no module of its own row.
const LAYERS: &[&[&str]] = &[
    &["domain"],
    &["pacing", "learning", "token", "traffic"],
    &["selection"],
    &["blocking", "local_wait", "clock", "telemetry", "metrics"],
    &["config"],
    &["journal", "notices", "catalog"],
    &["store"],
    &["ledger", "decision_log"],
    &["cluster"],
    &["world"],
    &["reporting", "explain", "forecast"],
    &["replay", "events"],
    &["delivery", "publishing"],
    &["web"],
    &["http"],
    &["adapters"],
    &["app"],
    &["cli"],
];

/// Modules of rules: they take time and chance as arguments and never wait.
const PURE: &[&str] = &["domain", "pacing", "learning", "token", "traffic", "selection"];

fn sources() -> Vec<(String, String)> {
    rust_files("src")
}

/// The Rust files below a folder, with their texts.
pub fn rust_files(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join(folder)];
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

/// Comments, strings and characters.
static NOT_CODE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r##"(?s)//[^\n]*|/\*.*?\*/|(?-u:\b)b?r#".*?"#|(?-u:\b)b?r".*?"|"(?:\\.|[^"\\])*"|'(?:\\[^\n]+?|[^\\'\n])'"##,
    ).unwrap()
});
/// What stands before the body of an item that is only compiled for tests.
static TEST_ITEM: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"#\[cfg\((?:all\()?test(?-u:\b)[^\]]*\][^;{]*").unwrap());
/// The declaration of a test module in a file of its own.
static TEST_MODULE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"#\[cfg\(test\)\]\s*(?:#\[path = "(.+?)\.rs"\]\s*)?(?:pub(?:\(.+?\))? )?mod ([0-9A-Za-z_]+);"#).unwrap()
});
/// A path from the crate or a parent; the first group matches that of a visibility.
static MODULE_PATH: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(in )?(?-u:\b)(crate::|(?:super::)+)([0-9A-Za-z_:]*)(\{)?").unwrap()
});

/// The code of a file without comments, strings and items under `#[cfg(test)]`.
fn product_code(text: &str) -> String {
    let mut code = NOT_CODE.replace_all(text, " ").into_owned();
    while let Some(found) = TEST_ITEM.find(&code) {
        let mut depth = 0;
        let end = code[found.end()..].find(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0
        });
        code.replace_range(found.start()..=found.end() + end.unwrap(), "");
    }
    code
}

/// Files and folders of test modules, such as `journal/properties`.
fn test_modules(name: &str, text: &str) -> Vec<String> {
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let is_root = name.ends_with("mod.rs") || name == "lib.rs";
    let inner = if is_root { folder } else { name.trim_end_matches(".rs") };
    let of = |found: regex::Captures<'_>| match found.get(1) {
        Some(path) => format!("{folder}/{}", path.as_str()),
        None => format!("{inner}/{}", &found[2]),
    };
    TEST_MODULE.captures_iter(text).map(of).collect()
}

/// Reads the group of paths that begins behind a `{`, and appends each with its prefix; returns the rest.
fn read_group<'a>(prefix: &str, mut text: &'a str, paths: &mut Vec<String>) -> &'a str {
    loop {
        let end = text.find([',', '{', '}']).unwrap();
        let word = text[..end].split_whitespace().next().unwrap_or_default();
        let path = format!("{prefix}{word}");
        let separator = text.as_bytes()[end];
        text = &text[end + 1..];
        if separator == b'{' {
            text = read_group(&path, text, paths);
        } else {
            paths.push(path);
        }
        if separator == b'}' {
            return text;
        }
    }
}

/// The files that each file imports: those that define the modules of its `crate::` and `super::`
/// paths. Tests do not count.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let sources: Vec<(String, String)> = sources()
        .into_iter()
        .map(|(path, text)| (path.strip_prefix("src/").unwrap().to_owned(), text))
        .collect();
    let tests: Vec<String> =
        sources.iter().flat_map(|(name, text)| test_modules(name, text)).collect();
    let is_test = |name: &str| {
        let under = |test: &String| {
            name.strip_prefix(&**test).is_some_and(|rest| rest.starts_with(['/', '.']))
        };
        tests.iter().any(under)
    };
    let code: BTreeMap<String, String> = sources
        .iter()
        .filter(|(name, _)| !is_test(name))
        .map(|(name, text)| (name.clone(), product_code(text)))
        .collect();
    let defining_file = |path: &str| {
        let parts: Vec<&str> = path.split("::").collect();
        (1..=parts.len()).rev().find_map(|count| {
            let base = parts[..count].join("/");
            let files = [format!("{base}.rs"), format!("{base}/mod.rs")];
            files.into_iter().find(|file| code.contains_key(file))
        })
    };
    let imported = |(name, code): (&String, &String)| {
        let here = name.trim_end_matches(".rs").trim_end_matches("/mod").replace('/', "::");
        let mut paths = Vec::new();
        for found in MODULE_PATH.captures_iter(code).filter(|found| found.get(1).is_none()) {
            let parents = found[2].matches("super").count();
            let mut base = here.split("::").collect::<Vec<_>>();
            base.truncate(if parents == 0 { 0 } else { base.len() - parents });
            let prefix =
                base.iter().map(|part| format!("{part}::")).collect::<String>() + &found[3];
            match found.get(4) {
                Some(brace) => drop(read_group(&prefix, &code[brace.end()..], &mut paths)),
                None => paths.push(prefix),
            }
        }
        let files = paths.iter().filter_map(|path| defining_file(path));
        (name.clone(), files.filter(|file| file != name).collect())
    };
    code.iter().map(imported).collect()
}

/// The sets of nodes that reach each other, each as a sorted list.
fn cycles(edges: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let reached = |from: &String| {
        let mut found = BTreeSet::new();
        let mut open = vec![from];
        while let Some(node) = open.pop() {
            open.extend(edges[node].iter().filter(|next| found.insert((*next).clone())));
        }
        found
    };
    let reached: BTreeMap<&String, BTreeSet<String>> =
        edges.keys().map(|node| (node, reached(node))).collect();
    let cycle_of = |(node, others): (&&String, &BTreeSet<String>)| {
        let mutual = others.iter().filter(|other| reached[other].contains(*node));
        mutual.map(String::as_str).collect::<Vec<_>>().join(", ")
    };
    reached.iter().map(cycle_of).filter(|cycle| !cycle.is_empty()).collect()
}

#[test]
fn neither_files_nor_folders_import_each_other_in_a_cycle() {
    let files = imports();
    let folder = |name: &String| name.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    let mut folders: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, imported) in &files {
        let own = folder(name);
        let others = imported.iter().map(folder).filter(|other| *other != own);
        folders.entry(own.clone()).or_default().extend(others);
    }
    let found: BTreeSet<String> = cycles(&files).into_iter().chain(cycles(&folders)).collect();
    assert_eq!(found, BTreeSet::new());
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
