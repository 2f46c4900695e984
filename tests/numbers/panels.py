"""The queries of all dashboards, as Grafana sends them."""

import json
import math

from processes import ROOT

# Variables that Grafana sets. With one scrape per second its rate interval would be 4 s; 10 s is steadier.
VARIABLES = {"$__rate_interval": "10s", "$__range": "2m"}
ANY = ("$instance", "$campaign", "$currency", "$flight", "$kind", "$publisher")

# These queries need 15 minutes of history and are correctly empty a minute after the start.
NEEDS_HISTORY = "offset 15m"


def queries():
    """Yields dashboard, panel title, query id and expression of each query."""
    for file in sorted((ROOT / "dashboards").glob("*.json")):
        board = json.loads(file.read_text())
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                expression = target["expr"]
                for name, value in VARIABLES.items():
                    expression = expression.replace(name, value)
                for name in ANY:
                    expression = expression.replace(name, ".*")
                yield file.stem, panel["title"], target["refId"], expression


def expression(board, title, ref="A"):
    """The expression of a panel's query."""
    found = [text for b, t, r, text in queries() if (b, t, r) == (board, title, ref)]
    if len(found) != 1:
        raise ValueError(f"{board} has {len(found)} panels `{title}` with a query {ref}")
    return found[0]


def failed_queries(prometheus, at, spoil=False):
    """Returns the number of queries, and those that fail or are empty where a value is expected."""
    wrong, count = [], 0
    for board, title, ref, text in queries():
        count += 1
        if spoil and count == 1:
            text = f"no_such_series + {text}"
        try:
            rows = prometheus.query(text, at)
        except ValueError as error:
            wrong.append(f"{board}: {title}, {ref}: {error}")
            continue
        if not any(math.isfinite(value) for _, value in rows) and NEEDS_HISTORY not in text:
            wrong.append(f"{board}: {title}, {ref}: no finite value: {rows[:2]}")
    return count, wrong
