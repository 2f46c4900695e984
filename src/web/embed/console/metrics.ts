/** Metrics since process start, read from `/metrics`: decisions, no-fill reasons, event verdicts, and
 *  the values that alerts use. */

import { bar, element, rows } from "../show";
import { age, byId, plain } from "./controls";
import { attempt, text } from "./request";

/** A series with its labels and value. */
interface Series {
  labels: Record<string, string>;
  value: number;
}

/** Parses the Prometheus text format; series by name, without the prefix `adjacent_`. */
export const parse = (lines: string): Map<string, Series[]> => {
  const found = new Map<string, Series[]>();
  for (const line of lines.split("\n")) {
    const parts = /^adjacent_(\w+)(?:\{(.*)\})? ([^ ]+)$/.exec(line);
    if (!parts) continue;
    const [, name = "", labels = "", value] = parts;
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
    const series = {
      labels: Object.fromEntries(pairs.map((pair) => [pair[1]!, pair[2]!])),
      value: Number(value),
    };
    found.set(name, [...(found.get(name) ?? []), series]);
  }
  return found;
};

let before: { at: number; values: Map<string, number> } | undefined;

/** A group of bars, largest first; zero values are collapsed into one line. */
const group = (head: string, series: Series[], label: string, now: Map<string, number>): Node => {
  const sums = new Map<string, number>();
  for (const { labels, value } of series) {
    const name = labels[label] ?? "";
    sums.set(name, (sums.get(name) ?? 0) + value);
  }
  const all = [...sums.values()].reduce((sum, value) => sum + value, 0);
  const around = element("section", "", "bars");
  around.append(element("h3", `${head}: ${all.toLocaleString("en")}`));
  const list = element("dl", "", "counts");
  for (const [name, value] of [...sums].sort((a, b) => b[1] - a[1])) {
    const id = `${head}/${name}`;
    now.set(id, value);
    if (!value) continue;
    const more = before ? value - (before.values.get(id) ?? 0) : 0;
    const made = bar(value / (all || 1));
    const count = value.toLocaleString("en");
    made.lastElementChild!.textContent =
      more > 0 ? `${count} (+${more.toLocaleString("en")})` : count;
    const what = element("dd");
    what.append(made);
    list.append(element("dt", plain(name)), what);
  }
  const zero = [...sums].filter(([, value]) => !value).map(([name]) => plain(name));
  around.append(list);
  if (zero.length) {
    const rest = element("details");
    rest.append(element("summary", `${zero.length} at zero`, "dim small"));
    rest.append(element("p", zero.join(", "), "dim small"));
    around.append(rest);
  }
  return around;
};

/** Health values, with a warning for each that is out of range. */
const health = (all: Map<string, Series[]>): Node => {
  const one = (name: string): number => all.get(name)?.[0]?.value ?? NaN;
  const gauge = (name: string, isHealthy: (value: number) => boolean, unit = ""): Node => {
    const value = one(name);
    const read = Number.isInteger(value) ? value.toLocaleString("en") : value.toFixed(2);
    const made = element("span", Number.isNaN(value) ? "unknown" : `${read}${unit}`);
    if (!isHealthy(value)) made.append(" ", element("b", "check", "tag warn"));
    return made;
  };
  const none = (value: number) => value === 0;
  return rows([
    ["Store", one("store_up") === 1 ? "up" : element("b", "down", "tag warn")],
    ["Journal records not yet in the ledger", gauge("journal_unshipped_records", (value) => value < 10000)],
    ["Ledger lag", gauge("ledger_lag_seconds", (value) => value < 5, " s")],
    ["Ledger drift", gauge("ledger_drift_micros", none, " micros")],
    ["Corrupt journal segments", gauge("journal_corrupt_segments", none)],
    ["Catalog last synced", gauge("snapshot_age_seconds", (value) => value < 60, " s ago")],
    ["Clicks not written in time", gauge("click_unrecorded_total", none)],
    ["Panics", gauge("panics_total", none)],
  ]);
};

/** Reloads the metrics. */
export const metrics = async (): Promise<void> => {
  await attempt("Loading metrics failed", byId("metrics-status"), async () => {
    const all = parse(await text("/metrics"));
    const of = (name: string): Series[] => all.get(name) ?? [];
    const now = new Map<string, number>();
    const grid = element("div", "", "numbers");
    grid.append(
      group("Decisions", of("decisions_total"), "outcome", now),
      group("No fill", of("no_fill_total"), "reason", now),
      group("Events", of("events_total"), "verdict", now),
      group("Invalid", of("invalid_events_total"), "reason", now),
      group("Rate limited", of("rate_limited_total"), "class", now),
    );
    const since = before ? `+ counts since ${age(new Date(before.at).toISOString())}` : "";
    byId("metrics-content").replaceChildren(
      grid,
      element("h3", "Health"),
      health(all),
      ...(since ? [element("p", since, "dim small")] : []),
    );
    before = { at: Date.now(), values: now };
  });
};
