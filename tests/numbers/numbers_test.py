"""Runs everything and compares what everybody says of the same events."""

import csv
import io
import json
import os
import pathlib
import random
import sys
import tempfile
import threading
import time

import panels
from checks import Checks
from export import FIGURES, Export, prices
from page import Page, money
from processes import Prometheus, Server, get, until
from readers import Oracle, Reader

READERS = 48
LOAD_S = 20
BREAKDOWNS = [
    "", "day", "hour", "topic", "entity,region", "publisher,placement", "campaign,flight",
    "creative,variant,cta", "tier,day,topic",
]  # fmt: skip
DATA = ["--data", "data"]


def drive(server, seed, rng):
    """The load, with a kill in the middle; the oracle, and the moment when the load ended."""
    oracle, done = Oracle(), threading.Event()
    readers = [Reader(number, seed, server, oracle, done) for number in range(READERS)]
    for reader in readers:
        reader.start()
    began = time.monotonic()
    # The moment is random on purpose; nothing is waited for.
    time.sleep(LOAD_S * rng.uniform(0.3, 0.5))
    server.kill()
    server.start()
    time.sleep(max(0.0, began + LOAD_S - time.monotonic()))
    ended = time.time()
    done.set()
    for reader in readers:
        reader.join(timeout=30)
        if reader.failure or reader.is_alive():
            raise RuntimeError(f"a reader failed: {reader.failure}")
    return oracle, ended


def settled(server):
    """Waits until nothing waits for its impression any more."""

    def look():
        said = server.metrics()
        waiting = [v for series, v in said.items() if "_events_total" in series and 'verdict="pending"' in series]
        return said if sum(waiting) == 0 else None

    return until("everything to be settled", look)


def series(name, **labels):
    inside = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return f"adjacent_{name}{{{inside}}}"


def family(metrics, name):
    """The figures of a family that are not zero, by series."""
    prefix = f"adjacent_{name}{{"
    return {key: int(v) for key, v in metrics.items() if key.startswith(prefix) and v}


def ledger_figures(export):
    """What the metrics of the ledger must say, of an export."""
    truth = {}
    for (kind, verdict), count in export.figures("SELECT kind, verdict, count(*) FROM events GROUP BY ALL").items():
        truth[series("events_total", kind=kind, verdict=verdict)] = count
    for kind, count in export.figures("SELECT kind, count(*) FROM events GROUP BY ALL").items():
        truth[series("events_received_total", kind=kind)] = count
    for (kind, reason), count in export.figures(
        "SELECT kind, reason, count(*) FROM events WHERE reason IS NOT NULL GROUP BY ALL"
    ).items():
        truth[series("invalid_events_total", kind=kind, reason=reason)] = count
    for (campaign, currency), micros in export.figures(
        "SELECT campaign, currency, sum(billed_micros)::BIGINT FROM events GROUP BY ALL"
    ).items():
        if micros:
            truth[series("spend_micros_total", campaign=campaign, currency=currency)] = micros
    return truth


FAMILIES = ["events_total", "events_received_total", "invalid_events_total", "spend_micros_total"]


def against_readers(checks, oracle, export, inventory):
    """The export against what readers wrote down, token by token."""
    rows = {}
    for kind, decision, cta, verdict, reason in export.rows(
        "SELECT kind, decision_id, cta, verdict, reason FROM events"
    ):
        rows.setdefault((kind, decision, cta), []).append(reason or verdict)
    tokens = oracle.tokens

    lost = [f"{key}: {t.acknowledged} acknowledged, {len(rows.get(key, []))} on record" for key, t in tokens.items()
            if len(rows.get(key, [])) < t.acknowledged]  # fmt: skip
    checks.none("readers: every acknowledged event is on record", sum(t.acknowledged for t in tokens.values()), lost)
    made_up = [f"{key}: sent {tokens[key].sent if key in tokens else 0}, {len(found)} on record"
               for key, found in rows.items() if key not in tokens or len(found) > tokens[key].sent]  # fmt: skip
    more = [("made", "up", None)] if checks.spoil else []
    checks.none("readers: no event is on record that was not sent", len(rows), made_up + more)

    wrong = []
    for key, found in rows.items():
        if key in tokens and not fits(tokens[key], sorted(found)):
            wrong.append(f"{key}, a {tokens[key].manner}: {found}")
    if checks.spoil:
        wrong.append("spoilt")
    checks.none("readers: every event has the verdict that it deserves", len(rows), wrong)

    attributes = "advertiser campaign flight creative publisher placement region".split()
    told = [f"{row}" for row in export.rows(f"SELECT DISTINCT decision_id, {', '.join(attributes)} FROM events")
            if oracle.units.get(row[0]) != dict(zip(attributes, row[1:]))]  # fmt: skip
    if checks.spoil:
        told.append("spoilt")
    checks.none("readers: every event is reported under its own unit", len(oracle.units), told)

    acknowledged, sent = {}, {}
    for (kind, _, _), token in tokens.items():
        if token.manner == "person":
            acknowledged[kind] = acknowledged.get(kind, 0) + (token.acknowledged > 0)
            sent[kind] = sent.get(kind, 0) + 1
        elif token.manner == "hasty":
            sent[kind] = sent.get(kind, 0) + 1
    counted = export.figures("SELECT kind, count(*) FROM events WHERE verdict IN ('counted') OR reason = 'over_budget' GROUP BY ALL")
    bounds = [f"{kind}: {acknowledged[kind]} <= {counted.get(kind)} <= {sent[kind]}" for kind in FIGURES
              if not acknowledged[kind] <= counted.get(kind, 0) <= sent[kind]]  # fmt: skip
    print(f"      acknowledged {acknowledged}, counted {counted}, sent {sent}")
    if checks.spoil:
        bounds.append("spoilt")
    checks.none("readers: acknowledged <= counted <= sent", len(counted), bounds)

    billed, due = {}, {}
    for flight, (bills, price) in prices(inventory).items():
        what = "count(DISTINCT decision_id)" if bills == "click" else "count(*)"
        ((paid, events),) = export.rows(
            f"SELECT coalesce(sum(billed_micros), 0)::BIGINT, {what} FILTER (kind = ? AND verdict = 'counted') "
            "FROM events WHERE flight = ?", bills, flight,
        )  # fmt: skip
        billed[flight], due[flight] = paid, events * price
    checks.same("prices: what was billed is what was counted, at the inventory's price", due, billed)


def fits(token, found):
    """Whether these verdicts can be those of a token."""
    if token.manner == "person":
        # One of them counts, unless the budget had no room for it; a click may only have repeats.
        first = [one for one in found if one in ("counted", "over_budget")]
        return len(first) == 1 and set(found) <= {first[0], "duplicate"}
    if token.manner == "hasty":
        return found == ["too_fast"] or (not token.surely_hasty and found in (["counted"], ["over_budget"]))
    reason = {"robot": "bot", "prefetch": "prefetch", "orphan": "orphan_click", "test": "test"}[token.manner]
    return set(found) == {reason}


def against_metrics(checks, oracle, export, server, prometheus, metrics):
    truth = ledger_figures(export)
    said = {key: value for name in FAMILIES for key, value in family(metrics, name).items() if 'kind="unknown"' not in key}
    checks.same("/metrics: what the ledger says is what the export sums up to", truth, said)

    now = server.generation
    forged = oracle.forged[now]
    unknown = {series("events_received_total", kind="unknown"): forged,
               series("events_total", kind="unknown", verdict="invalid"): forged,
               series("invalid_events_total", kind="unknown", reason="forged"): forged}  # fmt: skip
    checks.same("/metrics: forged tokens since the start are those that were sent", unknown,
                {key: int(metrics[key]) for key in unknown})  # fmt: skip
    slots = {outcome: count for (generation, outcome), count in oracle.slots.items() if generation == now}
    told = {"filled": int(metrics[series("decisions_total", outcome="filled")]),
            "test": int(metrics[series("decisions_total", outcome="test")])}  # fmt: skip
    told |= {key.split('"')[1]: value for key, value in family(metrics, "no_fill_total").items()}
    checks.same("/metrics: slots since the start, by outcome and reason", slots, told)

    seen = {}
    for labels, value in prometheus.query('{__name__=~"adjacent_.*_total"}'):
        name = labels["__name__"].removeprefix("adjacent_")
        if name in FAMILIES and value:
            labels = {k: v for k, v in labels.items() if k not in ("__name__", "instance", "job")}
            seen[series(name, **labels)] = int(value)
    checks.same("Prometheus: the same as the export, and the forged", truth | unknown, seen)

    identity = prometheus.ask(
        "query_range", query="sum by (kind) (adjacent:count_identity:difference)",
        start=f"{time.time() - 120:.3f}", end=f"{time.time():.3f}", step="1",
    )["result"]  # fmt: skip
    points = [float(value) for row in identity for _, value in row["values"]]
    off = [f"{value} off" for value in points if value] + ["spoilt"] * checks.spoil
    checks.none("Prometheus: the count identity held in every scrape of the run", len(points), off)
    falls = 'resets({__name__=~"adjacent_(spend_micros|events_received|events)_total", kind!="unknown", verdict!="pending"}[3m])'
    rows = prometheus.query(falls)
    fell = [f"{labels} fell {value} times" for labels, value in rows if value] + ["spoilt"] * checks.spoil
    checks.none("Prometheus: nothing that the ledger counts fell at the kill", len(rows), fell)


def against_panels(checks, export, prometheus, ended):
    count, wrong = panels.unanswered(prometheus, ended)
    checks.none("dashboards: every query is answered, with a figure", count, wrong + ["spoilt"] * checks.spoil)

    def shown(board, title, *labels, ref="A", number=int):
        rows = prometheus.query(panels.expression(board, title, ref))
        pairs = ((tuple(labels_of.get(label, "") for label in labels), number(value)) for labels_of, value in rows)
        return {key: value for key, value in pairs if value and "unknown" not in key}

    def summed(columns, what="count(*)", where="true"):
        rows = export.rows(f"SELECT {columns}, {what} FROM events WHERE {where} GROUP BY ALL")
        return {row[:-1]: row[-1] for row in rows if row[-1]}

    units = "round(sum(billed_micros) / 1e6, 6)"
    micro = lambda value: round(value, 6)  # noqa: E731
    checks.same("dashboards: ledger, events by kind and verdict", summed("kind, verdict"),
                shown("ledger", "Events, by kind and verdict", "kind", "verdict"))  # fmt: skip
    checks.same("dashboards: ledger, received", summed("kind"), shown("ledger", "Received, by kind", "kind"))
    checks.same("dashboards: ledger, billed", summed("campaign, currency", "sum(billed_micros)::BIGINT"),
                shown("ledger", "Billed, by campaign", "campaign", "currency"))  # fmt: skip
    checks.same("dashboards: traffic, invalid by kind and reason", summed("kind, reason", where="reason IS NOT NULL"),
                shown("traffic", "Invalid events", "kind", "reason"))  # fmt: skip
    checks.same("dashboards: money, billed", summed("currency", units),
                shown("money", "Billed", "currency", number=micro))  # fmt: skip
    checks.same("dashboards: money, by campaign", summed("campaign, currency", units),
                shown("money", "By campaign", "campaign", "currency", number=micro))  # fmt: skip
    counted = {key[0]: value for key, value in summed("kind", where="verdict = 'counted'").items()}
    for title, kind in [("Viewable", "viewable"), ("Clicked", "click")]:
        truth = {(): round(counted[kind] / counted["impression"], 9)}
        said = shown("money", title, number=lambda value: round(value, 9))
        checks.same(f"dashboards: money, {title.lower()} of impressions", truth, said)

    groups = prometheus.ask("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    sick = [f"{rule['name']}: {rule.get('lastError')}" for rule in rules if rule["health"] != "ok"]
    checks.none("rules: each is evaluated without an error", len(rules), sick + ["spoilt"] * checks.spoil)
    # A kill is no damage, no drift and no lag.
    books = [rule for rule in rules if any(word in rule["name"] for word in ("Journal", "Ledger", "Identity"))
             and rule["type"] == "alerting"]  # fmt: skip
    fired = [rule["name"] for rule in books if rule["state"] != "inactive"]
    checks.none("rules: no alert about the books fires after a kill", len(books), fired + ["spoilt"] * checks.spoil)


def flat(rows, by):
    """A report's rows as figures by keys, currency and name."""
    found = {}
    for row in rows:
        key = (*row["keys"][: len(by)], row["currency"])
        for name in FIGURES.values():
            found.update({(*key, f"{name}_{part}"): row[name][part] for part in ("gross", "invalid", "net")})
        found |= {(*key, "pending"): row["pending"], (*key, "spend_micros"): row["spend_micros"]}
    return found


def against_reports(checks, export, server):
    parties = [("advertisers", "advertiser", id) for id in server.advertisers]
    parties += [("publishers", "publisher", id) for id in server.publishers]
    for kind, column, party in parties:
        if not export.rows(f"SELECT 1 FROM events WHERE {column} = ? LIMIT 1", party):
            said = json.loads(get(f"{server.public}/v1/reports/{kind}/{party}", **server.operator))
            checks.same(f"reports: {party} has none", {"rows": 0}, {"rows": len(said["rows"])})
            continue
        truth, json_said, csv_said = {}, {}, {}
        for asked in BREAKDOWNS:
            by = [name for name in asked.split(",") if name]
            # What it is broken down by if nothing is said: by day.
            url = f"{server.public}/v1/reports/{kind}/{party}?by={asked or 'day'}"
            reply = json.loads(get(url, **server.operator))
            text = get(url, **server.operator, Accept="text/csv")
            figures = export.report(column, party, by, reply["tz"])
            truth |= {(asked, *key): value for key, value in figures.items()}
            rows = reply["rows"] if by else reply["total"]
            json_said |= {(asked, *key): value for key, value in flat(rows, by).items()}
            for row in csv.DictReader(io.StringIO(text)) if by else []:
                key = (asked, *(row.pop(name) for name in by), row.pop("currency"))
                csv_said |= {(*key, name): int(value) for name, value in row.items()}
            if not by:
                refused = {}
                for row in reply["total"]:
                    for reason, count in row["refused"].items():
                        refused[reason] = refused.get(reason, 0) + count
        checks.same(f"reports: {party}, JSON, {len(BREAKDOWNS)} breakdowns", truth, json_said)
        without_total = {key: value for key, value in truth.items() if key[0]}
        checks.same(f"reports: {party}, CSV", without_total, csv_said)
        expected = export.refused(column, party)
        if expected or refused:
            checks.same(f"reports: {party}, refused by reason", expected, refused)


def against_pages(checks, export, server):
    for party in server.advertisers:
        if not export.rows("SELECT 1 FROM events WHERE advertiser = ? LIMIT 1", party):
            continue
        status, said = server.verb("keys", "link", party, "--days", "1", "--json", *DATA)
        if status:
            raise RuntimeError(said)
        page = Page(get(server.public + json.loads(said)["path"]))
        zone = json.loads(get(f"{server.public}/v1/reports/advertisers/{party}", **server.operator))["tz"]
        total, truth, found = export.report("advertiser", party, [], zone), {}, {}
        ((currency,),) = export.rows("SELECT DISTINCT currency FROM events WHERE advertiser = ?", party)
        for name in FIGURES.values():
            for part, column in [("gross", "Came"), ("invalid", "Not counted"), ("net", "Counted")]:
                truth["steps", name, column] = str(total[currency, f"{name}_{part}"])
        steps = page.figures("From impression to click")
        found |= {("steps", *key): value for key, value in steps.items() if key[1] != "Of impressions"}
        truth["spent"] = f"{money(total[currency, 'spend_micros'])} {currency}"
        found["spent"] = page.list["Spent"]
        for heading, by in [("By day", "day"), ("By topic", "topic"), ("By entity", "entity"), ("By country", "region"),
                            ("By site", "publisher"), ("By creative", "creative")]:  # fmt: skip
            for (name, _, figure), value in export.report("advertiser", party, [by], zone).items():
                if figure.endswith("_net"):
                    truth[heading, name, figure.removesuffix("_net").capitalize()] = str(value)
                elif figure == "spend_micros":
                    truth[heading, name, "Spent"] = f"{money(value)} {currency}"
            found |= {(heading, *key): value for key, value in page.figures(heading).items()}
        for reason, count in export.refused("advertiser", party).items():
            truth["refused", reason] = str(count)
        refused = page.figures("Refused, never billed")
        found |= {("refused", row): value for (row, column), value in refused.items() if column == "How many"}
        checks.same(f"page: {party}", truth, found)

    overview = json.loads(get(f"{server.ops}/v1/admin/overview", **server.operator))
    campaigns = [campaign for advertiser in overview["advertisers"] for campaign in advertiser["campaigns"]]
    billed = export.figures("SELECT campaign, sum(billed_micros)::BIGINT FROM events GROUP BY ALL")
    truth = {campaign["id"]: billed.get(campaign["id"], 0) for campaign in campaigns}
    checks.same("console: spent by campaign", truth, {c["id"]: c["spent_micros"] for c in campaigns})
    flights = [flight for campaign in campaigns for flight in campaign["flights"]]
    shown = export.figures(
        "SELECT flight, count(*) FROM events WHERE kind = 'impression' AND verdict = 'counted' GROUP BY ALL"
    )
    truth = {flight["id"]: shown.get(flight["id"], 0) for flight in flights}
    checks.same("console: delivered by flight", truth, {f["id"]: f["delivered_impressions"] for f in flights})


def audited(checks, server, when):
    status, said = server.verb("audit", "--json", *DATA)
    differences = json.loads(said).get("differences") if status == 0 else said
    checks.same(f"audit: no difference, {when}", {"differences": "[]"}, {"differences": str(differences)})


def columns(checks, server, export):
    """The same by columns, where this build writes them."""
    if "parquet" not in server.verb("export", "--help")[1].lower():
        print("      this build exports no Parquet")
        return
    status, said = server.verb("export", *DATA, "--out", "events.parquet")
    if status:
        checks.none("Parquet: is exported", 1, [said.strip()])
        return
    path = server.folder / "events.parquet"
    names = "kind, verdict, coalesce(reason::VARCHAR, ''), advertiser, campaign, flight, creative, publisher, topic, region, currency"
    sums = f"SELECT {names}, count(*) || ' events, ' || sum(billed_micros)::BIGINT || ' micros' FROM"
    kinds = "WHERE kind IN ('impression', 'viewable', 'click', 'copy') GROUP BY ALL"
    said = {tuple(map(str, key)): value for key, value in export.figures(f"{sums} read_parquet('{path}') {kinds}").items()}
    truth = {tuple(map(str, key)): value for key, value in export.figures(f"{sums} events {kinds}").items()}
    checks.same("Parquet: the same as the lines", truth, said)


def compare(checks, server, prometheus, oracle, ended):
    metrics = settled(server)
    prometheus.seen(time.time())
    status, said = server.verb("export", *DATA, "--out", "events.ndjson.zst")
    if status:
        raise RuntimeError(said)
    export = Export(server.folder / "events.ndjson.zst")
    ((events,),) = export.rows("SELECT count(*) FROM events")
    print(f"      {events} events on record; {said.strip()} exported")
    columns(checks, server, export)
    checks.none("readers: every answer is one that a reader may get", oracle.requests,
                oracle.wrong + ["spoilt"] * checks.spoil)  # fmt: skip
    if checks.spoil:
        whole = Export(server.folder / "events.ndjson.zst")
        whole.lose_one()
        against_readers(checks, oracle, whole, server.folder / "config" / "inventory")
    else:
        against_readers(checks, oracle, export, server.folder / "config" / "inventory")
    against_metrics(checks, oracle, export, server, prometheus, metrics)
    against_panels(checks, export, prometheus, ended)
    against_reports(checks, export, server)
    against_pages(checks, export, server)
    audited(checks, server, "while it serves")
    after = server.metrics()
    quiet = lambda said: {key: value for name in FAMILIES for key, value in family(said, name).items()}  # noqa: E731
    checks.same("nothing changed while it was compared", quiet(metrics), quiet(after))
    server.stop()
    audited(checks, server, "after it stopped")


def main():
    seed = int(os.environ.get("ADJACENT_SEED") or random.SystemRandom().randrange(1 << 32))
    spoil = bool(os.environ.get("ADJACENT_SPOIL"))
    print(f"seed {seed}{', one figure changed in each comparison' if spoil else ''}", flush=True)
    checks, began = Checks(seed, spoil), time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        server = Server(folder / "server")
        prometheus = Prometheus(folder / "prometheus", server.ops)
        try:
            prometheus.ready()
            oracle, ended = drive(server, seed, random.Random(seed))
            print(
                f"      {oracle.requests} requests in {LOAD_S} s by {READERS} readers; {oracle.unanswered} cut by the kill; "
                f"{sum(oracle.forged.values())} forged, {oracle.heads} HEAD", flush=True,
            )  # fmt: skip
            compare(checks, server, prometheus, oracle, ended)
        finally:
            prometheus.stop()
            server.stop()
    print(f"{time.monotonic() - began:.0f} s")
    print(f"{checks.passed} passed, {checks.failed} failed")
    sys.exit(1 if checks.failed else 0)


main()
