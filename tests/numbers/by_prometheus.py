"""An export compared with `/metrics`, with Prometheus, and with the queries of dashboards and rules."""

import re
import time

import panels


def series(name, **labels):
    inside = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return f"adjacent_{name}{{{inside}}}"


def family(metrics, name):
    """The non-zero values of a metric family, by series."""
    prefix = f"adjacent_{name}{{"
    return {key: int(v) for key, v in metrics.items() if key.startswith(prefix) and v}


FAMILIES = ["events_total", "events_received_total", "invalid_events_total", "spend_micros_total", "credited_micros_total"]


def settled(metrics):
    """The ledger metrics, with the verdicts and amounts that changed when the order of records became known.

    Reasons of invalid events are those of the first verdict.
    """
    figures = {key: v for name in FAMILIES for key, v in family(metrics, name).items() if 'kind="unknown"' not in key}

    def add(key, value):
        figures[key] = figures.get(key, 0) + value

    for key, count in family(metrics, "verdict_changes_total").items():
        labels = dict(re.findall(r'(\w+)="([^"]*)"', key))
        add(series("events_total", kind=labels["kind"], verdict=labels["from"]), -count)
        if labels["to"] != "pending":
            add(series("events_total", kind=labels["kind"], verdict=labels["to"]), count)
    for key, micros in family(metrics, "unbilled_micros_total").items():
        add(key.replace("_unbilled_", "_spend_"), -micros)
    return {key: value for key, value in figures.items() if value}


def ledger_figures(export):
    """The expected values of ledger metrics, computed from an export."""
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
    for kind, count in export.figures("SELECT kind, count(*) FROM returned WHERE entry = 'credit' GROUP BY ALL").items():
        truth[series("invalid_events_total", kind=kind, reason="credited")] = count
    for (campaign, currency), micros in export.figures(
        "SELECT campaign, currency, -sum(billed_micros)::BIGINT FROM returned GROUP BY ALL"
    ).items():
        if micros:
            truth[series("credited_micros_total", campaign=campaign, currency=currency)] = micros
    return truth


def against_metrics(checks, oracle, export, server, prometheus, metrics):
    truth = ledger_figures(export)
    checks.same("/metrics: ledger metrics equal the export", truth, settled(metrics))

    now = server.generation
    forged = oracle.forged[now]
    unknown = {series("events_received_total", kind="unknown"): forged,
               series("events_total", kind="unknown", verdict="invalid"): forged,
               series("invalid_events_total", kind="unknown", reason="forged"): forged}  # fmt: skip
    checks.same("/metrics: forged tokens since the start equal those sent", unknown,
                {key: int(metrics[key]) for key in unknown})  # fmt: skip
    slots = {outcome: count for (generation, outcome), count in oracle.slots.items() if generation == now}
    outcomes = {"filled": int(metrics[series("decisions_total", outcome="filled")]),
                "test": int(metrics[series("decisions_total", outcome="test")])}  # fmt: skip
    outcomes |= {key.split('"')[1]: value for key, value in family(metrics, "no_fill_total").items()}
    checks.same("/metrics: slots since the start, by outcome and reason", slots, outcomes)

    scraped = {}
    for labels, value in prometheus.query('{__name__=~"adjacent_.*_total"}'):
        name = labels["__name__"].removeprefix("adjacent_")
        labels = {k: v for k, v in labels.items() if k not in ("__name__", "instance", "job")}
        scraped[series(name, **labels)] = value
    rejected = {key: value for name in FAMILIES for key, value in family(scraped, name).items() if 'kind="unknown"' in key}
    seen = settled(scraped) | rejected
    checks.same("Prometheus: ledger metrics equal the export and the forged tokens", truth | unknown, seen)

    identity = prometheus.request(
        "query_range", query="sum by (kind) (adjacent:count_identity:difference)",
        start=f"{time.time() - 120:.3f}", end=f"{time.time():.3f}", step="1",
    )["result"]  # fmt: skip
    points = [float(value) for row in identity for _, value in row["values"]]
    if checks.spoil:
        points[-1] += 1
    violations = [f"off by {value}" for value in points if value]
    checks.none("Prometheus: the count identity holds in every scrape of the run", len(points), violations)
    resets = 'resets({__name__=~"adjacent_(spend_micros|events_received|events)_total", kind!="unknown", verdict!="pending"}[3m])'
    rows = prometheus.query(resets)
    if checks.spoil:
        rows[-1] = (rows[-1][0], 1.0)
    decreased = [f"{labels} decreased {value} times" for labels, value in rows if value]
    checks.none("Prometheus: no ledger counter decreased at the kill", len(rows), decreased)


def against_panels(checks, export, prometheus, ended):
    count, failed = panels.failed_queries(prometheus, ended, checks.spoil)
    checks.none("dashboards: every query returns a finite value", count, failed)

    def shown(board, title, *labels, ref="A", number=int):
        rows = prometheus.query(panels.expression(board, title, ref))
        pairs = ((tuple(labels_of.get(label, "") for label in labels), number(value)) for labels_of, value in rows)
        return {key: value for key, value in pairs if value and "unknown" not in key}

    def summed(columns, what="count(*)", where="true", table="events"):
        rows = export.rows(f"SELECT {columns}, {what} FROM {table} WHERE {where} GROUP BY ALL")
        return {row[:-1]: row[-1] for row in rows if row[-1]}

    units = "round(sum(billed_micros) / 1e6, 6)"
    micro = lambda value: round(value, 6)  # noqa: E731
    checks.same("dashboards: ledger, events by kind and verdict", summed("kind, verdict"),
                shown("ledger", "Events, by kind and verdict", "kind", "verdict"))  # fmt: skip
    checks.same("dashboards: ledger, received", summed("kind"), shown("ledger", "Received, by kind", "kind"))
    checks.same("dashboards: ledger, billed", summed("campaign, currency", "sum(billed_micros)::BIGINT"),
                shown("ledger", "Billed, by campaign", "campaign", "currency"))  # fmt: skip
    credited = summed("kind, 'credited'", where="entry = 'credit'", table="returned")
    checks.same("dashboards: traffic, credited later", {key[:1]: count for key, count in credited.items()},
                shown("traffic", "Credited later", "kind"))  # fmt: skip
    checks.same("dashboards: traffic, invalid by kind and reason",
                summed("kind, reason", where="reason IS NOT NULL") | credited,
                shown("traffic", "Invalid events", "kind", "reason"))  # fmt: skip
    checks.same("dashboards: money, billed", summed("currency", units),
                shown("money", "Billed", "currency", number=micro))  # fmt: skip
    checks.same("dashboards: money, credits and refunds", summed("currency", f"-{units}", table="returned"),
                shown("money", "Credited and refunded", "currency", number=micro))  # fmt: skip
    checks.same("dashboards: money, net", summed("currency", units, table="entries"),
                shown("money", "Net", "currency", number=micro))  # fmt: skip
    checks.same("dashboards: money, by campaign", summed("campaign, currency", units),
                shown("money", "By campaign", "campaign", "currency", number=micro))  # fmt: skip
    counted = {key[0]: value for key, value in summed("kind", where="verdict = 'counted'").items()}
    for title, kind in [("Viewable", "viewable"), ("CTR", "click")]:
        truth = {(): round(counted[kind] / counted["impression"], 9)}
        actual = shown("money", title, number=lambda value: round(value, 9))
        checks.same(f"dashboards: money, {title.lower()} of impressions", truth, actual)

    groups = prometheus.request("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    if checks.spoil:
        rules[-1]["health"] = "err"
    failing = [f"{rule['name']}: {rule.get('lastError')}" for rule in rules if rule["health"] != "ok"]
    checks.none("rules: every rule is evaluated without error", len(rules), failing)
    # A kill causes no corruption, no mismatch and no violation of the count identity.
    ledger = [rule for rule in rules if any(word in rule["name"] for word in ("Journal", "Ledger", "Identity"))
             and rule["type"] == "alerting"]  # fmt: skip
    if checks.spoil:
        ledger[-1]["state"] = "pending"
    fired = [rule["name"] for rule in ledger if rule["state"] != "inactive"]
    checks.none("rules: no alert about journal or ledger fires after a kill", len(ledger), fired)
