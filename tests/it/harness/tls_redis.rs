//! A real redis-server that accepts TLS only, with its own certificate authority.

use super::ports::free_port;
use super::redis::Store;
use super::redis_cluster::wait_for;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A running redis-server with TLS.
pub struct TlsRedis {
    folder: TempDir,
    port: u16,
    kind: Topology,
    child: Child,
    /// The sentinel that monitors it, and the sentinel's port.
    sentinel: Option<(Child, u16)>,
}

/// How clients find the server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// One server.
    Single,
    /// A primary with one sentinel.
    Sentinel,
    /// A cluster of one node.
    Cluster,
}

/// TLS options of redis-server and sentinel.
const CERTIFICATES: &str = "tls-cert-file certificate.pem
tls-key-file key.pem
tls-ca-cert-file ca.pem
tls-auth-clients no
bind 127.0.0.1
port 0
save \"\"
";

fn openssl(folder: &Path, arguments: &str) {
    let status = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("openssl is installed").success(), "{arguments}");
}

/// Starts redis-server with a configuration file.
fn start_redis(folder: &Path, file: &str, options: &str, arguments: &[&str]) -> Child {
    std::fs::write(folder.join(file), options).unwrap();
    let mut command = Command::new("redis-server");
    command.arg(file).args(arguments).current_dir(folder);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("redis-server is installed")
}

impl TlsRedis {
    /// Starts a server of this kind and waits until it is ready.
    pub fn start(kind: Topology) -> TlsRedis {
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
        if kind == Topology::Cluster {
            let bus = free_port();
            options += &format!("cluster-enabled yes\ntls-cluster yes\ncluster-port {bus}\n");
        }
        let child = start_redis(folder.path(), "server.conf", &options, &[]);
        let mut secure = TlsRedis { folder, port, kind, child, sentinel: None };
        wait_for("a server over TLS", || secure.redis_cli(port, &["PING"]) == "PONG");
        match kind {
            Topology::Single => {}
            Topology::Sentinel => secure.add_sentinel(),
            Topology::Cluster => {
                assert_eq!(
                    secure.redis_cli(port, &["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]),
                    "OK"
                );
                let cluster_info = || secure.redis_cli(port, &["CLUSTER", "INFO"]);
                wait_for("a cluster", || cluster_info().contains("state:ok"));
            }
        }
        secure
    }

    fn add_sentinel(&mut self) {
        let (port, primary_port) = (free_port(), self.port);
        let monitor = format!("sentinel monitor main 127.0.0.1 {primary_port} 1\n");
        let options = format!("{CERTIFICATES}tls-port {port}\ntls-replication yes\n{monitor}");
        let child = start_redis(self.folder.path(), "sentinel.conf", &options, &["--sentinel"]);
        self.sentinel = Some((child, port));
        let quorum = || self.redis_cli(port, &["SENTINEL", "CKQUORUM", "main"]);
        wait_for("a sentinel over TLS", || quorum().starts_with("OK 1"));
    }

    fn redis_cli(&self, port: u16, arguments: &[&str]) -> String {
        let port = port.to_string();
        let output = Command::new("redis-cli")
            .args(["--tls", "--cacert", "ca.pem", "-p", &port])
            .args(arguments)
            .current_dir(self.folder.path())
            .output();
        String::from_utf8_lossy(&output.unwrap().stdout).trim().to_owned()
    }

    /// File with the certificate of the authority.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

impl Store for TlsRedis {
    fn url(&self) -> String {
        let port = self.port;
        match (self.kind, &self.sentinel) {
            (_, Some((_, port))) => format!("rediss+sentinel://127.0.0.1:{port}/main"),
            (Topology::Cluster, None) => format!("rediss+cluster://127.0.0.1:{port}"),
            (_, None) => format!("rediss://127.0.0.1:{port}"),
        }
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }
}

impl Drop for TlsRedis {
    fn drop(&mut self) {
        let sentinel = self.sentinel.as_mut().map(|(child, _)| child);
        for child in sentinel.into_iter().chain([&mut self.child]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
