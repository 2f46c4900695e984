//! `config/trial`, a fleet on a single computer: it starts, shares events, prints how to stop it, and
//! stops.

use crate::harness::{Decision, Reader, reference, wait_until};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A running trial, stopped on drop.
struct Trial {
    folder: TempDir,
    base: u16,
    child: Child,
    output: String,
}

/// The first of forty consecutive free ports.
fn free_ports() -> u16 {
    let is_free =
        |base: u16| (base..base + 40).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    (0..100).map(|_| rand::random_range(2_000..9_900)).find(|base| is_free(*base)).unwrap()
}

fn command(folder: &Path, base: u16) -> Command {
    let mut command = Command::new("config/trial");
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("TRIAL_DIR", folder)
        .env("TRIAL_PORT", base.to_string())
        .env("ADJACENT_BINARY", env!("CARGO_BIN_EXE_adjacent"))
        .env("ADJACENT__STORE__LOW_DISK_MIB", "0")
        .stdin(Stdio::null());
    command
}

impl Trial {
    fn start() -> Trial {
        let (folder, base) = (tempfile::tempdir().unwrap(), free_ports());
        let mut child = command(folder.path(), base).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut output = String::new();
        while !output.contains("Stop: ") {
            assert_ne!(lines.read_line(&mut output).unwrap(), 0, "{output}");
        }
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Trial { folder, base, child, output }
    }

    fn public(&self, instance: u16) -> String {
        format!("http://127.0.0.1:{}", self.base + instance)
    }

    fn stop(&self) -> String {
        let output = command(self.folder.path(), self.base).arg("stop").output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.stop();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_trial_decides_on_one_instance_counts_on_another_and_stops_on_request() {
    let mut trial = Trial::start();
    let reader = Reader::new();
    for instance in 1..=3 {
        assert!(
            trial.output.contains(&format!("{}/demo", trial.public(instance))),
            "{}",
            trial.output
        );
    }

    let request = reader.post(&format!("{}/v1/decisions", trial.public(1))).json(&reference());
    let response: Value = request.send().await.unwrap().json().await.unwrap();
    let unit = Decision(response["decisions"]["article-end"].clone());
    let (_, token) = unit.impression_url().split_once("/e/").unwrap();
    assert!(reader.fire(&format!("{}/e/{token}", trial.public(2))).await.recorded);

    let keys = std::fs::read_to_string(trial.folder.path().join("keys/local-keys.toml")).unwrap();
    let keys: toml::Table = keys.parse().unwrap();
    let key = keys["advertiser"]["zahid-host"].as_str().unwrap();
    wait_until("the third instance reports it", async || {
        let path = format!("{}/v1/reports/advertisers/zahid-host?by=topic", trial.public(3));
        let reply = reader.get(&path).bearer_auth(key).send().await.unwrap();
        let report: Value = reply.json().await.unwrap();
        (report["total"][0]["impressions"]["net"] == 1).then_some(())
    })
    .await;

    let second = command(trial.folder.path(), trial.base).output().unwrap();
    let error = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && error.contains("already running"), "{error}");
    let stop_output = trial.stop();
    assert!(stop_output.contains("stopped"), "{stop_output}");
    assert_eq!(trial.child.wait().unwrap().code(), Some(0));
    let pids = std::fs::read_dir(trial.folder.path().join("pid")).unwrap();
    assert_eq!(pids.count(), 0, "every process has ended");
    drop(reader);
    assert!(TcpListener::bind(("127.0.0.1", trial.base + 21)).is_ok());
}
