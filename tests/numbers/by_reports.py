"""An export against reports, pages, the console, the audit, and an export by columns."""

import csv
import io
import json

from export import FIGURES
from page import Page, money
from processes import get

BREAKDOWNS = [
    "", "day", "hour", "topic", "entity,region", "publisher,placement", "campaign,flight",
    "creative,variant,cta", "tier,day,topic",
]  # fmt: skip
# The tables of an advertiser's page.
PAGE = [
    ("By day", "day"), ("By hour of the day", "hour"), ("By topic", "topic"), ("By entity", "entity"),
    ("By country", "region"), ("By site", "publisher"), ("By placement", "placement"), ("By creative", "creative"),
    ("By tier", "tier"), ("By flight", "flight"),
]  # fmt: skip


# What no event says: compared with each other.
ASKED = ["requests", "filled", "revenue_micros"]


def is_of_events(row):
    """Whether anything but requests is in a row."""
    return row["pending"] or row["spend_micros"] or row["returned_micros"] or any(
        row[name][part] for name in FIGURES.values() for part in ("gross", "net")
    )


def asked_of(rows):
    """What no event says, added up by currency."""
    found = {}
    for row in rows:
        for name in ASKED:
            key = (row["currency"], name)
            found[key] = found.get(key, 0) + int(row.get(name) or 0)
    return found


def flat(rows, by):
    """A report's rows as figures by keys, currency and name."""
    found = {}
    for row in filter(is_of_events, rows):
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
            said = json.loads(get(f"{server.public}/v1/reports/{kind}/{party}", **server.operator))
            rows = list(filter(is_of_events, said["rows"]))
            checks.same(f"reports: {party} has none", {"rows": 0}, {"rows": len(rows)})
            continue
        truth, json_said, csv_said, asked_truth, asked_said = {}, {}, {}, {}, {}
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
            table = list(csv.DictReader(io.StringIO(text))) if by else []
            for source, all_rows in [("JSON", reply["rows"]), ("CSV", table)] if by else []:
                asked_said |= {(asked, source, *key): value for key, value in asked_of(all_rows).items()}
                asked_truth |= {(asked, source, *key): value for key, value in asked_of(reply["total"]).items()}
            for row in table:
                for name in ASKED:
                    row.pop(name, None)
                key = (asked, *(row.pop(name) for name in by), row.pop("currency"))
                if any(map(int, row.values())):
                    csv_said |= {(*key, name): int(value) for name, value in row.items()}
            if not by:
                refused = {}
                for row in reply["total"]:
                    for reason, count in row["refused"].items():
                        refused[reason] = refused.get(reason, 0) + count
        checks.same(f"reports: {party}, JSON, {len(BREAKDOWNS)} breakdowns", truth, json_said)
        without_total = {key: value for key, value in truth.items() if key[0]}
        checks.same(f"reports: {party}, CSV", without_total, csv_said)
        checks.same(f"reports: {party}, requests add up in all breakdowns", asked_truth, asked_said)
        expected = export.refused(column, party)
        if expected or refused:
            checks.same(f"reports: {party}, refused by reason", expected, refused)


def by_hour(rows):
    """Hours of all days on top of each other."""
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
        status, said = server.verb("keys", "link", party, "--days", "1", "--json", "--data", "data")
        if status:
            raise RuntimeError(said)
        page = Page(get(server.public + json.loads(said)["path"]))
        zone = json.loads(get(f"{server.public}/v1/reports/advertisers/{party}", **server.operator))["tz"]
        total, truth, found = export.report("advertiser", party, [], zone), {}, {}
        ((currency,),) = export.rows("SELECT DISTINCT currency FROM events WHERE advertiser = ?", party)
        for name in FIGURES.values():
            for part, column in [("gross", "Came"), ("invalid", "Not counted"), ("net", "Counted")]:
                truth["steps", name, column] = str(total[currency, f"{name}_{part}"])
        steps = page.figures("From served to click")
        counted = ("Came", "Not counted", "Counted")
        found |= {("steps", *key): value for key, value in steps.items() if key[0] != "served" and key[1] in counted}
        for fact, figure in [("Spent", "spend_micros"), ("Given back", "returned_micros")]:
            truth[fact], found[fact] = f"{money(total[currency, figure])} {currency}", page.list[fact]
        for heading, by in PAGE:
            rows = {key: value for key, value in total.items()} | export.report("advertiser", party, [by], zone)
            for key, value in by_hour(rows).items() if by == "hour" else rows.items():
                name = "Total" if len(key) == 2 else key[0]
                if key[-1].endswith("_net"):
                    truth[heading, name, key[-1].removesuffix("_net").capitalize()] = str(value)
                elif key[-1] == "spend_micros":
                    truth[heading, name, "Spent"] = f"{money(value)} {currency}"
            figures = page.figures(heading)
            found |= {(heading, *key): value for key, value in figures.items() if key[1] != "Click rate"}
        for reason, count in export.refused("advertiser", party).items():
            truth["refused", reason] = str(count)
        refused = page.figures("Refused, never billed")
        found |= {("refused", row): value for (row, column), value in refused.items() if column == "How many"}
        responses = export.rows(
            "SELECT kind, count(*) FILTER (entry = 'event') - count(*) FILTER (entry = 'credit') FROM entries WHERE "
            "advertiser = ? AND kind IN ('click', 'copy') AND (verdict = 'counted' OR entry = 'credit') GROUP BY kind",
            party,
        )
        truth |= {("responses", kind): count for kind, count in responses if count}
        for _, kind, count, _ in page.tables.get("What was clicked and copied", [])[1:]:
            found["responses", kind] = found.get(("responses", kind), 0) + int(count)
        # A row of zeros says what was served, or came and was refused, and is no other than none.
        nothing = ("", "0", f"0.00 {currency}")
        truth, found = ({key: value for key, value in said.items() if value not in (*nothing, 0)} for said in (truth, found))
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
    status, said = server.verb("audit", "--json", *server.books)
    differences = json.loads(said).get("differences") if status == 0 else said
    checks.same(f"audit: no difference, {when}", {"differences": "[]"}, {"differences": str(differences)})


def columns(checks, server, export):
    """The same by columns, where this build writes them."""
    if "parquet" not in server.verb("export", "--help")[1].lower():
        print("      this build exports no Parquet")
        return
    status, said = server.verb("export", *server.books, "--out", "events.parquet")
    if status:
        checks.none("Parquet: is exported", 1, [said.strip()])
        return
    path = server.folder / "events.parquet"
    names = "entry, coalesce(kind, ''), coalesce(verdict, ''), coalesce(reason::VARCHAR, ''), advertiser, campaign, flight, creative, publisher, topic, region, currency"
    sums = f"SELECT {names}, count(*) || ' events, ' || sum(billed_micros)::BIGINT || ' micros' FROM"
    kinds = "GROUP BY ALL"
    said = {tuple(map(str, key)): value for key, value in export.figures(f"{sums} read_parquet('{path}') {kinds}").items()}
    truth = {tuple(map(str, key)): value for key, value in export.figures(f"{sums} entries {kinds}").items()}
    checks.same("Parquet: the same as the lines", truth, said)
