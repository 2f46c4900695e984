/** Counts since the start, as Prometheus reads them: decisions, reasons, verdicts, and what an
 *  alert would look at. */

import { bar, element, rows } from "../show";
import { age, byId, plain } from "./act";
import { text, tries } from "./ask";

/** A series: its labels and its value. */
interface Series {
  labels: Record<string, string>;
  value: number;
}

/** Lines of the text format by their names, without `adjacent_`. */
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

/** A group of bars, the longest first; what is zero everywhere is one line. */
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

/** What is wrong when it is not as it should be, with its words. */
const health = (all: Map<string, Series[]>): Node => {
  const one = (name: string): number => all.get(name)?.[0]?.value ?? NaN;
  const said = (name: string, isFine: (value: number) => boolean, unit = ""): Node => {
    const value = one(name);
    const read = Number.isInteger(value) ? value.toLocaleString("en") : value.toFixed(2);
    const made = element("span", Number.isNaN(value) ? "unknown" : `${read}${unit}`);
    if (!isFine(value)) made.append(" ", element("b", "look here", "tag warn"));
    return made;
  };
  const none = (value: number) => value === 0;
  return rows([
    ["Store", one("store_up") === 1 ? "answers" : element("b", "does not answer", "tag warn")],
    ["Records not yet in the ledger", said("journal_unshipped_records", (value) => value < 10000)],
    ["Ledger behind by", said("ledger_lag_seconds", (value) => value < 5, " s")],
    ["Ledger beside its journal", said("ledger_drift_micros", none, " micros")],
    ["Damaged places in the journal", said("journal_damaged_places", none)],
    ["Catalog last reached", said("snapshot_age_seconds", (value) => value < 60, " s ago")],
    ["Clicks not on disk in time", said("click_unrecorded_total", none)],
    ["Panics", said("panics_total", none)],
  ]);
};

/** Counts again. */
export const numbers = async (): Promise<void> => {
  await tries("Counting", byId("numbers-said"), async () => {
    const all = parse(await text("/metrics"));
    const of = (name: string): Series[] => all.get(name) ?? [];
    const now = new Map<string, number>();
    const grid = element("div", "", "numbers");
    grid.append(
      group("Decisions", of("decisions_total"), "outcome", now),
      group("No fill", of("no_fill_total"), "reason", now),
      group("Events", of("events_total"), "verdict", now),
      group("Invalid", of("invalid_events_total"), "reason", now),
      group("Over a limit", of("rate_limited_total"), "class", now),
    );
    const since = before ? `+ is since ${age(new Date(before.at).toISOString())}` : "";
    byId("numbers-shown").replaceChildren(
      grid,
      element("h3", "Health"),
      health(all),
      ...(since ? [element("p", since, "dim small")] : []),
    );
    before = { at: Date.now(), values: now };
  });
};
