/** The demo page's own script: shows what was decided beside the unit, and why. The unit itself
 *  knows nothing of it; all it hears are the events that every page can listen to. */

import { attribute } from "./page";
import { rows, element } from "./show";
import { explain, type Explained } from "./explain";
import { playground, shown } from "./playground";
import type { Decision } from "./wire";

const panel = () => document.getElementById("inspector");

const facts = (decision: Decision): [string, string | undefined][] => {
  const { label, transparency: why, creative } = decision;
  return decision.fill
    ? [
        ["Shown", [decision.advertiser?.name, creative?.style].filter(Boolean).join(", ")],
        ["Tier", decision.tier],
        ["Label", label?.text],
        ["Label rules", label?.ruleset],
        ["Reader's region", label?.region_basis?.replaceAll("_", " ")],
        ["Why", why?.why],
        ["On behalf of", why?.on_behalf_of],
        ["Paid by", why?.paid_by],
        ["Decision", decision.decision_id],
      ]
    : [
        ["Shown", "nothing"],
        ["Reason", decision.reason?.replaceAll("_", " ")],
        ["Decision", decision.decision_id],
      ];
};

/** Reports that left the page, by the address each went to: the browser's own record of them. */
const watchReports = (into: HTMLElement, decision: Decision): void => {
  const known = new Map([
    [decision.event_urls?.impression, "impression"],
    [decision.event_urls?.viewable, "viewable"],
    [decision.creative?.command?.copy_url, "copy"],
  ]);
  into.replaceChildren(element("li", "none yet"));
  const told = new Set<string>();
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const kind = known.get(entry.name);
      if (!kind || told.has(kind)) continue;
      if (!told.size) into.replaceChildren();
      told.add(kind);
      into.append(element("li", `${kind}, ${(entry.startTime / 1000).toFixed(1)} s into the page`));
    }
  }).observe({ type: "resource", buffered: true });
};

let asked = 0;

const show = async (decision: Decision | undefined): Promise<void> => {
  const box = panel();
  if (!box) return;
  const own = ++asked;
  if (!decision) {
    box.replaceChildren(element("p", "The server did not answer in time. The page is as it was."));
    return;
  }
  const parts: Node[] = [rows(facts(decision))];
  if (decision.fill) {
    const reports = element("ul", "", "plain");
    parts.push(element("h3", "Events sent"), reports);
    watchReports(reports, decision);
    if (!decision.event_urls?.viewable) {
      parts.push(element("p", "Measured without observing the viewport.", "dim"));
    }
  }
  const trace = element("div");
  parts.push(trace);
  box.replaceChildren(...parts);

  const from = document.body.dataset["explain"];
  if (!from || !decision.decision_id) return;
  // A decision is on disk within a second; until then the trace is asked for again.
  for (const wait of [0, 400, 1200]) {
    await new Promise((done) => setTimeout(done, wait));
    // Whoever asked again meanwhile waits for another trace.
    if (own != asked) return;
    try {
      const reply = await fetch(from + encodeURIComponent(decision.decision_id));
      if (!reply.ok) continue;
      const told = (await reply.json()) as Explained;
      if (own == asked) trace.replaceChildren(...explain(told));
      return;
    } catch {
      // Tried again below.
    }
  }
  trace.replaceChildren(element("p", "No trace of this decision was kept.", "dim"));
};

for (const what of ["fill", "nofill", "error"]) {
  document.addEventListener("adjacent:" + what, (event) => {
    const { decision } = (event as CustomEvent<{ decision?: Decision }>).detail;
    void show(decision);
    // The page's own script tells of its decision, under the name that the page asked by.
    const name = attribute(event.target as Element, "placement");
    shown({ decisions: { [name]: decision } }, decision);
  });
}

document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector<HTMLFormElement>("form.switches");
  form?.addEventListener("change", () => form.requestSubmit());
  playground((decision) => void show(decision));
  for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-copies]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const from = document.getElementById(button.dataset["copies"] ?? "");
      if (!from) return;
      getSelection()?.selectAllChildren(from);
      navigator.clipboard?.writeText(from.textContent ?? "").then(
        () => (button.textContent = "copied"),
        () => {},
      );
    });
  }
});

