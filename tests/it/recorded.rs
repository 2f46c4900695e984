//! A data directory that version 0.1.0 wrote in November 2026, with the reports, explanations, audit
//! and export that it gave: this version reads the directory as it is and says the same.
//!
//! The recording holds 240 page calls with their events, bots, a pause, a credit, a refund, a kill and a
//! restart. Names and sentences that changed since then are in [`RENAMED`]; nothing else may differ.

use crate::harness::{Setup, TestServer};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

/// Names and sentences of the recording, and what they are now.
const RENAMED: [(&str, &str); 6] = [
    ("stopped", "paused"),
    ("sector", "category"),
    ("it is not for the reader's region", "it does not target the reader's region"),
    (
        "a higher tier won, or nothing could be shown at all",
        "a higher tier won, or the slot could not be filled at all",
    ),
    (
        "the sponsor or a rival is on this page already",
        "the advertiser or a competitor of it is already on the page",
    ),
    (
        "it, its campaign or its advertiser is stopped, or it has no live creative",
        "it, its campaign or its advertiser is paused, or it has no live creative",
    ),
];

/// Columns of exports since then, beside `custom`. The recorded pages have no value there.
const NEW_COLUMNS: [&str; 2] = ["sentiment", "verified"];

/// When the reports of the recording were generated: pending clicks were not settled then.
const RECORDED_AT: &str = "2026-11-29T17:36:20.788Z";

fn recording() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/recorded-0.1.0-november")
}

/// A copy of the recorded data directory, since whoever opens one writes to it.
fn copy() -> Arc<TempDir> {
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&recording().join("data"), &folder.path().join("data"));
    Arc::new(folder)
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
            // A checkout does not have the modes of the recording, and keys must be private.
            std::fs::set_permissions(target, PermissionsExt::from_mode(0o600)).unwrap();
        }
    }
}

/// The recorded documents of a folder: file name without its ending, and content in today's names.
fn documents(folder: &str) -> Vec<(String, Value)> {
    let mut found: Vec<(String, Value)> = std::fs::read_dir(recording().join(folder))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let mut document = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            rename(&mut document);
            (name, document)
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn rename(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some((_, new)) = RENAMED.iter().find(|(old, _)| old == text) {
                *text = (*new).to_owned();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(rename),
        Value::Object(fields) => {
            *fields = std::mem::take(fields)
                .into_iter()
                .map(|(name, mut value)| {
                    rename(&mut value);
                    let new = RENAMED.iter().find(|(old, _)| *old == name);
                    (new.map_or(name, |(_, new)| (*new).to_owned()), value)
                })
                .collect();
        }
        _ => {}
    }
}

async fn server() -> TestServer {
    Setup::default().in_folder(&copy()).manual_clock_at(RECORDED_AT.parse().unwrap()).start().await
}

/// Leaves out when a report was made and up to when it reads: they depend on the hour of the test.
fn without_times(mut report: Value) -> Value {
    for field in ["generated_at", "complete_through", "final_until", "provisional", "final"] {
        report.as_object_mut().unwrap().remove(field);
    }
    report
}

#[actix_web::test]
async fn every_recorded_report_is_given_again() {
    let server = server().await;
    let recorded = documents("reports");
    assert!(recorded.len() >= 40, "{} reports", recorded.len());
    for (name, expected) in recorded {
        let [kind, of, by] = name.split('.').collect::<Vec<_>>()[..] else { panic!("{name}") };
        let path = format!("/v1/reports/{kind}/{of}?from=2026-11-01&to=2027-01-01&tz=UTC&by={by}");
        let (status, report) = server.get_as("operator", &path).await;
        assert_eq!(status, 200, "{name}: {report}");
        assert_eq!(without_times(report), without_times(expected), "{name}");
    }
}

/// Removes stages that the recording does not know, none of which may have filtered a flight, the prices of
/// candidates and what creatives were drawn from.
fn remove_later_fields(explanation: &mut Value, recorded: &Value) {
    let names = |slot: &Value| -> Vec<Value> {
        slot["stages"].as_array().unwrap().iter().map(|stage| stage["stage"].clone()).collect()
    };
    let known = names(&recorded["slots"][0]);
    for slot in explanation["slots"].as_array_mut().unwrap() {
        slot["result"].as_object_mut().unwrap().remove("rotation");
        for candidate in slot["candidates"].as_array_mut().unwrap() {
            candidate["terms"].as_object_mut().unwrap().remove("price");
        }
        slot["stages"]
            .as_array_mut()
            .unwrap()
            .retain(|stage| known.contains(&stage["stage"]) || stage["removed"] != 0);
    }
}

#[actix_web::test]
async fn every_recorded_decision_is_explained_again() {
    let server = server().await;
    let recorded = documents("explain");
    assert!(recorded.len() >= 20, "{} explanations", recorded.len());
    for (id, expected) in recorded {
        let (status, mut explanation) = server.explain("operator", &id).await;
        assert_eq!(status, 200, "{id}: {explanation}");
        remove_later_fields(&mut explanation, &expected);
        assert_eq!(explanation["agrees"], true, "{id}");
        assert_eq!(explanation, expected, "{id}");
    }
}

/// What a verb prints about a copy of the recorded data directory.
fn output(verb: &str, folder: &TempDir) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_adjacent"))
        .args([verb, "--data"])
        .arg(folder.path().join("data"))
        .current_dir(folder.path())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{verb}: {} {errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_audit_finds_the_recorded_sums() {
    let lines = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.ends_with("billed")).map(str::to_owned).collect()
    };
    let recorded = std::fs::read_to_string(recording().join("audit.txt")).unwrap();
    let audit = output("audit", &copy());
    assert_eq!(lines(&audit), lines(&recorded));
    assert!(recorded.starts_with("441 records in 3 segments"), "{recorded}");
    assert!(audit.starts_with("441 records in 3 segments"), "{audit}");
    assert!(audit.trim_end().ends_with("no mismatches"), "{audit}");
}

#[test]
fn the_export_holds_the_recorded_events() {
    let packed = std::fs::read(recording().join("events.ndjson.zst")).unwrap();
    let recorded = String::from_utf8(zstd::decode_all(packed.as_slice()).unwrap()).unwrap();
    let read = |text: &str| -> Vec<Value> {
        let line = |line: &str| {
            let mut entry = serde_json::from_str(line).unwrap();
            rename(&mut entry);
            entry
        };
        text.lines().map(line).collect()
    };
    let (mut recorded, exported) = (read(&recorded), read(&output("export", &copy())));
    for column in NEW_COLUMNS {
        recorded.iter_mut().for_each(|entry| entry[column] = "none".into());
    }
    recorded.iter_mut().for_each(|entry| entry["custom"] = "".into());
    assert!(recorded.len() > 400, "{} entries", recorded.len());
    assert_eq!(exported.len(), recorded.len());
    for (at, (exported, recorded)) in exported.iter().zip(&recorded).enumerate() {
        assert_eq!(exported, recorded, "entry {at}");
    }
}
