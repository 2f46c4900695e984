"""The server and Prometheus, as processes of a folder of their own."""

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
PATIENCE_S = 30

# All readers of this test come from one address; an event that waits for its impression waits five
# seconds here, so that everything is settled when the figures are compared.
SETTINGS = {
    "ADJACENT__LOGS__LEVEL": "error",
    "ADJACENT__LIMITS__FLOOD_PER_SECOND": "0",
    "ADJACENT__LIMITS__IMPRESSIONS": "[]",
    "ADJACENT__LIMITS__CLICKS": "[]",
    "ADJACENT__WINDOWS__ORPHAN_GRACE_SECONDS": "5",
    "ADJACENT__STORE__SEGMENT_BYTES": "1048576",
    "ADJACENT__STORE__HOUSE_ONLY_BELOW_MIB": "0",
}


def until(what, look):
    """Looks until `look` finds something; says `what` when it never does."""
    end = time.monotonic() + PATIENCE_S
    while not (found := look()):
        if time.monotonic() > end:
            raise TimeoutError(f"in vain waited for: {what}")
        time.sleep(0.05)
    return found


def get(url, **headers):
    """The text of an answer."""
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
        return answer.read().decode()


def post(url, value, **headers):
    """What is answered to a JSON document."""
    headers |= {"Content-Type": "application/json"}
    asked = urllib.request.Request(url, data=json.dumps(value).encode(), headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise ValueError(f"{url}: {error.code} {error.read().decode()}") from None


class Redis:
    """The store of many machines, which keeps nothing over a kill."""

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
        self.process.wait(timeout=PATIENCE_S)

    stop = kill


class Server:
    """The executable on addresses that it keeps over a kill; alone, or on a store that others use too."""

    def __init__(self, folder, store=None, beside=None):
        self.folder = folder
        self.settings = dict(SETTINGS)
        self.books = ["--data", "data"]
        if store:
            self.settings["ADJACENT__STORE__URL"] = store.url
            self.books = ["--store", store.url]
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
        said = ""
        for line in self.process.stdout:
            said += line
            if line == "}\n":
                break
        else:
            raise RuntimeError(f"the server did not start: {said}")
        said = json.loads(said)
        self.listen = [said["public"], said["ops"]]
        self.public, self.ops = (f"http://{address}" for address in self.listen)
        with self.changed:
            self.generation += 1
            self.changed.notify_all()

    def kill(self):
        """SIGKILL: nothing is written, nobody is told."""
        self.process.kill()
        self.process.wait(timeout=PATIENCE_S)

    def after(self, generation):
        """Waits until a later process serves than the one that failed."""
        with self.changed:
            later = self.changed.wait_for(lambda: self.generation > generation, timeout=PATIENCE_S)
        if not later:
            raise TimeoutError("the server is gone, and nobody killed it")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def verb(self, *arguments):
        """What a verb answers, and how it ends."""
        process = self.command(*arguments, stderr=subprocess.STDOUT)
        said, _ = process.communicate(timeout=60)
        return process.returncode, said

    def metrics(self):
        """The series of a scrape, by their text."""
        lines = get(f"{self.ops}/metrics").splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {series: float(value) for series, value in pairs}


def free_port():
    """One below those that the kernel gives to connections, which would take it before its server does."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as held:
            if held.connect_ex(("127.0.0.1", port)):
                return port


class Prometheus:
    """A Prometheus with the shipped configuration and rules; only the times and the target differ."""

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
                raise ValueError(f"dashboards/prometheus.yml does not say `{shipped}`")
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

    def ask(self, path, **parameters):
        body = urllib.parse.urlencode(parameters).encode() if parameters else None
        try:
            with urllib.request.urlopen(f"{self.base}/{path}", data=body, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error)["error"]) from None

    def query(self, expression, at=None):
        """An instant query: a list of labels and a value."""
        moment = {} if at is None else {"time": f"{at:.3f}"}
        answer = self.ask("query", query=expression, **moment)
        rows = answer["result"] if answer["resultType"] == "vector" else [{"metric": {}, "value": answer["result"]}]
        return [(row["metric"], float(row["value"][1])) for row in rows]

    def ready(self):
        def scraped():
            if self.process.poll() is not None:
                raise RuntimeError(f"Prometheus ended: see {self.log.name}")
            try:
                get(self.base.replace("/api/v1", "/-/ready"))
                return self.query("adjacent_store_up == 1")
            except OSError:  # it does not listen yet, or says that it is not ready
                return None

        until("the first scrape", scraped)

    def seen(self, moment):
        """Waits until a scrape that began after `moment` is in."""
        until("the last scrape", lambda: self.query(f"timestamp(adjacent_store_up) > {moment:.3f}"))

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=PATIENCE_S)
        self.log.close()
