"""Every query of every dashboard, as Grafana would send it."""

import json
import math

from processes import ROOT

# What Grafana fills in. A scrape a second makes its rate interval four of them; ten here are steadier.
VARIABLES = {"$__rate_interval": "10s", "$__range": "2m"}
ANY = ("$instance", "$campaign", "$currency", "$flight", "$kind")

# Needs a history of a quarter of an hour: nothing is right, a minute after the start.
NEEDS_HISTORY = "offset 15m"


def queries():
    """Dashboard, panel, expression and unit of each."""
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
    """The one query of a panel."""
    found = [text for b, t, r, text in queries() if (b, t, r) == (board, title, ref)]
    if len(found) != 1:
        raise ValueError(f"{board} has {len(found)} panels `{title}` with a query {ref}")
    return found[0]


def unanswered(prometheus, at, spoil=False):
    """How many queries there are, and those that are refused, or empty where they may not be."""
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
            wrong.append(f"{board}: {title}, {ref}: no figure: {rows[:2]}")
    return count, wrong
