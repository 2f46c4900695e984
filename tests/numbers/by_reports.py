"""An export compared with reports, pages, the console, the audit and a Parquet export."""

import csv
import io
import json

from export import FIGURES
from page import Page, money
from processes import get, report

BREAKDOWNS = [
    "", "day", "hour", "topic", "entity,region", "publisher,placement", "campaign,flight",
    "creative,variant,cta", "tier,day,topic", "sentiment,verified",
]  # fmt: skip
# The tables of the advertiser page, with their breakdowns.
PAGE = [
    ("By day", "day"), ("By hour of the day", "hour"), ("By topic", "topic"), ("By entity", "entity"),
    ("By country", "region"), ("By site", "publisher"), ("By placement", "placement"), ("By creative", "creative"),
    ("By tier", "tier"), ("By flight", "flight"),
]  # fmt: skip


# Figures that are not in the export: breakdowns are compared with each other.
OPPORTUNITY_FIGURES = ["requests", "filled", "revenue_micros"]


def has_events(row):
    """Whether a row has event figures, not only requests."""
    return row["pending"] or row["spend_micros"] or row["returned_micros"] or any(
        row[name][part] for name in FIGURES.values() for part in ("gross", "net")
    )


def opportunity_figures(rows):
    """The figures that are not in the export, summed by currency."""
    found = {}
    for row in rows:
        for name in OPPORTUNITY_FIGURES:
            key = (row["currency"], name)
            found[key] = found.get(key, 0) + int(row.get(name) or 0)
    return found


def flat(rows, by):
    """The figures of report rows by keys, currency and name."""
    found = {}
    for row in filter(has_events, rows):
        key = (*row["keys"][: len(by)], row["currency"])
        for name in FIGURES.values():
            found.update({(*key, f"{name}_{part}"): row[name][part] for part in ("gross", "invalid", "net")})
        found |= {(*key, name): row[name] for name in ("pending", "spend_micros", "returned_micros")}
    return found


def against_reports(checks, export, server):
    parties = [("advertisers", "advertiser", id) for id in server.advertisers]
    parties += [("publishers", "publisher", id) for id in server.publishers]
    for kind, column, party in parties:
        if not export.report(column, party, [], "UTC"):
            reply = json.loads(get(f"{server.public}/v1/reports/{kind}/{party}", **server.operator))
            rows = list(filter(has_events, reply["rows"]))
            checks.same(f"reports: {party} has no events", {"rows": 0}, {"rows": len(rows)})
            continue
        truth, from_json, from_csv, requests_truth, requests_found = {}, {}, {}, {}, {}
        for breakdown in BREAKDOWNS:
            by = [name for name in breakdown.split(",") if name]
            # The default breakdown is by day.
            url = f"{server.public}/v1/reports/{kind}/{party}?by={breakdown or 'day'}"
            reply = report(url, **server.operator)
            text = get(url, **server.operator, Accept="text/csv")
            figures = export.report(column, party, by, reply["tz"])
            truth |= {(breakdown, *key): value for key, value in figures.items()}
            rows = reply["rows"] if by else reply["total"]
            from_json |= {(breakdown, *key): value for key, value in flat(rows, by).items()}
            table = list(csv.DictReader(io.StringIO(text))) if by else []
            for source, all_rows in [("JSON", reply["rows"]), ("CSV", table)] if by else []:
                requests_found |= {(breakdown, source, *key): value for key, value in opportunity_figures(all_rows).items()}
                requests_truth |= {(breakdown, source, *key): value for key, value in opportunity_figures(reply["total"]).items()}
            for row in table:
                for name in (*OPPORTUNITY_FIGURES, "agents", "provisional", "final_until"):
                    row.pop(name, None)
                key = (breakdown, *(row.pop(name) for name in by), row.pop("currency"))
                if any(map(int, row.values())):
                    from_csv |= {(*key, name): int(value) for name, value in row.items()}
            if not by:
                invalid = {}
                for row in reply["total"]:
                    for reason, count in row["refused"].items():
                        invalid[reason] = invalid.get(reason, 0) + count
        checks.same(f"reports: {party}, JSON, {len(BREAKDOWNS)} breakdowns", truth, from_json)
        without_total = {key: value for key, value in truth.items() if key[0]}
        checks.same(f"reports: {party}, CSV", without_total, from_csv)
        checks.same(f"reports: {party}, requests add up in all breakdowns", requests_truth, requests_found)
        expected = export.invalid_by_reason(column, party)
        if expected or invalid:
            checks.same(f"reports: {party}, invalid by reason", expected, invalid)


def by_hour(rows):
    """Sums rows of the same hour over all days."""
    found = {}
    for key, value in rows.items():
        if len(key) == 3:
            key = (f"{key[0][11:13]}:00", *key[1:])
        found[key] = found.get(key, 0) + value
    return found


def against_pages(checks, export, server):
    for party in server.advertisers:
        if not export.report("advertiser", party, [], "UTC"):
            continue
        status, output = server.run("keys", "link", party, "--days", "1", "--json", "--data", "data")
        if status:
            raise RuntimeError(output)
        page = Page(get(server.public + json.loads(output)["path"]))
        zone = json.loads(get(f"{server.public}/v1/reports/advertisers/{party}", **server.operator))["tz"]
        total, truth, found = export.report("advertiser", party, [], zone), {}, {}
        ((currency,),) = export.rows("SELECT DISTINCT currency FROM events WHERE advertiser = ?", party)
        for name in FIGURES.values():
            for part, column in [("gross", "Gross"), ("invalid", "Invalid"), ("net", "Net")]:
                truth["steps", name, column] = str(total[currency, f"{name}_{part}"])
        steps = page.figures("Delivery funnel")
        counted = ("Gross", "Invalid", "Net")
        found |= {("steps", *key): value for key, value in steps.items() if key[0] != "served" and key[1] in counted}
        for fact, figure in [("Spend", "spend_micros"), ("Refunded", "returned_micros")]:
            truth[fact], found[fact] = f"{money(total[currency, figure])} {currency}", page.list[fact]
        for heading, by in PAGE:
            rows = {key: value for key, value in total.items()} | export.report("advertiser", party, [by], zone)
            for key, value in by_hour(rows).items() if by == "hour" else rows.items():
                name = "Total" if len(key) == 2 else key[0]
                if key[-1].endswith("_net"):
                    truth[heading, name, key[-1].removesuffix("_net").capitalize()] = str(value)
                elif key[-1] == "spend_micros":
                    truth[heading, name, "Spend"] = f"{money(value)} {currency}"
            figures = page.figures(heading)
            found |= {(heading, *key): value for key, value in figures.items() if key[1] != "CTR"}
        for reason, count in export.invalid_by_reason("advertiser", party).items():
            truth["invalid", reason] = str(count)
        invalid = page.figures("Invalid events (not billed)")
        found |= {("invalid", row): value for (row, column), value in invalid.items() if column == "Count"}
        responses = export.rows(
            "SELECT kind, count(*) FILTER (entry = 'event') - count(*) FILTER (entry = 'credit') FROM entries WHERE "
            "advertiser = ? AND kind IN ('click', 'copy') AND (verdict = 'counted' OR entry = 'credit') GROUP BY kind",
            party,
        )
        truth |= {("responses", kind): count for kind, count in responses if count}
        for _, kind, count, _ in page.tables.get("Clicks and copies", [])[1:]:
            found["responses", kind] = found.get(("responses", kind), 0) + int(count)
        # A row of zeros is equal to a missing row.
        zeros = ("", "0", f"0.00 {currency}", 0)
        truth, found = ({key: value for key, value in rows.items() if value not in zeros} for rows in (truth, found))
        checks.same(f"page: {party}", truth, found)

    overview = json.loads(get(f"{server.ops}/v1/admin/overview", **server.operator))
    campaigns = [campaign for advertiser in overview["advertisers"] for campaign in advertiser["campaigns"]]
    billed = export.figures("SELECT campaign, sum(billed_micros)::BIGINT FROM entries GROUP BY ALL")
    truth = {campaign["id"]: billed.get(campaign["id"], 0) for campaign in campaigns}
    checks.same("console: spent by campaign", truth, {c["id"]: c["spent_micros"] for c in campaigns})
    flights = [flight for campaign in campaigns for flight in campaign["flights"]]
    shown = export.figures(
        "SELECT flight, count(*) FILTER (verdict = 'counted') - count(*) FILTER (entry = 'credit') FROM entries "
        "WHERE kind = 'impression' GROUP BY ALL"
    )
    truth = {flight["id"]: shown.get(flight["id"], 0) for flight in flights}
    checks.same("console: delivered by flight", truth, {f["id"]: f["delivered_impressions"] for f in flights})


def audited(checks, server, when):
    status, output = server.run("audit", "--json", *server.data_source)
    mismatches = json.loads(output).get("differences") if status == 0 else output
    checks.same(f"audit: no mismatch, {when}", {"mismatches": "[]"}, {"mismatches": str(mismatches)})


def columns(checks, server, export):
    """Compares the Parquet export, if this build supports it."""
    if "parquet" not in server.run("export", "--help")[1].lower():
        print("      Parquet export skipped: not supported by this build")
        return
    status, output = server.run("export", *server.data_source, "--out", "events.parquet")
    if status:
        checks.none("Parquet: the export succeeds", 1, [output.strip()])
        return
    path = server.folder / "events.parquet"
    names = "entry, coalesce(kind, ''), coalesce(verdict, ''), coalesce(reason::VARCHAR, ''), advertiser, campaign, flight, creative, publisher, topic, region, currency"
    sums = f"SELECT {names}, count(*) || ' events, ' || sum(billed_micros)::BIGINT || ' micros' FROM"
    kinds = "GROUP BY ALL"
    actual = {tuple(map(str, key)): value for key, value in export.figures(f"{sums} read_parquet('{path}') {kinds}").items()}
    truth = {tuple(map(str, key)): value for key, value in export.figures(f"{sums} entries {kinds}").items()}
    checks.same("Parquet: equal to the NDJSON export", truth, actual)
