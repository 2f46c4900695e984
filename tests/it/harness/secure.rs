//! A real redis-server that speaks TLS alone, with an authority of its own.

use super::cluster::wait_for;
use super::ports::free_port;
use super::redis::Store;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use tempfile::TempDir;

/// The server.
pub struct Secure {
    folder: TempDir,
    port: u16,
    kind: Kind,
    child: Child,
    /// The sentinel that names it, and its port.
    sentinel: Option<(Child, u16)>,
}

/// How it is reached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One server.
    Single,
    /// A primary that one sentinel names.
    Sentinel,
    /// A cluster of one node.
    Cluster,
}

/// What every program is told of its certificate.
const CERTIFICATES: &str = "tls-cert-file certificate.pem
tls-key-file key.pem
tls-ca-cert-file ca.pem
tls-auth-clients no
bind 127.0.0.1
port 0
save \"\"
";

fn openssl(folder: &Path, words: &str) {
    let made = Command::new("openssl")
        .args(words.split(' '))
        .current_dir(folder)
        .stderr(Stdio::null())
        .status();
    assert!(made.expect("openssl is installed").success(), "{words}");
}

/// Starts a redis-server with a file of options.
fn runs(folder: &Path, file: &str, options: &str, more: &[&str]) -> Child {
    std::fs::write(folder.join(file), options).unwrap();
    let mut command = Command::new("redis-server");
    command.arg(file).args(more).current_dir(folder);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("redis-server is installed")
}

impl Secure {
    /// Starts it.
    pub fn start(kind: Kind) -> Secure {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("keys")).unwrap();
        std::fs::write(folder.path().join("names"), "subjectAltName=IP:127.0.0.1").unwrap();
        let new = "req -newkey rsa:2048 -nodes -days 2";
        openssl(
            folder.path(),
            &format!("{new} -x509 -subj /CN=authority -keyout ca.key -out ca.pem"),
        );
        openssl(folder.path(), &format!("{new} -subj /CN=store -keyout key.pem -out request.pem"));
        let sign = "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2";
        openssl(folder.path(), &format!("{sign} -extfile names -out certificate.pem"));
        let port = free_port();
        let mut options = format!("{CERTIFICATES}tls-port {port}\n");
        if kind == Kind::Cluster {
            let bus = free_port();
            options += &format!("cluster-enabled yes\ntls-cluster yes\ncluster-port {bus}\n");
        }
        let child = runs(folder.path(), "server.conf", &options, &[]);
        let mut secure = Secure { folder, port, kind, child, sentinel: None };
        wait_for("a server over TLS", || secure.ask(port, &["PING"]) == "PONG");
        match kind {
            Kind::Single => {}
            Kind::Sentinel => secure.is_named(),
            Kind::Cluster => {
                assert_eq!(secure.ask(port, &["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]), "OK");
                let told = || secure.ask(port, &["CLUSTER", "INFO"]);
                wait_for("a cluster", || told().contains("state:ok"));
            }
        }
        secure
    }

    fn is_named(&mut self) {
        let (port, of) = (free_port(), self.port);
        let watches = format!("sentinel monitor main 127.0.0.1 {of} 1\n");
        let options = format!("{CERTIFICATES}tls-port {port}\ntls-replication yes\n{watches}");
        let child = runs(self.folder.path(), "sentinel.conf", &options, &["--sentinel"]);
        self.sentinel = Some((child, port));
        let told = || self.ask(port, &["SENTINEL", "CKQUORUM", "main"]);
        wait_for("a sentinel over TLS", || told().starts_with("OK 1"));
    }

    fn ask(&self, port: u16, words: &[&str]) -> String {
        let port = port.to_string();
        let output = Command::new("redis-cli")
            .args(["--tls", "--cacert", "ca.pem", "-p", &port])
            .args(words)
            .current_dir(self.folder.path())
            .output();
        String::from_utf8_lossy(&output.unwrap().stdout).trim().to_owned()
    }

    /// The file with its authority.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

impl Store for Secure {
    fn url(&self) -> String {
        let port = self.port;
        match (self.kind, &self.sentinel) {
            (_, Some((_, port))) => format!("rediss+sentinel://127.0.0.1:{port}/main"),
            (Kind::Cluster, None) => format!("rediss+cluster://127.0.0.1:{port}"),
            (_, None) => format!("rediss://127.0.0.1:{port}"),
        }
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        let sentinel = self.sentinel.as_mut().map(|(child, _)| child);
        for child in sentinel.into_iter().chain([&mut self.child]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
