"""An export compared with the readers' oracle, token by token."""

from export import FIGURES, prices

# The event that a pricing bills; a flat flight bills none.
BILLED_EVENT = {"cpm": "impression", "vcpm": "viewable", "cpc": "click"}


def compare(checks, oracle, export, inventory):
    """Compares the export with the readers' oracle, token by token."""
    rows = {}
    for kind, decision, cta, verdict, reason in export.rows(
        "SELECT kind, decision_id, cta, verdict, reason FROM events"
    ):
        rows.setdefault((kind, decision, cta), []).append(reason or verdict)
    tokens, units = dict(oracle.tokens), dict(oracle.units)

    lost = [f"{key}: {t.acknowledged} acknowledged, {len(rows.get(key, []))} recorded" for key, t in tokens.items()
            if len(rows.get(key, [])) < t.acknowledged]  # fmt: skip
    checks.none("readers: every acknowledged event is recorded", sum(t.acknowledged for t in tokens.values()), lost)
    removed = tokens.pop(next(iter(rows))) if checks.spoil else None
    not_sent = [f"{key}: sent {tokens[key].sent if key in tokens else 0}, {len(found)} recorded"
                for key, found in rows.items() if key not in tokens or len(found) > tokens[key].sent]  # fmt: skip
    checks.none("readers: every recorded event was sent", len(rows), not_sent)

    if checks.spoil:
        tokens[next(iter(rows))] = removed
        rows[next(iter(rows))] = ["late"]
    wrong = []
    for key, found in rows.items():
        if key in tokens and not is_expected(tokens[key], sorted(found)):
            wrong.append(f"{key}, {tokens[key].behaviour}: {found}")
    checks.none("readers: every event has the expected verdict", len(rows), wrong)

    if checks.spoil:
        decision = next(iter(rows))[1]
        units[decision] = units[decision] | {"campaign": "another"}
    attributes = "advertiser campaign flight creative publisher placement region".split()
    wrong = [f"{row}" for row in export.rows(f"SELECT DISTINCT decision_id, {', '.join(attributes)} FROM events")
            if units.get(row[0]) != dict(zip(attributes, row[1:]))]  # fmt: skip
    checks.none("readers: every event has the attribution of its decision", len(oracle.units), wrong)

    acknowledged, sent = {}, {}
    for (kind, _, _), token in tokens.items():
        if token.behaviour == "reader":
            acknowledged[kind] = acknowledged.get(kind, 0) + (token.acknowledged > 0)
            sent[kind] = sent.get(kind, 0) + 1
        elif token.behaviour == "fast":
            sent[kind] = sent.get(kind, 0) + 1
    counted = export.figures("SELECT kind, count(*) FROM events WHERE verdict IN ('counted') OR reason = 'over_budget' GROUP BY ALL")
    if checks.spoil:
        acknowledged["copy"] = counted["copy"] + 1
    bounds = [f"{kind}: {acknowledged[kind]} <= {counted.get(kind)} <= {sent[kind]}" for kind in FIGURES
              if not acknowledged[kind] <= counted.get(kind, 0) <= sent[kind]]  # fmt: skip
    print(f"      acknowledged {acknowledged}, counted {counted}, sent {sent}")
    checks.none("readers: acknowledged <= counted <= sent", len(counted), bounds)

    billed, due = {}, {}
    for flight, (pricing, price) in prices(inventory).items():
        what = "count(DISTINCT decision_id)" if pricing == "cpc" else "count(*)"
        ((paid, events),) = export.rows(
            f"SELECT coalesce(sum(billed_micros), 0)::BIGINT, {what} FILTER (kind = ? AND verdict = 'counted') "
            "FROM events WHERE flight = ?", BILLED_EVENT.get(pricing, pricing), flight,
        )  # fmt: skip
        billed[flight], due[flight] = paid, events * price
    checks.same("prices: what was billed is what was counted, at the inventory's price", due, billed)


def is_expected(token, found):
    """Whether these verdicts are possible for a token."""
    if token.behaviour == "reader":
        # Exactly one counts or is over budget; all others are duplicates.
        first = [one for one in found if one in ("counted", "over_budget")]
        return len(first) == 1 and set(found) <= {first[0], "duplicate"}
    if token.behaviour == "fast":
        return found == ["too_fast"] or (not token.surely_too_fast and found in (["counted"], ["over_budget"]))
    reason = {"bot": "bot", "prefetch": "prefetch", "orphan": "orphan_click", "test": "test"}[token.behaviour]
    return set(found) == {reason}
