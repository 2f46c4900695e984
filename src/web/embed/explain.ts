/** Renders a decision trace: the candidates, the rule that removed each flight, and the draw. */

import type { Explanation, SlotView, TermsView } from "../package/src/api";
import { bar, element, factor, percent, rows, table } from "./show";
import type { Tolerant } from "./wire";

export type Trace = Tolerant<Explanation>;
type Slot = Tolerant<SlotView>;
type Terms = Tolerant<TermsView>;

const plain = (name = ""): string => name.replaceAll("_", " ");

/** The terms of a score: how the page matched and the resulting factors, without those that do not
 *  apply or equal 1. */
const terms = (of: Terms = {}): string =>
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

/** A bar labelled with a count instead of a percentage. */
const counted = (count: number, all: number): HTMLElement => {
  const made = bar(count / all);
  made.lastElementChild!.textContent = String(count);
  return made;
};

const stages = (slot: Slot): HTMLElement => {
  const removed = (slot.stages ?? []).filter((stage) => stage.removed);
  const left = slot.candidates?.length ?? 0;
  let remaining = left + removed.reduce((sum, stage) => sum + (stage.removed ?? 0), 0);
  const all = remaining || 1;
  const lines: (string | Node)[][] = [["all flights", "", counted(remaining, all)]];
  for (const stage of removed) {
    remaining -= stage.removed ?? 0;
    lines.push([plain(stage.stage), `−${stage.removed}`, counted(remaining, all)]);
  }
  return table(["Rule", "Filtered", "Remaining"], lines);
};

const one = (slot: Slot): Node[] => {
  const parts: Node[] = [element("h3", "Filters"), stages(slot)];
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
      table(["Flight", "Advertiser", "Probability", "Score", "Score factors"], lines),
    );
  }
  if (slot.removed?.length) {
    const lines = slot.removed.map((removed) => [
      removed.flight ?? "",
      plain(removed.stage),
      removed.reason ?? "",
    ]);
    const more = element("details");
    const summary = element("summary", `Filtered flights by rule (${lines.length})`);
    more.append(summary, table(["Flight", "Rule", "Reason"], lines));
    (more as HTMLDetailsElement).open = lines.length < 9;
    parts.push(more);
  }
  return parts;
};

/** The trace of a whole decision request. */
export const explain = (trace: Trace): Node[] => {
  const parts = (trace.slots ?? []).flatMap(one);
  const versions = Object.entries(trace.versions ?? {})
    .map(([what, version]) => `${what} ${version}`)
    .join(" · ");
  const result = trace.slots?.[0]?.result;
  const odds =
    result?.fill && result.flight_propensity != null
      ? `${percent(result.flight_propensity)} for the flight, ${percent(result.creative_propensity ?? 1)} for the creative`
      : "";
  const rotation = result?.rotation;
  const creatives = (rotation?.creatives ?? [])
    .map((each) => `${each.creative}${each.variant ? `, variant ${each.variant}` : ""}: ${percent(each.probability ?? 0)}`)
    .join(" · ");
  const learned = rotation?.learned_from ? `, learned from its ${plain(rotation.learned_from)}` : "";
  const check = trace.agrees
    ? "recomputed from the recorded inputs: identical"
    : "recomputed from the recorded inputs: DIFFERENT";
  const facts = rows([
    ["Probability", odds],
    [`Rotation ${plain(rotation?.rotation ?? "")}${learned}`, creatives],
    ["Versions", versions],
    ["Replay", check],
  ]);
  parts.push(element("h3", "Details"), facts);
  return parts;
};
