"""An export compared with an instance on the same store that readers never called."""

import json

from by_reports import against_reports, audited
from processes import get, until


def spent(server):
    """The spend of all campaigns, in micros."""
    overview = json.loads(get(f"{server.ops}/v1/admin/overview", **server.operator))
    return sum(campaign["spent_micros"] for party in overview["advertisers"] for campaign in party["campaigns"])


def compare(checks, export, others):
    """Compares the export with the reports and the audit of every other instance."""
    ((billed,),) = export.rows("SELECT sum(billed_micros)::BIGINT FROM entries")
    for other in others:
        until("the other instance to apply all records", lambda: spent(other) == billed)
        against_reports(checks, export, other)
        audited(checks, other, "on another instance")
