//! The README, the guides and the architecture document state facts: what they name exists, and what
//! they show works. Their prose is not tested.

use crate::structure::rust_files;
use adjacent::domain::event::{InvalidReason, NoFill};
use adjacent::metrics::Metrics;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The most lines of the README.
const README_LINES: usize = 150;

/// Sections of `config/adjacent.toml`.
const SECTIONS: [&str; 12] = [
    "server",
    "store",
    "weights",
    "windows",
    "request",
    "limits",
    "traffic",
    "review",
    "snapshot",
    "decision_log",
    "adapters",
    "logs",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The guides, by their paths in the repository.
fn guides() -> Vec<String> {
    let mut found: Vec<String> = std::fs::read_dir(root().join("src/web/guides"))
        .unwrap()
        .map(|entry| format!("src/web/guides/{}", entry.unwrap().file_name().to_string_lossy()))
        .collect();
    found.sort();
    assert!(found.len() >= 8, "{found:?}");
    found
}

/// Every document that is checked.
fn documents() -> Vec<String> {
    let others = ["README.md", "src/ARCHITECTURE.md", "src/web/package/README.md"];
    guides().into_iter().chain(others.map(str::to_owned)).collect()
}

/// Every function of the sources and of the tests.
fn functions() -> BTreeSet<String> {
    let files = rust_files("src").into_iter().chain(rust_files("tests/it"));
    let names = |(_, text): (String, String)| {
        let all = text.split("fn ").skip(1).filter_map(|after| after.split('(').next());
        all.map(str::to_owned).collect::<Vec<_>>()
    };
    files.flat_map(names).collect()
}

/// The text between backquotes in the rows of tables.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let rows = text.lines().filter(|line| line.starts_with('|'));
    rows.flat_map(|row| row.split('`').skip(1).step_by(2))
}

/// The code blocks of a language.
fn fences(text: &str, language: &str) -> Vec<String> {
    let (mut found, mut open): (Vec<String>, Option<bool>) = (Vec::new(), None);
    for line in text.lines() {
        match (line.strip_prefix("```"), open) {
            (Some(info), None) => {
                let is_wanted = info.split_whitespace().next() == Some(language);
                open = Some(is_wanted);
                if is_wanted {
                    found.push(String::new());
                }
            }
            (Some(_), Some(_)) => open = None,
            (None, Some(true)) => {
                let block = found.last_mut().unwrap();
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    found
}

/// The text without code blocks.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let outside = text.lines().filter(|line| {
        let is_fence = line.starts_with("```");
        is_code ^= is_fence;
        !is_fence && !is_code
    });
    outside.collect::<Vec<_>>().join("\n")
}

/// The targets of links and images.
fn links(text: &str) -> Vec<String> {
    let ends = prose(text);
    let found = ends.split("](").skip(1).filter_map(|after| after.split(')').next());
    found.map(str::to_owned).collect()
}

/// The anchors of a document, as the renderer of `/docs` writes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let headings = prose(text);
    let headings = headings.lines().filter_map(|line| line.strip_prefix("## "));
    headings.map(|words| words.replace('`', "").chars().map(plain).collect()).collect()
}

fn adjacent(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adjacent"));
    command.args(arguments).current_dir(root()).stdin(Stdio::null()).output().unwrap()
}

fn out(arguments: &[&str]) -> String {
    let output = adjacent(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A sentence in the form of a function's name.
fn is_test(quoted: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    quoted.matches('_').count() >= 3
        && quoted.chars().all(plain)
        && !quoted.starts_with("adjacent_")
}

#[test]
fn the_readme_is_short() {
    let lines = read("README.md").lines().count();
    assert!(lines <= README_LINES, "{lines} lines: move details to src/web/guides");
}

#[test]
fn every_test_named_in_a_table_exists() {
    let known = functions();
    for document in ["src/web/guides/guarantees.md", "src/ARCHITECTURE.md"] {
        let text = read(document);
        let named: Vec<&str> = quoted(&text).filter(|quoted| is_test(quoted)).collect();
        assert!(!named.is_empty(), "{document} names no test: were its tables read?");
        for test in named {
            assert!(known.contains(test), "{document} names `{test}`, and there is no such test");
        }
    }
}

#[test]
fn every_file_named_in_a_table_exists() {
    for document in documents() {
        let text = read(&document);
        let files = quoted(&text).filter(|quoted| {
            ["src/", "tests/", "config/"].iter().any(|folder| quoted.starts_with(folder))
        });
        for file in files {
            assert!(root().join(file).exists(), "{document} names `{file}`, which does not exist");
        }
    }
}

#[test]
fn every_link_between_documents_resolves() {
    for document in documents() {
        let text = read(&document);
        let folder = root().join(&document).parent().unwrap().to_owned();
        for link in
            links(&text).iter().filter(|link| !link.starts_with("http") && !link.contains("::"))
        {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target: PathBuf =
                if file.is_empty() { root().join(&document) } else { folder.join(file) };
            assert!(target.exists(), "{document} links to `{link}`, which does not exist");
            if !anchor.is_empty() {
                let known = anchors(&std::fs::read_to_string(&target).unwrap());
                assert!(known.contains(anchor), "{document} links to `{link}`: no such heading");
            }
        }
    }
}

#[test]
fn every_guide_is_linked_from_the_readme() {
    let readme = read("README.md");
    for guide in guides() {
        assert!(readme.contains(&format!("]({guide})")), "README.md does not link to {guide}");
    }
}

#[test]
fn the_campaign_of_the_readme_is_valid() {
    let snippets = fences(&read("README.md"), "toml");
    assert_eq!(snippets.len(), 1, "one TOML snippet");
    let folder = tempfile::tempdir().unwrap();
    let example = root().join("config/inventory");
    for inner in ["", "pictures"] {
        std::fs::create_dir_all(folder.path().join(inner)).unwrap();
        for entry in std::fs::read_dir(example.join(inner)).unwrap() {
            let from = entry.unwrap().path();
            if from.is_file() {
                std::fs::copy(&from, folder.path().join(inner).join(from.file_name().unwrap()))
                    .unwrap();
            }
        }
    }
    std::fs::write(folder.path().join("acme.toml"), &snippets[0]).unwrap();
    let said = out(&["check", folder.path().to_str().unwrap()]);
    assert!(said.starts_with("valid"), "{said}");
}

#[test]
fn every_command_in_a_code_block_exists_with_its_flags() {
    let mut commands: BTreeSet<(Vec<String>, Vec<String>)> = BTreeSet::new();
    for document in documents() {
        let text = read(&document);
        for line in fences(&text, "sh").concat().replace("\\\n", " ").lines() {
            let code = line.split(" #").next().unwrap();
            let mut words = code.split_whitespace().skip_while(|word| {
                *word != "adjacent" && !word.ends_with("/adjacent") || word.contains('=')
            });
            if words.next().is_none() || code.trim_start().starts_with("docker") {
                continue;
            }
            let words: Vec<&str> = words.collect();
            let verbs =
                words.iter().take_while(|word| word.bytes().all(|b| b.is_ascii_lowercase()));
            let flags = words.iter().filter(|word| word.starts_with("--"));
            commands.insert((
                verbs.map(|word| (*word).to_owned()).collect(),
                flags.map(|word| (*word).to_owned()).collect(),
            ));
        }
    }
    assert!(commands.len() > 15, "{commands:?}");
    for (verbs, flags) in commands {
        // A word after the verb may be an argument of it, such as `explain DECISION`.
        let help = (0..=verbs.len().min(2)).rev().find_map(|many| {
            let verbs = verbs[..many].iter().map(String::as_str);
            let output = adjacent(&verbs.chain(["--help"]).collect::<Vec<_>>());
            output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
        });
        let help = help.unwrap_or_else(|| panic!("no such command: {verbs:?}"));
        for flag in flags {
            assert!(help.contains(&flag), "{verbs:?} has no flag {flag}");
        }
    }
}

#[test]
fn every_setting_named_in_a_table_exists() {
    let schema = out(&["schema", "config"]);
    let mut named = 0;
    for document in guides() {
        let text = read(&document);
        for setting in quoted(&text) {
            let Some((section, key)) = setting.split_once('.') else { continue };
            let is_key = |key: &str| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            if SECTIONS.contains(&section) && is_key(key) {
                named += 1;
                assert!(schema.contains(&format!("\"{key}\"")), "{document}: no setting {setting}");
            }
        }
    }
    assert!(named > 30, "{named} settings are named: were the tables read?");
}

/// The settings that a comment of `config/adjacent.toml` marks as live; `section.*` for a whole one.
fn live_settings() -> BTreeSet<String> {
    let (mut found, mut section) = (BTreeSet::new(), String::new());
    for line in read("config/adjacent.toml").lines() {
        let is_live = line.contains("# live");
        let line = line.trim_start_matches("# ");
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            section = name.to_owned();
            let is_listed = |parent: &str| found.contains(&format!("{parent}.*"));
            if is_live && !section.rsplit_once('.').is_some_and(|(parent, _)| is_listed(parent)) {
                found.insert(format!("{section}.*"));
            }
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| is_live) {
            found.insert(format!("{section}.{key}"));
        }
    }
    found
}

#[test]
fn the_operator_guide_names_exactly_the_live_settings() {
    let guide = read("src/web/guides/operator.md");
    let table = guide.split("| live setting |").nth(1).unwrap().split("\n\n").next().unwrap();
    let rows = table.lines().skip(2).filter_map(|row| row.split('|').nth(1));
    let named: BTreeSet<String> =
        rows.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect();
    assert_eq!(named, live_settings());
}

#[test]
fn every_metric_named_in_a_table_exists() {
    for document in guides() {
        let text = read(&document);
        for series in quoted(&text).filter_map(|quoted| quoted.strip_prefix("adjacent_")) {
            let name = series.split(|c: char| !c.is_ascii_lowercase() && c != '_').next().unwrap();
            assert!(
                Metrics::NAMES.contains(&name),
                "{document} names `adjacent_{series}`, which is no series"
            );
        }
    }
}

#[test]
fn the_guides_list_every_reason_and_every_error_code() {
    let publisher = read("src/web/guides/publisher.md");
    for reason in NoFill::ALL {
        assert!(publisher.contains(&format!("`{reason}`")), "publisher.md lacks {reason}");
    }
    let advertiser = read("src/web/guides/advertiser.md");
    for reason in InvalidReason::ALL {
        assert!(advertiser.contains(&format!("`{reason}`")), "advertiser.md lacks {reason}");
    }
    let openapi: serde_json::Value = serde_json::from_str(&out(&["openapi"])).unwrap();
    let about = openapi["info"]["description"].as_str().unwrap().to_owned();
    let codes: BTreeSet<&str> = about
        .lines()
        .filter_map(|line| line.strip_prefix("- `").and_then(|rest| rest.split('`').next()))
        .collect();
    let api = read("src/web/guides/api.md");
    let errors = api.split("## Errors").nth(1).unwrap();
    let named: BTreeSet<&str> = quoted(errors)
        .filter(|quoted| quoted.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        .collect();
    assert_eq!(named, codes);
}
