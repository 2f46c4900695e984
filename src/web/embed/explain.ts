/** A decision's trace as something to read: who was there, who left at which rule, who was drawn. */

import { bar, element, factor, percent, rows, table } from "./show";

interface Candidate {
  flight?: string;
  advertiser?: string;
  probability?: number;
  score?: number;
  terms?: Record<string, number | string | boolean>;
}

interface Slot {
  key?: string;
  result?: {
    fill?: boolean;
    reason?: string;
    flight?: string;
    creative?: string;
    flight_propensity?: number;
    creative_propensity?: number;
  };
  stages?: { stage?: string; removed?: number }[];
  candidates?: Candidate[];
  removed?: { flight?: string; advertiser?: string; stage?: string; reason?: string }[];
}

export interface Explained {
  agrees?: boolean;
  decided_at?: string;
  versions?: Record<string, string | number>;
  slots?: Slot[];
}

const plain = (name = ""): string => name.replaceAll("_", " ");

/** The parts of a score: how closely the page was met, and the factors that come of it; what does
 *  not apply or multiplies by one says nothing. */
const terms = (of: Record<string, number | string | boolean> = {}): string =>
  Object.entries(of)
    .filter(([, value]) => value !== false && value !== 1 && value !== "any")
    .map(([name, value]) =>
      typeof value == "number"
        ? `${plain(name)} ${factor(value)}`
        : typeof value == "string"
          ? `${plain(name)} ${value}`
          : plain(name),
    )
    .join(", ");

/** A bar that says how many instead of how much. */
const counted = (count: number, all: number): HTMLElement => {
  const made = bar(count / all);
  made.lastElementChild!.textContent = String(count);
  return made;
};

const stages = (slot: Slot): HTMLElement => {
  const removed = (slot.stages ?? []).filter((stage) => stage.removed);
  const left = slot.candidates?.length ?? 0;
  let still = left + removed.reduce((sum, stage) => sum + (stage.removed ?? 0), 0);
  const all = still || 1;
  const lines: (string | Node)[][] = [["flights known", "", counted(still, all)]];
  for (const stage of removed) {
    still -= stage.removed ?? 0;
    lines.push([plain(stage.stage), `−${stage.removed}`, counted(still, all)]);
  }
  return table(["Rule", "Removed", "Still there"], lines);
};

const one = (slot: Slot): Node[] => {
  const parts: Node[] = [element("h3", "The funnel"), stages(slot)];
  if (slot.candidates?.length) {
    const drawn = slot.result?.flight;
    const lines = slot.candidates.map((candidate) => {
      const name = element("span", candidate.flight);
      const chosen = candidate.flight == drawn;
      if (chosen) name.append(" ", element("b", "drawn", "tag"));
      return [
        name,
        candidate.advertiser ?? "",
        bar(candidate.probability ?? 0),
        Number((candidate.score ?? 0).toFixed(2)).toString(),
        terms(candidate.terms),
      ];
    });
    parts.push(
      element("h3", "The draw"),
      table(["Flight", "Who", "Chance", "Score", "What moved it"], lines),
    );
  }
  if (slot.removed?.length) {
    const lines = slot.removed.map((gone) => [
      gone.flight ?? "",
      plain(gone.stage),
      gone.reason ?? "",
    ]);
    const more = element("details");
    const summary = element("summary", `Who was removed, and by which rule (${lines.length})`);
    more.append(summary, table(["Flight", "Rule", "Why"], lines));
    (more as HTMLDetailsElement).open = lines.length < 9;
    parts.push(more);
  }
  return parts;
};

/** The trace of a whole page call. */
export const explain = (told: Explained): Node[] => {
  const parts = (told.slots ?? []).flatMap(one);
  const versions = Object.entries(told.versions ?? {})
    .map(([what, version]) => `${what} ${version}`)
    .join(" · ");
  const result = told.slots?.[0]?.result;
  const odds =
    result?.fill && result.flight_propensity != null
      ? `${percent(result.flight_propensity)} for the flight, ${percent(result.creative_propensity ?? 1)} for the creative`
      : "";
  const check = told.agrees
    ? "computed again from what was recorded: the same"
    : "computed again from what was recorded: NOT the same";
  const facts = rows([
    ["Odds", odds],
    ["Versions", versions],
    ["Replay", check],
  ]);
  parts.push(element("h3", "Behind it"), facts);
  return parts;
};
