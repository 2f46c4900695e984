//! A real Redis Cluster and real Redis Sentinels on loopback; dropping them ends the processes.

use super::PATIENCE;
use super::ports::free_port;
use super::redis::Store;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A Redis process and its ports.
struct Node {
    port: u16,
    /// Port of the cluster bus, which connects the nodes to each other.
    bus: u16,
    child: Child,
}

impl Drop for Node {
    fn drop(&mut self) {
        // Fails if the process was killed before.
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

fn redis_cli(port: u16, arguments: &[&str]) -> String {
    let port = port.to_string();
    let output = Command::new("redis-cli").args(["-p", &port]).args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Polls `check` until it returns true; panics with the awaited `state` after a minute.
pub fn wait_for(state: &str, mut check: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE * 3;
    while !check() {
        assert!(Instant::now() < end, "timed out waiting for: {state}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Command-line arguments of a cluster node.
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

/// Three primaries, each with a replica (except in [`RedisCluster::start_without_replicas`]).
pub struct RedisCluster {
    nodes: Vec<Node>,
    folder: TempDir,
}

impl RedisCluster {
    /// Starts a cluster and waits until it serves all slots.
    pub fn start() -> RedisCluster {
        RedisCluster::with_nodes(6)
    }

    /// Starts three primaries without replicas: faster, but no failover.
    pub fn start_without_replicas() -> RedisCluster {
        RedisCluster::with_nodes(3)
    }

    fn with_nodes(count: usize) -> RedisCluster {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("keys")).unwrap();
        let nodes: Vec<Node> = (0..count)
            .map(|number| {
                let (port, bus) = (free_port(), free_port());
                let node_folder = folder.path().join(number.to_string());
                std::fs::create_dir(&node_folder).unwrap();
                let arguments = arguments(port, bus);
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                let child = start("redis-server", &node_folder, &arguments);
                Node { port, bus, child }
            })
            .collect();
        for node in &nodes {
            wait_for("a cluster node", || redis_cli(node.port, &["PING"]) == "PONG");
        }
        let hosts: Vec<String> =
            nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        let created = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(&hosts)
            .args(["--cluster-replicas", if count > 3 { "1" } else { "0" }, "--cluster-yes"])
            .output()
            .unwrap();
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stdout));
        let cluster = RedisCluster { nodes, folder };
        for node in &cluster.nodes {
            wait_for("all slots", || {
                redis_cli(node.port, &["CLUSTER", "INFO"]).contains("cluster_state:ok")
            });
        }
        wait_for("synchronised replicas", || {
            let roles = cluster.nodes.iter().map(|node| redis_cli(node.port, &["ROLE"]));
            roles.filter(|role| role.starts_with("slave") && role.contains("connected")).count()
                == count - 3
        });
        cluster
    }

    /// Kills a primary without a clean shutdown, so that its replica takes over. Returns the index
    /// of the killed node.
    pub fn kill_primary(&mut self) -> usize {
        let at = self.primaries()[0];
        self.nodes[at].child.kill().unwrap();
        self.nodes[at].child.wait().unwrap();
        at
    }

    /// Suspends a primary until its replica takes over, then resumes it. As in a network partition,
    /// writes that it accepted in between are lost.
    pub fn freeze_primary(&mut self, pause: Duration) {
        let pid = self.nodes[self.primaries()[0]].child.id().to_string();
        let signal = |name: &str| {
            let sent = Command::new("kill").args(["-s", name, &pid]).status().unwrap();
            assert!(sent.success());
        };
        signal("STOP");
        std::thread::sleep(pause);
        signal("CONT");
    }

    /// Restarts a killed node without data: it becomes a replica.
    pub fn restart_node(&mut self, at: usize) {
        let node_folder = self.folder.path().join(at.to_string());
        let arguments = arguments(self.nodes[at].port, self.nodes[at].bus);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.nodes[at].child = start("redis-server", &node_folder, &arguments);
    }

    /// Kills a node and starts it again without data: without replicas, the keys of its slots are gone.
    pub fn lose_data_of(&mut self, at: usize) {
        self.nodes[at].child.kill().unwrap();
        self.nodes[at].child.wait().unwrap();
        self.restart_node(at);
        for node in &self.nodes {
            wait_for("all slots after a loss", || {
                redis_cli(node.port, &["CLUSTER", "INFO"]).contains("cluster_state:ok")
            });
        }
    }

    /// Moves the slot of a key, with its keys, to the next node and waits until all nodes know.
    pub fn move_slot_of(&self, key: &str) {
        let at = |node: usize, arguments: &[&str]| redis_cli(self.nodes[node].port, arguments);
        let slot = at(0, &["CLUSTER", "KEYSLOT", key]);
        let count = self.nodes.len();
        let owns = |node: &usize| at(*node, &["CLUSTER", "COUNTKEYSINSLOT", &slot]) != "0";
        let from = (0..count).find(owns).expect("a node has the key");
        let to = (from + 1) % count;
        let ids = [from, to].map(|node| at(node, &["CLUSTER", "MYID"]));
        assert_eq!(at(to, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &ids[0]]), "OK");
        assert_eq!(at(from, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &ids[1]]), "OK");
        let port = self.nodes[to].port.to_string();
        loop {
            let keys = at(from, &["CLUSTER", "GETKEYSINSLOT", &slot, "1"]);
            if keys.is_empty() {
                break;
            }
            let moved = at(from, &["MIGRATE", "127.0.0.1", &port, &keys, "0", "5000"]);
            assert!(moved == "OK" || moved == "NOKEY", "{moved}");
        }
        for node in [to, from] {
            assert_eq!(at(node, &["CLUSTER", "SETSLOT", &slot, "NODE", &ids[1]]), "OK");
        }
        for node in 0..count {
            wait_for("the new owner of a slot", || {
                node == to || at(node, &["EXISTS", key]).ends_with(&format!(":{port}"))
            });
        }
    }

    /// Waits until the other nodes serve all slots without the node `killed`.
    pub fn wait_for_failover(&self, killed: usize) {
        let alive = self.nodes.iter().enumerate().filter(|(at, _)| *at != killed);
        for (_, node) in alive {
            wait_for("a failover", || {
                let nodes = redis_cli(node.port, &["CLUSTER", "NODES"]);
                let state = redis_cli(node.port, &["CLUSTER", "INFO"]);
                let primaries =
                    nodes.lines().filter(|line| line.contains("master") && !line.contains("fail"));
                state.contains("cluster_state:ok") && primaries.count() == 3
            });
        }
    }

    /// Indices of the live primaries.
    fn primaries(&self) -> Vec<usize> {
        let nodes = self.nodes.iter().enumerate();
        nodes
            .filter(|(_, node)| redis_cli(node.port, &["ROLE"]).starts_with("master"))
            .map(|(at, _)| at)
            .collect()
    }
}

impl Store for RedisCluster {
    fn url(&self) -> String {
        let hosts: Vec<String> =
            self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }
}

/// A primary, a replica and three sentinels that monitor them (fewer in [`Sentinels::start_single`]).
pub struct Sentinels {
    servers: Vec<Node>,
    sentinels: Vec<Node>,
    folder: TempDir,
}

impl Sentinels {
    /// Starts all processes and waits until the sentinels have discovered each other.
    pub fn start() -> Sentinels {
        Sentinels::with_count(3)
    }

    /// Starts a primary and one sentinel: faster, but no failover.
    pub fn start_single() -> Sentinels {
        Sentinels::with_count(1)
    }

    fn with_count(count: usize) -> Sentinels {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("keys")).unwrap();
        let server = |primary_port: Option<u16>| {
            let port = free_port();
            let node_folder = folder.path().join(port.to_string());
            std::fs::create_dir(&node_folder).unwrap();
            let (port_text, primary) =
                (port.to_string(), primary_port.map(|port| format!("127.0.0.1 {port}")));
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
            let node =
                Node { port, bus: 0, child: start("redis-server", &node_folder, &arguments) };
            wait_for("a Redis server", || redis_cli(port, &["PING"]) == "PONG");
            node
        };
        let primary = server(None);
        let mut servers = vec![primary];
        if count > 1 {
            let replica = server(Some(servers[0].port));
            wait_for("a synchronised replica", || {
                redis_cli(replica.port, &["ROLE"]).contains("connected")
            });
            servers.push(replica);
        }
        let quorum = count.div_ceil(2);
        let sentinels: Vec<Node> = (0..count)
            .map(|_| {
                let port = free_port();
                let node_folder = folder.path().join(port.to_string());
                std::fs::create_dir(&node_folder).unwrap();
                let text = format!(
                    "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {} {quorum}\n\
                     sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 5000\n",
                    servers[0].port
                );
                std::fs::write(node_folder.join("sentinel.conf"), text).unwrap();
                let child = start("redis-server", &node_folder, &["sentinel.conf", "--sentinel"]);
                Node { port, bus: 0, child }
            })
            .collect();
        for sentinel in &sentinels {
            wait_for("sentinels that have discovered each other", || {
                let known = redis_cli(sentinel.port, &["SENTINEL", "CKQUORUM", "main"]);
                let replicas = redis_cli(sentinel.port, &["SENTINEL", "REPLICAS", "main"]);
                known.starts_with(&format!("OK {count}"))
                    && (count == 1 || replicas.contains("slave"))
            });
        }
        Sentinels { servers, sentinels, folder }
    }

    /// Suspends the replica; it resumes when the returned guard is dropped.
    pub fn suspend_replica(&self) -> Suspended {
        let pid = self.servers[1].child.id();
        signal("STOP", pid);
        Suspended(pid)
    }

    /// Kills the primary without a clean shutdown and waits until the replica is promoted.
    pub fn fail_over(&mut self) {
        self.servers[0].child.kill().unwrap();
        self.servers[0].child.wait().unwrap();
        wait_for("a failover", || redis_cli(self.servers[1].port, &["ROLE"]).starts_with("master"));
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

/// A suspended process (`SIGSTOP`); resumed when this is dropped.
pub struct Suspended(u32);

impl Drop for Suspended {
    fn drop(&mut self) {
        signal("CONT", self.0);
    }
}

fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap();
    assert!(sent.success());
}
