/** The script of the demo page: shows the decision and its explanation beside the unit. The unit is
 *  not involved; the script only listens to the events that any page can receive. */

import { copies } from "./copy";
import { count, counted } from "./funnel";
import { lists } from "./page";
import { rows, element } from "./show";
import { explain, type Trace } from "./explain";
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
        ["Label ruleset", label?.ruleset],
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

/** Lists the events that the page sent for a decision. */
const watchReports = (into: HTMLElement, decision: Decision): void => {
  into.replaceChildren(element("li", "none yet"));
  let sent = 0;
  counted(decision, (kind, at) => {
    if (!sent++) into.replaceChildren();
    into.append(element("li", `${kind}, ${(at / 1000).toFixed(1)} s into the page`));
  });
};

let latest = 0;

const show = async (decision: Decision | undefined): Promise<void> => {
  const box = panel();
  if (!box) return;
  const own = ++latest;
  if (decision) count("decision");
  if (!decision) {
    box.replaceChildren(element("p", "The server did not respond in time. The page is unchanged."));
    return;
  }
  const parts: Node[] = [rows(facts(decision))];
  if (decision.fill) {
    const reports = element("ul", "", "plain");
    parts.push(element("h3", "Events sent"), reports);
    watchReports(reports, decision);
    if (!decision.event_urls?.viewable) {
      parts.push(element("p", "Viewability is not measured.", "dim"));
    }
  }
  const trace = element("div");
  parts.push(trace);
  box.replaceChildren(...parts);

  const from = document.body.dataset["explain"];
  if (!from || !decision.decision_id) return;
  // A decision is written to disk within a second; retry until then.
  for (const wait of [0, 400, 1200]) {
    await new Promise((done) => setTimeout(done, wait));
    // A newer decision has replaced this one.
    if (own != latest) return;
    try {
      const reply = await fetch(from + encodeURIComponent(decision.decision_id));
      if (!reply.ok) continue;
      const explained = (await reply.json()) as Trace;
      if (own == latest) trace.replaceChildren(...explain(explained));
      return;
    } catch {
      // Retried by the loop.
    }
  }
  trace.replaceChildren(element("p", "No trace of this decision was recorded.", "dim"));
};

for (const what of ["fill", "nofill", "error"]) {
  document.addEventListener("adjacent:" + what, (event) => {
    const { decision } = (event as CustomEvent<{ decision?: Decision }>).detail;
    void show(decision);
    // Shown under the placement name that the page requested.
    const name = lists(event.target as Element).placement?.[0] ?? "";
    shown({ decisions: { [name]: decision } }, decision);
  });
}

document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector<HTMLFormElement>("form.switches");
  form?.addEventListener("change", () => form.requestSubmit());
  playground((decision) => void show(decision));
  for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-copies]")) {
    const from = document.getElementById(button.dataset["copies"] ?? "");
    button.hidden = !from;
    if (from) copies(button, from);
  }
});

