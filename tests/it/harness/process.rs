//! The executable as a process: it can be killed, drained and read.

use super::PATIENCE;
use super::Reader;
use super::Scrape;
use super::until;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::Instant;
use tempfile::TempDir;

/// A folder to run in: a copy of the project's configuration, and data.
pub struct Place {
    folder: TempDir,
    /// Overrides of settings, in the environment.
    pub environment: Vec<(String, String)>,
}

/// The setting of how much room on the disk is enough for all units.
pub const ENOUGH_ROOM: &str = "ADJACENT__STORE__HOUSE_ONLY_BELOW_MIB";

/// A running executable.
pub struct Process {
    child: Child,
    pub public: String,
    pub ops: String,
    log: Arc<Mutex<String>>,
    reads: Option<JoinHandle<()>>,
}

impl Place {
    pub fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        for inner in ["", "inventory", "inventory/pictures"] {
            let to = folder.path().join("config").join(inner);
            std::fs::create_dir_all(&to).unwrap();
            for entry in std::fs::read_dir(from.join(inner)).unwrap() {
                let entry = entry.unwrap();
                if entry.path().is_file() {
                    std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
                }
            }
        }
        // A test's readers all come from one address.
        let overrides = [
            ("ADJACENT__LIMITS__IMPRESSIONS", "[]"),
            ("ADJACENT__LIMITS__CLICKS", "[]"),
            ("ADJACENT__LIMITS__FLOOD_PER_SECOND", "0"),
            ("ADJACENT__STORE__SEGMENT_BYTES", "1048576"),
            ("ADJACENT__SERVER__DRAIN_TIMEOUT_SECONDS", "5"),
            // Nor does it matter how full the disk of a test is.
            (ENOUGH_ROOM, "0"),
        ];
        let environment = overrides.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Place { folder, environment: environment.to_vec() }
    }

    pub fn set(mut self, name: &str, value: &str) -> Place {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces a passage of a file of the configuration.
    pub fn change(&self, file: &str, from: &str, to: &str) {
        let path = self.path("config").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    }

    /// The executable in this folder, not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_under(&[], arguments)
    }

    /// The same, started by another program that is given first with its arguments.
    fn command_under(&self, other: &[String], arguments: &[&str]) -> Command {
        let executable = env!("CARGO_BIN_EXE_adjacent");
        let mut command = match other.split_first() {
            Some((program, its)) => {
                let mut command = Command::new(program);
                command.args(its).arg(executable);
                command
            }
            None => Command::new(executable),
        };
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Serves on free ports; returns once it says where.
    pub fn serve(&self) -> Process {
        self.serve_under(&[]).unwrap_or_else(|(status, log)| panic!("it ended, {status}: {log}"))
    }

    /// The same under another program, such as one that makes its calls fail; how it ended and what
    /// it logged when it did not come so far. The other program must leave it its process id.
    pub fn serve_under(&self, other: &[String]) -> Result<Process, (ExitStatus, String)> {
        let ports = ["--json", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"];
        let mut command = self.command_under(other, &ports);
        command.args(["--inventory", "config/inventory", "--watch"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (kept, stderr) = (log.clone(), child.stderr.take().unwrap());
        let reads = std::thread::spawn(move || {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                kept.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        let mut said = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        while !said.ends_with("}\n") {
            // What it says instead of an address is why it does not serve.
            let read = lines.read_line(&mut said).unwrap();
            if read == 0 || (said.ends_with("}\n") && !said.contains("\"public\"")) {
                let status = child.wait().unwrap();
                reads.join().unwrap();
                return Err((status, log.lock().unwrap().clone()));
            }
        }
        // What it says later must not block it.
        std::thread::spawn(move || drop(lines.read_to_string(&mut String::new())));
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        let at = |name: &str| format!("http://{}", said[name].as_str().unwrap());
        Ok(Process { public: at("public"), ops: at("ops"), child, log, reads: Some(reads) })
    }
}

impl Process {
    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// How it ends, by itself, within a deadline.
    pub fn ends(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.reads.take().map(JoinHandle::join);
                return status;
            }
            assert!(Instant::now() < end, "it does not end: {}", self.log());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// What it logged until now.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until it has said something: it does so beside what it answers.
    pub async fn says(&self, text: &str) {
        until(text, async || self.log().contains(text).then_some(())).await;
    }

    pub async fn scrape(&self) -> Scrape {
        let reply = Reader::new().get(&format!("{}/metrics", self.ops)).send().await.unwrap();
        Scrape::parse(&reply.text().await.unwrap())
    }

    /// A page's call; `None` where nobody answers.
    pub async fn decide(
        &self,
        reader: &Reader,
        body: &serde_json::Value,
    ) -> Option<serde_json::Value> {
        let call = reader.post(&format!("{}/v1/decisions", self.public)).json(body);
        call.send().await.ok()?.json().await.ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
