//! What is written for people names tests: they exist, where it says.

use std::collections::BTreeSet;
use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every function of the sources and of the tests.
fn functions() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src"), root.join("tests/it")];
    let mut found = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let names = text.split("fn ").skip(1).filter_map(|after| after.split('(').next());
                found.extend(names.map(str::to_owned));
            }
        }
    }
    found
}

/// The rows of tables, and what stands in their backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let rows = text.lines().filter(|line| line.starts_with('|'));
    rows.flat_map(|row| row.split('`').skip(1).step_by(2))
}

/// A sentence in the form of a function's name.
fn is_test(quoted: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    quoted.matches('_').count() >= 3 && quoted.chars().all(plain)
}

#[test]
fn every_test_that_the_papers_name_is_there() {
    let known = functions();
    let mut named = 0;
    for paper in ["README.md", "src/ARCHITECTURE.md"] {
        let text = read(paper);
        for test in quoted(&text).filter(|quoted| is_test(quoted)) {
            named += 1;
            assert!(known.contains(test), "{paper} names `{test}`, and there is no such test");
        }
    }
    assert!(named > 50, "{named} tests are named: were the tables read?");
}

#[test]
fn every_file_that_the_papers_name_is_there() {
    for paper in ["README.md", "src/ARCHITECTURE.md"] {
        let text = read(paper);
        let files = quoted(&text).filter(|quoted| {
            ["src/", "tests/", "config/"].iter().any(|folder| quoted.starts_with(folder))
        });
        for file in files {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            assert!(path.exists(), "{paper} names `{file}`, and there is no such file");
        }
    }
}

#[test]
fn the_words_about_privacy_are_exact() {
    let words = read("README.md").split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "No identifier of a person is asked for, set or read; no cookie, no storage.",
        "address and agent in memory, at most 24 h, against fraud.",
        "query and fragment never",
        "`full`, `basic` (no viewport observation, no visitor key; Sec-GPC implies it), `none`.",
        "limits 24 h, decision log 90 days, ledger by law.",
    ] {
        assert!(words.contains(said), "{said}");
    }
}
