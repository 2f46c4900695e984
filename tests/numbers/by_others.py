"""What a machine says that shares the store with the one that readers asked."""

import json

from by_reports import against_reports, audited
from processes import get, until


def spent(server):
    """What all campaigns have spent, in micros."""
    overview = json.loads(get(f"{server.ops}/v1/admin/overview", **server.operator))
    return sum(campaign["spent_micros"] for party in overview["advertisers"] for campaign in party["campaigns"])


def compare(checks, export, others):
    """The same reports as the export sums up to, from every machine that no reader ever asked."""
    ((billed,),) = export.rows("SELECT sum(billed_micros)::BIGINT FROM entries")
    for other in others:
        until("the other machine to have read everything", lambda: spent(other) == billed)
        against_reports(checks, export, other)
        audited(checks, other, "by another machine")
