//! A real Redis Cluster and real sentinels on loopback, ended when they are dropped.

use super::PATIENCE;
use super::ports::free_port;
use super::redis::Store;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;
use tempfile::TempDir;

/// A node: its port and its process.
struct Node {
    port: u16,
    /// Where nodes of a cluster talk to each other.
    bus: u16,
    child: Child,
}

impl Drop for Node {
    fn drop(&mut self) {
        // One that was killed is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(program: &str, folder: &Path, arguments: &[&str]) -> Child {
    Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn ask(port: u16, words: &[&str]) -> String {
    let port = port.to_string();
    let output = Command::new("redis-cli").args(["-p", &port]).args(words).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub fn wait_for(what: &str, mut look: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE * 3;
    while !look() {
        assert!(Instant::now() < end, "in vain waited for: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// How a node of a cluster is started.
fn arguments(port: u16, bus: u16) -> Vec<String> {
    let (port, bus) = (port.to_string(), bus.to_string());
    [
        ("--port", port.as_str()),
        ("--bind", "127.0.0.1"),
        ("--cluster-enabled", "yes"),
        ("--cluster-port", &bus),
        ("--cluster-node-timeout", "1500"),
        ("--cluster-replica-validity-factor", "0"),
        ("--repl-diskless-sync-delay", "0"),
        ("--save", ""),
        ("--appendonly", "no"),
    ]
    .into_iter()
    .flat_map(|(name, value)| [name.to_owned(), value.to_owned()])
    .collect()
}

/// Three primaries, each with a replica unless said otherwise.
pub struct Cluster {
    nodes: Vec<Node>,
    folder: TempDir,
}

impl Cluster {
    /// Starts one and waits until it serves all slots.
    pub fn start() -> Cluster {
        Cluster::of(6)
    }

    /// Three primaries alone: no failover, and a quicker start.
    pub fn of_primaries() -> Cluster {
        Cluster::of(3)
    }

    fn of(count: usize) -> Cluster {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("keys")).unwrap();
        let nodes: Vec<Node> = (0..count)
            .map(|number| {
                let (port, bus) = (free_port(), free_port());
                let place = folder.path().join(number.to_string());
                std::fs::create_dir(&place).unwrap();
                let arguments = arguments(port, bus);
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                let child = start("redis-server", &place, &arguments);
                Node { port, bus, child }
            })
            .collect();
        for node in &nodes {
            wait_for("a node", || ask(node.port, &["PING"]) == "PONG");
        }
        let hosts: Vec<String> =
            nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        let made = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(&hosts)
            .args(["--cluster-replicas", if count > 3 { "1" } else { "0" }, "--cluster-yes"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        let cluster = Cluster { nodes, folder };
        for node in &cluster.nodes {
            wait_for("all slots", || {
                ask(node.port, &["CLUSTER", "INFO"]).contains("cluster_state:ok")
            });
        }
        wait_for("replicas in step", || {
            let roles = cluster.nodes.iter().map(|node| ask(node.port, &["ROLE"]));
            roles.filter(|role| role.starts_with("slave") && role.contains("connected")).count()
                == count - 3
        });
        cluster
    }

    /// Kills a primary as a power cut would; its replica takes over. Says which it was.
    pub fn kill_a_primary(&mut self) -> usize {
        let at = self.primaries()[0];
        self.nodes[at].child.kill().unwrap();
        self.nodes[at].child.wait().unwrap();
        at
    }

    /// Stops a primary for so long that its replica takes over, then lets it go on: what it took
    /// in between is lost to all, which is what a partition does.
    pub fn freeze_a_primary(&mut self, pause: Duration) {
        let pid = self.nodes[self.primaries()[0]].child.id().to_string();
        let signal = |name: &str| {
            let sent = Command::new("kill").args(["-s", name, &pid]).status().unwrap();
            assert!(sent.success());
        };
        signal("STOP");
        std::thread::sleep(pause);
        signal("CONT");
    }

    /// Starts a node again that was killed, with nothing in it: it becomes a replica.
    pub fn revive(&mut self, at: usize) {
        let place = self.folder.path().join(at.to_string());
        let arguments = arguments(self.nodes[at].port, self.nodes[at].bus);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.nodes[at].child = start("redis-server", &place, &arguments);
    }

    /// Waits until all slots are served by those that live.
    pub fn heals(&self, without: usize) {
        let living = self.nodes.iter().enumerate().filter(|(at, _)| *at != without);
        for (_, node) in living {
            wait_for("a failover", || {
                let nodes = ask(node.port, &["CLUSTER", "NODES"]);
                let state = ask(node.port, &["CLUSTER", "INFO"]);
                let primaries =
                    nodes.lines().filter(|line| line.contains("master") && !line.contains("fail"));
                state.contains("cluster_state:ok") && primaries.count() == 3
            });
        }
    }

    /// The primaries that live, by their place.
    fn primaries(&self) -> Vec<usize> {
        let nodes = self.nodes.iter().enumerate();
        nodes
            .filter(|(_, node)| ask(node.port, &["ROLE"]).starts_with("master"))
            .map(|(at, _)| at)
            .collect()
    }
}

impl Store for Cluster {
    fn url(&self) -> String {
        let hosts: Vec<String> =
            self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }
}

/// A primary, a replica, and three sentinels that watch them; unless said otherwise.
pub struct Sentinels {
    servers: Vec<Node>,
    sentinels: Vec<Node>,
    folder: TempDir,
}

impl Sentinels {
    /// Starts them and waits until all know each other.
    pub fn start() -> Sentinels {
        Sentinels::of(3)
    }

    /// A primary and one sentinel that names it: no failover, and a quicker start.
    pub fn alone() -> Sentinels {
        Sentinels::of(1)
    }

    fn of(count: usize) -> Sentinels {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("keys")).unwrap();
        let server = |of: Option<u16>| {
            let port = free_port();
            let place = folder.path().join(port.to_string());
            std::fs::create_dir(&place).unwrap();
            let (port_text, primary) = (port.to_string(), of.map(|of| format!("127.0.0.1 {of}")));
            let mut arguments = vec![
                "--port",
                &port_text,
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                "--repl-diskless-sync-delay",
                "0",
            ];
            if let Some(primary) = &primary {
                arguments.extend(["--replicaof", primary]);
            }
            let node = Node { port, bus: 0, child: start("redis-server", &place, &arguments) };
            wait_for("a server", || ask(port, &["PING"]) == "PONG");
            node
        };
        let primary = server(None);
        let mut servers = vec![primary];
        if count > 1 {
            let replica = server(Some(servers[0].port));
            wait_for("a replica in step", || ask(replica.port, &["ROLE"]).contains("connected"));
            servers.push(replica);
        }
        let quorum = count.div_ceil(2);
        let sentinels: Vec<Node> = (0..count)
            .map(|_| {
                let port = free_port();
                let place = folder.path().join(port.to_string());
                std::fs::create_dir(&place).unwrap();
                let text = format!(
                    "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {} {quorum}\n\
                     sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 5000\n",
                    servers[0].port
                );
                std::fs::write(place.join("sentinel.conf"), text).unwrap();
                let child = start("redis-server", &place, &["sentinel.conf", "--sentinel"]);
                Node { port, bus: 0, child }
            })
            .collect();
        for sentinel in &sentinels {
            wait_for("sentinels that know each other", || {
                let known = ask(sentinel.port, &["SENTINEL", "CKQUORUM", "main"]);
                let replicas = ask(sentinel.port, &["SENTINEL", "REPLICAS", "main"]);
                known.starts_with(&format!("OK {count}"))
                    && (count == 1 || replicas.contains("slave"))
            });
        }
        Sentinels { servers, sentinels, folder }
    }

    /// Stops the replica in the middle of whatever it does; it goes on when the answer is dropped.
    pub fn stop_the_replica(&self) -> Stopped {
        let pid = self.servers[1].child.id();
        signal("STOP", pid);
        Stopped(pid)
    }

    /// Kills the primary as a power cut would, and waits until the replica is the primary.
    pub fn fails_over(&mut self) {
        self.servers[0].child.kill().unwrap();
        self.servers[0].child.wait().unwrap();
        wait_for("a failover", || ask(self.servers[1].port, &["ROLE"]).starts_with("master"));
    }
}

impl Store for Sentinels {
    fn url(&self) -> String {
        let hosts: Vec<String> =
            self.sentinels.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis+sentinel://{}/main", hosts.join(","))
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }
}

/// A process that stands still until this is dropped.
pub struct Stopped(u32);

impl Drop for Stopped {
    fn drop(&mut self) {
        signal("CONT", self.0);
    }
}

fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap();
    assert!(sent.success());
}
