//! The executable as a child process that a test can kill, drain and read the log of.

use super::PATIENCE;
use super::Reader;
use super::Scrape;
use super::wait_until;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;
use tempfile::TempDir;

/// A working folder of the executable: a copy of the project's configuration, and its data.
pub struct Installation {
    folder: TempDir,
    /// Environment variables that override settings.
    pub environment: Vec<(String, String)>,
}

/// Environment variable of the free disk space, in MiB, below which only house ads are served.
pub const LOW_DISK_MIB: &str = "ADJACENT__STORE__LOW_DISK_MIB";

/// A running executable.
pub struct Process {
    child: Child,
    pub public: String,
    pub ops: String,
    log: Arc<Mutex<String>>,
    log_reader: Option<JoinHandle<()>>,
}

impl Installation {
    /// Without limits per visitor or address: all readers of a test have the same address.
    pub fn new() -> Installation {
        let overrides = [
            ("ADJACENT__LIMITS__IMPRESSIONS", "[]"),
            ("ADJACENT__LIMITS__CLICKS", "[]"),
            ("ADJACENT__LIMITS__LAYERS", "{}"),
            ("ADJACENT__LIMITS__FLOOD_PER_SECOND", "0"),
            ("ADJACENT__LIMITS__CONNECTIONS_PER_ADDRESS", "0"),
            ("ADJACENT__LIMITS__WRONG_KEY_DELAY_MS", "0"),
            ("ADJACENT__STORE__SEGMENT_BYTES", "1048576"),
        ];
        let set = |all: Installation, (name, value)| all.set(name, value);
        overrides.into_iter().fold(Installation::as_delivered(), set)
    }

    /// The settings as delivered, limits included.
    pub fn as_delivered() -> Installation {
        let folder = tempfile::tempdir().unwrap();
        // As a service manager does: only `serve` makes a data directory itself.
        std::fs::create_dir(folder.path().join("data")).unwrap();
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
        let overrides = [
            ("ADJACENT__SERVER__DRAIN_TIMEOUT_SECONDS", "5"),
            // The free disk space of the test host must not matter.
            (LOW_DISK_MIB, "0"),
        ];
        let environment = overrides.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Installation { folder, environment: environment.to_vec() }
    }

    pub fn set(mut self, name: &str, value: &str) -> Installation {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces the first occurrence of `from` in a configuration file.
    pub fn change(&self, file: &str, from: &str, to: &str) {
        let path = self.path("config").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "not found: {from}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    }

    /// A command that runs the executable in this folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_under(&[], arguments)
    }

    /// The same, started by a wrapper program, given with its arguments.
    fn command_under(&self, wrapper: &[String], arguments: &[&str]) -> Command {
        let executable = env!("CARGO_BIN_EXE_adjacent");
        let mut command = match wrapper.split_first() {
            Some((program, wrapper_arguments)) => {
                let mut command = Command::new(program);
                command.args(wrapper_arguments).arg(executable);
                command
            }
            None => Command::new(executable),
        };
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Serves on free ports; returns once the process has printed its addresses.
    pub fn serve(&self) -> Process {
        self.serve_under(&[])
            .unwrap_or_else(|(status, log)| panic!("the server exited, {status}: {log}"))
    }

    /// The same under a wrapper program, for example one that makes its system calls fail. Returns
    /// exit status and log if the server does not start. The wrapper must `exec`: signals go to its
    /// process id.
    pub fn serve_under(&self, wrapper: &[String]) -> Result<Process, (ExitStatus, String)> {
        let mut command = self.command_under(wrapper, &["serve"]);
        command.args(["--inventory", "config/inventory", "--watch"]);
        Installation::start(command)
    }

    /// Serves with these arguments on free ports.
    pub fn serve_with(&self, arguments: &[&str]) -> Process {
        let command = self.command(&[&["serve"], arguments].concat());
        Installation::start(command)
            .unwrap_or_else(|(status, log)| panic!("the server exited, {status}: {log}"))
    }

    fn start(mut command: Command) -> Result<Process, (ExitStatus, String)> {
        command.args(["--json", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (log_copy, stderr) = (log.clone(), child.stderr.take().unwrap());
        let log_reader = std::thread::spawn(move || {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                log_copy.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        let mut output = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        while !output.ends_with("}\n") {
            // Any other document is the reason why it does not serve.
            let read = lines.read_line(&mut output).unwrap();
            if read == 0 || (output.ends_with("}\n") && !output.contains("\"public\"")) {
                let status = child.wait().unwrap();
                log_reader.join().unwrap();
                return Err((status, log.lock().unwrap().clone()));
            }
        }
        // Drain further output, so that a full pipe never blocks the process.
        std::thread::spawn(move || drop(lines.read_to_string(&mut String::new())));
        let addresses: serde_json::Value = serde_json::from_str(&output).unwrap();
        let url = |name: &str| format!("http://{}", addresses[name].as_str().unwrap());
        Ok(Process {
            public: url("public"),
            ops: url("ops"),
            child,
            log,
            log_reader: Some(log_reader),
        })
    }
}

impl Process {
    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, given by name.
    pub fn signal(&self, name: &str) {
        let pid = self.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the process to exit by itself; panics after [`PATIENCE`].
    pub fn wait_for_exit(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.log_reader.take().map(JoinHandle::join);
                return status;
            }
            assert!(Instant::now() < end, "the process does not exit: {}", self.log());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// The log so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until the log contains `text`; log lines may come after the reply that they belong to.
    pub async fn wait_for_log(&self, text: &str) {
        wait_until(text, async || self.log().contains(text).then_some(())).await;
    }

    pub async fn scrape(&self) -> Scrape {
        let reply = Reader::new().get(&format!("{}/metrics", self.ops)).send().await.unwrap();
        Scrape::parse(&reply.text().await.unwrap())
    }

    /// Sends a decision request; `None` if the server does not reply.
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
