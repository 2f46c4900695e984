//! Names and texts use the standard terms of ad serving, measurement, Prometheus and databases. This
//! check keeps out words and phrases that only this project once used for them; it lists words, and
//! judges no style.

use std::path::Path;
use std::process::Command;

/// Words, whole or as a part of an identifier, and the term to use instead.
const WORDS: &[(&str, &str)] = &[
    ("purse", "campaign budget"),
    ("purses", "campaign budgets"),
    ("sighting", "event context, region signals or visitor activity"),
    ("sightings", "event context, region signals or visitor activity"),
    ("whoever", "the caller, the operator, …: name the subject"),
    ("whomever", "the caller, the operator, …: name the subject"),
    ("nobody", "no caller, no instance, …: name the subject"),
    ("somebody", "a caller, an operator, …: name the subject"),
    ("nought", "0 or zero"),
    ("manners", "security headers, or HTTP conformance"),
    ("lending", "leasing"),
    ("lent", "leased"),
    ("gallery", "images"),
    ("crowd", "fleet or membership"),
    ("crowds", "fleets or memberships"),
    ("kin", "brand group"),
    ("rival", "competitor"),
    ("rivals", "competitors"),
    ("rivalry", "competition"),
    ("sector", "category"),
    ("sectors", "categories"),
    ("bookkeeper", "reconciler"),
    ("bookkeeping", "reconciliation"),
    ("mend", "fix or repair"),
    ("mends", "fixes or repairs"),
    ("mended", "fixed or repaired"),
    ("mending", "repair"),
    ("stranger", "unknown caller"),
    ("strangers", "unknown callers"),
    ("robot", "bot"),
    ("robots", "bots"),
    ("unparsable", "malformed"),
    ("hitherto", "until now"),
    ("foretell", "predict"),
    ("foretold", "predicted"),
];

/// Phrases, in lower case, and what to write instead.
const PHRASES: &[(&str, &str)] = &[
    ("ours to mend", "internal error"),
    ("is told", "is reported to, receives, reads, …: say what happens"),
    ("are told", "are reported to, receive, read, …: say what happens"),
    ("was told", "was reported to, received, read, …: say what happens"),
    ("were told", "were reported to, received, read, …: say what happens"),
    ("be told", "be reported to, receive, read, …: say what happens"),
    ("house units alone", "house ads only"),
    ("line of business", "category"),
    ("lines of business", "categories"),
    ("put aside", "quarantined"),
    ("puts aside", "quarantines"),
    ("picture exchange", "image replication"),
    ("is no more", "no longer exists"),
    ("for ever and", "always"),
    ("needs force", "confirmation required"),
];

/// Exceptions: standard names and old names that must be recognised. A path (empty: every file) and a
/// part of the line.
const ALLOWED: &[(&str, &str)] = &[
    ("tests/tools/agents.py", "robots_token"),
    ("", "name=\"robots\""),
    ("", "name=\\\"robots\\\""),
    ("", "robots.txt"),
    ("", "X-Robots-Tag"),
    ("src/journal/simulated_disk.rs", "SECTOR"),
    ("src/config/suggestion.rs", "sector"),
    ("src/config/suggestion.rs", "(\"bookkeeping_seconds\""),
    ("config/inventory/others.toml", "Bookkeeping"), // a sponsor's trade
];

/// Files that hold other people's words.
fn is_foreign(path: &str) -> bool {
    const FOREIGN: [&str; 10] = [
        "tests/data/",
        "tests/it/language.rs",
        "src/traffic/crawlers.txt",
        "src/traffic/ai_agents.txt",
        "src/web/built/",
        "src/catalog/upgrade.rs",
        "tests/it/recorded.rs",
        "Cargo.lock",
        "LICENSE",
        "package-lock.json",
    ];
    FOREIGN.iter().any(|part| path.starts_with(part) || path.ends_with(part))
}

/// The project's text files, as git lists them, or those of the folders where there is no git.
fn files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = Command::new("git").args(["ls-files"]).current_dir(root).output();
    let mut names: Vec<String> = match listed {
        Ok(output) if output.status.success() => {
            String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    if names.is_empty() {
        for folder in ["src", "tests", "benches", "config", "dashboards"] {
            walk(root, &root.join(folder), &mut names);
        }
        names.extend(["README.md", "CHANGELOG.md"].map(str::to_owned));
    }
    let text = |name: String| Some((name.clone(), std::fs::read_to_string(root.join(name)).ok()?));
    names.into_iter().filter(|name| !is_foreign(name)).filter_map(text).collect()
}

fn walk(root: &Path, folder: &Path, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("node_modules") {
                walk(root, &path, names);
            }
        } else {
            names.push(path.strip_prefix(root).unwrap().display().to_string());
        }
    }
}

/// The words of a line in lower case; identifiers are split at `_` and before capitals.
fn words(line: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut was_lower = false;
    for char in line.chars() {
        if !char.is_alphabetic() || (char.is_uppercase() && was_lower) {
            found.push(String::new());
        }
        if char.is_alphabetic() {
            found.last_mut().unwrap().extend(char.to_lowercase());
        }
        was_lower = char.is_lowercase();
    }
    found.retain(|word| !word.is_empty());
    found
}

/// What a line uses of the lists, and the term to use instead.
fn findings(line: &str) -> Vec<(&'static str, &'static str)> {
    let words = words(line);
    let spaced = words.join(" ");
    let padded = format!(" {spaced} ");
    let single = WORDS.iter().filter(|(word, _)| words.iter().any(|own| own == word));
    let phrases = PHRASES.iter().filter(|(phrase, _)| padded.contains(&format!(" {phrase} ")));
    single.chain(phrases).copied().collect()
}

#[test]
fn names_and_texts_use_standard_terms() {
    let mut wrong = Vec::new();
    let files = files();
    assert!(files.len() > 300, "{} files", files.len());
    for (path, text) in &files {
        let lines = std::iter::once((0, path.as_str())).chain((1..).zip(text.lines()));
        for (number, line) in lines {
            let allowed = |(file, part): &(&str, &str)| {
                (file.is_empty() || path == file) && line.contains(part)
            };
            if ALLOWED.iter().any(allowed) {
                continue;
            }
            for (word, instead) in findings(line) {
                wrong.push(format!("{path}:{number}: \"{word}\": write {instead}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} places:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn words_are_found_in_sentences_identifiers_and_phrases() {
    let found = |line| findings(line).into_iter().map(|(word, _)| word).collect::<Vec<_>>();
    assert_eq!(found("let purse = Purse::default(); // Nobody knows"), ["purse", "nobody"]);
    assert_eq!(found("fn purse_tests() {}"), ["purse"]);
    assert_eq!(found("struct CampaignPurse;"), ["purse"]);
    assert_eq!(found("an error that is  told twice"), ["is told"]);
    assert_eq!(found("pursers are nobodies; the vector"), [""; 0]);
}
