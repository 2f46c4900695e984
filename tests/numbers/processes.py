"""Redis, the server and Prometheus as child processes, each with its own folder."""

import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import threading
import time
import tomllib
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIMEOUT_S = 30

# All readers share one address, so per-visitor limits are off. Orphans stay pending for five seconds only, so
# that all events are settled when figures are compared.
SETTINGS = {
    "ADJACENT__LOGS__LEVEL": "error",
    "ADJACENT__LIMITS__FLOOD_PER_SECOND": "0",
    "ADJACENT__LIMITS__CONNECTIONS_PER_ADDRESS": "0",
    "ADJACENT__LIMITS__IMPRESSIONS": "[]",
    "ADJACENT__LIMITS__CLICKS": "[]",
    "ADJACENT__LIMITS__LAYERS": "{}",
    "ADJACENT__WINDOWS__ORPHAN_GRACE_SECONDS": "5",
    "ADJACENT__STORE__SEGMENT_BYTES": "1048576",
    "ADJACENT__STORE__LOW_DISK_MIB": "0",
}


def until(what, check):
    """Polls `check` until it returns a truthy value, and returns that. On timeout, the error names `what`."""
    end = time.monotonic() + TIMEOUT_S
    while not (found := check()):
        if time.monotonic() > end:
            raise TimeoutError(f"timed out waiting for: {what}")
        time.sleep(0.05)
    return found


def get(url, **headers):
    """The body of a GET response as text."""
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
        return answer.read().decode()


def report(url, **headers):
    """A report with the rows of all its pages."""
    whole = page = json.loads(get(url, **headers))
    while page["next"]:
        page = json.loads(get(page["next"], **headers))
        whole["rows"] += page["rows"]
    return whole


def post(url, value, **headers):
    """Posts a JSON document; returns the JSON response."""
    headers |= {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data=json.dumps(value).encode(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise ValueError(f"{url}: {error.code} {error.read().decode()}") from None


class Redis:
    """A Redis without persistence: it is empty after a kill."""

    def __init__(self, folder):
        folder.mkdir()
        self.folder, port = folder, str(free_port())
        self.url = f"redis://127.0.0.1:{port}"
        self.options = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        self.start()

    def start(self):
        self.process = subprocess.Popen(["redis-server", *self.options], stdout=subprocess.DEVNULL)

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=TIMEOUT_S)

    stop = kill


class Server:
    """The executable, standalone or on a shared store. Its addresses stay the same after a kill."""

    def __init__(self, folder, store=None, beside=None):
        self.folder = folder
        self.settings = dict(SETTINGS)
        self.data_source = ["--data", "data"]
        if store:
            self.settings["ADJACENT__STORE__URL"] = store.url
            self.data_source = ["--store", store.url]
        if beside:
            self.settings["ADJACENT__STORE__KEYS"] = str(beside.folder / "data")
        shutil.copytree(ROOT / "config", folder / "config")
        self.generation = 0
        self.changed = threading.Condition()
        self.listen = [f"127.0.0.1:{free_port()}" for _ in range(2)]
        self.start()
        keys = tomllib.loads(((beside or self).folder / "data" / "local-keys.toml").read_text())
        self.operator = {"Authorization": f"Bearer {keys['operator']}"}
        self.advertisers, self.publishers = sorted(keys["advertiser"]), sorted(keys["publisher"])

    def command(self, *arguments, **options):
        return subprocess.Popen(
            [os.environ["ADJACENT_BINARY"], *arguments],
            cwd=self.folder,
            env={**os.environ, **self.settings},
            stdout=subprocess.PIPE,
            text=True,
            **options,
        )

    def start(self):
        public, ops = self.listen
        self.process = self.command(
            "--json", "--listen", public, "--ops-listen", ops, "--inventory", "config/inventory"
        )
        output = ""
        for line in self.process.stdout:
            output += line
            if line == "}\n":
                break
        else:
            raise RuntimeError(f"the server did not start: {output}")
        addresses = json.loads(output)
        self.listen = [addresses["public"], addresses["ops"]]
        self.public, self.ops = (f"http://{address}" for address in self.listen)
        with self.changed:
            self.generation += 1
            self.changed.notify_all()

    def kill(self):
        """Kills the server with SIGKILL, without an orderly shutdown."""
        self.process.kill()
        self.process.wait(timeout=TIMEOUT_S)

    def wait_for_restart(self, generation):
        """Waits until a later process serves than the one of this generation."""
        with self.changed:
            later = self.changed.wait_for(lambda: self.generation > generation, timeout=TIMEOUT_S)
        if not later:
            raise TimeoutError("the server does not respond, and it was not restarted")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def run(self, *arguments):
        """Runs a command of the executable; returns its exit code and output."""
        process = self.command(*arguments, stderr=subprocess.STDOUT)
        output, _ = process.communicate(timeout=60)
        return process.returncode, output

    def metrics(self):
        """The values of a scrape, by series as text."""
        lines = get(f"{self.ops}/metrics").splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {series: float(value) for series, value in pairs}


def free_port():
    """A free port below the kernel's ephemeral range, so that no outgoing connection takes it first."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


class Prometheus:
    """Prometheus with the shipped configuration and rules; only intervals and target are changed."""

    def __init__(self, folder, ops):
        folder.mkdir()
        shutil.copytree(ROOT / "dashboards" / "rules", folder / "rules")
        config = (ROOT / "dashboards" / "prometheus.yml").read_text()
        for shipped, here in [
            ("scrape_interval: 15s", "scrape_interval: 1s"),
            ("evaluation_interval: 15s", "evaluation_interval: 1s"),
            ("127.0.0.1:8081", ops.removeprefix("http://")),
        ]:
            if shipped not in config:
                raise ValueError(f"dashboards/prometheus.yml does not contain `{shipped}`")
            config = config.replace(shipped, here)
        (folder / "prometheus.yml").write_text(config)
        address = f"127.0.0.1:{free_port()}"
        self.base = f"http://{address}/api/v1"
        self.log = open(folder / "log", "w")
        self.process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=self.log,
            stderr=self.log,
        )

    def request(self, path, **parameters):
        body = urllib.parse.urlencode(parameters).encode() if parameters else None
        try:
            with urllib.request.urlopen(f"{self.base}/{path}", data=body, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error)["error"]) from None

    def query(self, expression, at=None):
        """An instant query; returns pairs of labels and value."""
        moment = {} if at is None else {"time": f"{at:.3f}"}
        answer = self.request("query", query=expression, **moment)
        rows = answer["result"] if answer["resultType"] == "vector" else [{"metric": {}, "value": answer["result"]}]
        return [(row["metric"], float(row["value"][1])) for row in rows]

    def ready(self):
        def scraped():
            if self.process.poll() is not None:
                raise RuntimeError(f"Prometheus exited; see {self.log.name}")
            try:
                get(self.base.replace("/api/v1", "/-/ready"))
                return self.query("adjacent_store_up == 1")
            except OSError:  # not listening yet, or not ready
                return None

        until("the first scrape", scraped)

    def wait_for_scrape(self, moment):
        """Waits for the result of a scrape that started after `moment`."""
        until("the last scrape", lambda: self.query(f"timestamp(adjacent_store_up) > {moment:.3f}"))

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=TIMEOUT_S)
        self.log.close()
