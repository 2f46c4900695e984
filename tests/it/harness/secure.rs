//! A real redis-server that speaks TLS alone, with an authority of its own.

use super::cluster::free_port;
use super::cluster::wait_for;
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
    is_cluster: bool,
    child: Child,
}

fn openssl(folder: &Path, words: &str) {
    let made = Command::new("openssl")
        .args(words.split(' '))
        .current_dir(folder)
        .stderr(Stdio::null())
        .status();
    assert!(made.expect("openssl is installed").success(), "{words}");
}

impl Secure {
    /// One server.
    pub fn start() -> Secure {
        Secure::new(false)
    }

    /// A cluster of one node.
    pub fn start_as_cluster() -> Secure {
        Secure::new(true)
    }

    fn new(is_cluster: bool) -> Secure {
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
        let port_text = port.to_string();
        let mut command = Command::new("redis-server");
        command
            .args(["--port", "0", "--tls-port", &port_text, "--bind", "127.0.0.1", "--save", ""])
            .args(["--tls-cert-file", "certificate.pem", "--tls-key-file", "key.pem"])
            .args(["--tls-ca-cert-file", "ca.pem", "--tls-auth-clients", "no"]);
        if is_cluster {
            let bus = free_port().to_string();
            command.args(["--cluster-enabled", "yes", "--tls-cluster", "yes"]);
            command.args(["--cluster-port", &bus]);
        }
        let silent = command.current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let secure = Secure { port, is_cluster, child: silent.spawn().unwrap(), folder };
        wait_for("a server over TLS", || secure.ask(&["PING"]) == "PONG");
        if is_cluster {
            assert_eq!(secure.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]), "OK");
            wait_for("a cluster", || secure.ask(&["CLUSTER", "INFO"]).contains("state:ok"));
        }
        secure
    }

    fn ask(&self, words: &[&str]) -> String {
        let port = self.port.to_string();
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
        let kind = if self.is_cluster { "rediss+cluster" } else { "rediss" };
        format!("{kind}://127.0.0.1:{}", self.port)
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
