"""Runs the load and compares all sources of figures for the same events."""

import json
import os
import pathlib
import random
import sys
import tempfile
import threading
import time
import tomllib

import by_other_instances
import by_prometheus
import by_readers
import by_reports
from by_prometheus import FAMILIES, family
from checks import Checks
from export import Export
from processes import Prometheus, Redis, Server, get, post, until
from readers import Oracle, Reader

READERS = 48
LOAD_S = 20


def accepted(url, value, server):
    """Whether the server takes a document; a Redis that is just starting makes it answer 503."""
    try:
        post(url, value, **server.operator)
        return True
    except ValueError as error:
        if ": 503 " not in str(error):
            raise
        return False


def tune(server):
    """Compares other weights in the shadow and serves them to a part of the requests, for the panels of both."""
    versions = f"{server.ops}/v1/admin/weights/versions"
    weights = tomllib.loads((server.folder / "config" / "weights.toml").read_text())
    draft = {"name": "sharper", "weights": weights | {"sharpness": 1.2}}
    for url, value in [
        (versions, draft),
        (f"{versions}/sharper/shadow", {}),
        (f"{versions}/sharper/canary", {"percent": 20}),
    ]:
        until("other weights", lambda url=url, value=value: accepted(url, value, server))


def drive(server, victim, seed, rng):
    """Runs the load and kills `victim` in the middle; returns the oracle and the end time of the load."""
    oracle, done = Oracle(), threading.Event()
    readers = [Reader(number, seed, server, oracle, done) for number in range(READERS)]
    for reader in readers:
        reader.start()
    began = time.monotonic()
    # The time of the kill is random on purpose; the sleep does not wait for a state.
    time.sleep(LOAD_S * rng.uniform(0.3, 0.5))
    victim.kill()
    victim.start()
    tune(server)
    time.sleep(max(0.0, began + LOAD_S - time.monotonic()))
    ended = time.time()
    done.set()
    for reader in readers:
        reader.join(timeout=30)
        if reader.failure or reader.is_alive():
            raise RuntimeError(f"a reader failed: {reader.failure}")
    return oracle, ended


def settled(server):
    """Waits until no event is pending and ledger metrics are stable; returns the metrics."""
    before = {}

    def check():
        nonlocal before
        last, metrics = before, server.metrics()
        before = ledger_of(metrics)
        pending = any('verdict="pending"' in series for series in before)
        return metrics if before == last and not pending else None

    return until("all events to be settled", check)


def ledger_of(metrics):
    """The non-zero ledger metrics of a scrape."""
    return {series: value for name in FAMILIES for series, value in family(metrics, name).items()}


def credit_and_refund(server):
    """Sends the same credits and the same refund twice; each must be applied once."""
    server.run("export", *server.data_source, "--out", "before.ndjson.zst")
    export = Export(server.folder / "before.ndjson.zst")
    decisions = export.rows(
        "SELECT decision_id, campaign, advertiser FROM events WHERE verdict = 'counted' AND billed_micros > 0 LIMIT 7"
    )
    for _ in range(2):
        credit = {"decisions": [decision for decision, _, _ in decisions], "note": "a click farm"}
        post(f"{server.ops}/v1/admin/credits", credit, **server.operator)
        # A day with spend of that sponsor.
        _, campaign, sponsor = decisions[0]
        url = f"{server.public}/v1/reports/advertisers/{sponsor}?by=day&campaign={campaign}"
        rows = json.loads(get(url, **server.operator))["rows"]
        day = next(row["keys"][0] for row in rows if row["spend_micros"] > 0)
        refund = {"campaign": campaign, "day": day, "micros": 1_234, "note": "the page was down"}
        post(f"{server.ops}/v1/admin/refunds", refund, **server.operator, **{"Idempotency-Key": "one"})


def compare(checks, server, others, prometheus, oracle, ended):
    settled(server)
    credit_and_refund(server)
    metrics = settled(server)
    prometheus.wait_for_scrape(time.time())
    status, output = server.run("export", *server.data_source, "--out", "events.ndjson.zst")
    if status:
        raise RuntimeError(output)
    export = Export(server.folder / "events.ndjson.zst")
    ((events,),) = export.rows("SELECT count(*) FROM events")
    print(f"      {events} events recorded; {output.strip()} exported")
    by_reports.columns(checks, server, export)
    checks.none("readers: every response is valid", oracle.requests,
                oracle.wrong + ["spoilt"] * checks.spoil)  # fmt: skip
    for_readers = export
    if checks.spoil:
        for_readers = Export(server.folder / "events.ndjson.zst")
        for_readers.delete_one()
    by_readers.compare(checks, oracle, for_readers, server.folder / "config" / "inventory")
    by_prometheus.against_metrics(checks, oracle, export, server, prometheus, metrics)
    by_prometheus.against_panels(checks, export, prometheus, ended)
    by_reports.against_reports(checks, export, server)
    by_reports.against_pages(checks, export, server)
    by_reports.audited(checks, server, "while the server runs")
    by_other_instances.compare(checks, export, others)
    checks.same("metrics did not change during the comparison", ledger_of(metrics), ledger_of(server.metrics()))
    server.stop()
    by_reports.audited(checks, server, "after the server stopped")


def run(checks, place, store):
    """Load, a kill and all comparisons. Standalone, the server is killed. In a fleet, Redis is killed and
    returns empty, and a second instance without readers is compared, too."""
    where, seed = "fleet" if store else "standalone", checks.seed
    print(f"-- {where}", flush=True)
    started, began = [], time.monotonic()
    try:
        if store:
            started.append(store := Redis(place / "redis"))
        started.append(server := Server(place / "server", store))
        others = [Server(place / "other", store, server)] if store else []
        started.extend(others)
        started.append(prometheus := Prometheus(place / "prometheus", server.ops))
        prometheus.ready()
        oracle, ended = drive(server, store or server, seed, random.Random(seed))
        print(
            f"      {oracle.requests} requests in {LOAD_S} s by {READERS} readers; {oracle.unanswered} interrupted by the kill; "
            f"{sum(oracle.forged.values())} forged, {oracle.heads} HEAD", flush=True,
        )  # fmt: skip
        compare(checks, server, others, prometheus, oracle, ended)
    finally:
        for process in reversed(started):
            process.stop()
    print(f"-- {where}: {time.monotonic() - began:.0f} s", flush=True)


def main():
    seed = int(os.environ.get("ADJACENT_SEED") or random.SystemRandom().randrange(1 << 32))
    spoil = bool(os.environ.get("ADJACENT_SPOIL"))
    print(f"seed {seed}{', one figure changed in each comparison (all must fail)' if spoil else ''}", flush=True)
    checks = Checks(seed, spoil)
    for store in (False, True):
        with tempfile.TemporaryDirectory() as place:
            run(checks, pathlib.Path(place), store)
    print(f"{checks.passed} passed, {checks.failed} failed")
    sys.exit(1 if checks.failed else 0)


main()
