"""An export read by DuckDB, as an independent source of all sums."""

import tomllib
import zoneinfo
from datetime import UTC, datetime

import duckdb

COLUMNS = (
    "entry kind cta at decided_at decision_id verdict reason billed_micros currency advertiser campaign flight "
    "creative variant tier publisher placement topic entity region sentiment verified"
).split()
FIGURES = {"impression": "impressions", "viewable": "viewable", "click": "clicks", "copy": "copies"}
QUARTER_MS = 900_000


class Export:
    def __init__(self, path):
        self.db = duckdb.connect()
        types = {name: "VARCHAR" for name in COLUMNS} | {"billed_micros": "BIGINT", "variant": "BIGINT"}
        columns = ", ".join(f"'{name}': '{type}'" for name, type in types.items())
        self.db.execute(
            f"CREATE TABLE entries AS SELECT *, epoch_ms(decided_at::TIMESTAMP) // {QUARTER_MS} AS quarter "
            f"FROM read_json('{path}', format = 'newline_delimited', columns = {{{columns}}})"
        )
        # Credits and refunds are separate entries.
        self.db.execute("CREATE TABLE events AS SELECT * FROM entries WHERE entry = 'event'")
        self.db.execute("CREATE TABLE returned AS SELECT * FROM entries WHERE entry <> 'event'")

    def rows(self, sql, *values):
        return self.db.execute(sql, list(values)).fetchall()

    def figures(self, sql, *values):
        """Maps the other columns of each row to its last column."""
        return {row[:-1] if len(row) > 2 else row[0]: row[-1] for row in self.rows(sql, *values)}

    def delete_one(self):
        """Deletes one counted event, so that comparisons must fail."""
        self.db.execute(
            "DELETE FROM events WHERE rowid = (SELECT min(rowid) FROM events WHERE verdict = 'counted')"
        )

    def report(self, column, party, by, zone):
        """A party's report as the API returns it: figures by row keys, currency and name."""
        self.db.execute("CREATE OR REPLACE TEMP TABLE civil (quarter BIGINT, day VARCHAR, hour VARCHAR)")
        for (quarter,) in self.rows("SELECT DISTINCT quarter FROM entries"):
            at = datetime.fromtimestamp(quarter * QUARTER_MS / 1000, UTC).astimezone(zoneinfo.ZoneInfo(zone))
            offset = at.strftime("%z")
            hour = f"{at:%Y-%m-%dT%H}:00{offset[:3]}:{offset[3:]}"
            self.db.execute("INSERT INTO civil VALUES (?, ?, ?)", [quarter, f"{at:%Y-%m-%d}", hour])
        keys = ", ".join(
            "coalesce(cta, 'none')" if name == "cta" else f"{name}::VARCHAR" for name in by
        )
        sums = []
        for kind, name in FIGURES.items():
            valid = f"count(*) FILTER (kind = '{kind}' AND verdict = 'counted')"
            invalid = f"count(*) FILTER (kind = '{kind}' AND verdict = 'invalid' AND reason <> 'test')"
            credited = f"count(*) FILTER (kind = '{kind}' AND entry = 'credit')"
            sums += [f"{valid} + {invalid}", f"{invalid} + {credited}", f"{valid} - {credited}"]
        sums += ["count(*) FILTER (verdict = 'pending')", "sum(billed_micros)::BIGINT"]
        sums += ["coalesce(-sum(billed_micros) FILTER (entry <> 'event'), 0)::BIGINT"]
        names = [f"{name}_{part}" for name in FIGURES.values() for part in ("gross", "invalid", "net")]
        names += ["pending", "spend_micros", "returned_micros"]
        found = {}
        grouped = f"{keys}, currency" if by else "currency"
        for row in self.rows(
            f"SELECT {grouped}, {', '.join(sums)} FROM (FROM events UNION ALL FROM returned) JOIN civil USING (quarter) "
            f"WHERE {column} = ? GROUP BY {grouped}",
            party,
        ):
            key, figures = row[: len(by) + 1], row[len(by) + 1 :]
            # With test events only, a report has no row, or one with requests only.
            if not any(figures):
                continue
            found.update({(*key, name): figure for name, figure in zip(names, figures)})
        return found

    def invalid_by_reason(self, column, party):
        """Invalid events of a party by reason, without tests."""
        return self.figures(
            f"SELECT reason, count(*) FROM (FROM events UNION ALL FROM returned) WHERE {column} = ? "
            "AND (verdict = 'invalid' OR entry = 'credit') AND reason <> 'test' GROUP BY ALL",
            party,
        )


def prices(folder):
    """Pricing and the price per counted event in micros, by flight, from the inventory files."""
    found = {}
    for file in sorted(folder.glob("*.toml")):
        for flight in tomllib.loads(file.read_text()).get("flights", []):
            price, pricing = flight.get("price_micros", 0), flight["pricing"]
            # Prices of impressions are per thousand.
            found[flight["id"]] = (pricing, price if pricing == "cpc" else price // 1000)
    return found
