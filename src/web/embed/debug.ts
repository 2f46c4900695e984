/** What `?adjacent_debug` prints: what a page asked, what was answered and decided, and which events were
 *  reported. Loaded only by pages whose address has that parameter, before their first call. */

import { isOwn, MAX_SENT, type Page } from "./page";
import type { Decision, Reply } from "./wire";

interface Asked {
  publisher: string;
  page: Page;
  placements: { name: string; key: string }[];
}

const print = (...what: unknown[]): void => console.info("%cadjacent", "font-weight: bold", ...what);

/** Names of event addresses, such as `impression of article-end`. */
const names = new Map<string, string>();

const sentence = (decision: Decision | undefined): string => {
  if (!decision) return "no decision";
  if (!decision.fill) return `no unit: ${decision.reason}`;
  const { advertiser, creative, label, transparency } = decision;
  const test = decision.test ? " (test: its events are never counted)" : "";
  return (
    `unit ${creative?.id} of ${advertiser?.name}, style ${creative?.style}, language ${creative?.language}${test}; ` +
    `label "${label?.text}", region ${label?.region_basis}; ${transparency?.why} (${transparency?.why_url})`
  );
};

/** Prints names that were not sent: there are more than any list may have, or they are longer than a name. */
export const leftOut = (list: string, names: string[]): void => {
  if (names.length) print(`left out of ${list} (${names.length}):`, names.join(", "));
};

/** Prints what the attributes have beyond what is sent. */
const compare = (page: Page): void => {
  const units = document.querySelectorAll("adjacent-unit,.adjacent-unit");
  const sources = [...units, ...[...document.scripts].filter(isOwn).slice(-1)];
  for (const [list, sent] of Object.entries(page)) {
    if (!Array.isArray(sent) || sent.length < MAX_SENT) continue;
    const stated = sources.flatMap((from) => [from.getAttribute(list), from.getAttribute("data-" + list)]);
    const all = stated.join().split(",").map((name) => name.trim());
    leftOut(list, [...new Set(all)].filter((name) => name && !sent.includes(name)));
  }
};

const explain = (asked: Asked, reply: Reply): void => {
  print("answered", reply);
  if (reply.code) print(`refused: ${reply.code}: ${reply.detail}`);
  for (const warning of reply.warnings ?? []) print("warning:", warning);
  for (const { name, key } of asked.placements) {
    const decision = reply.decisions?.[key];
    print(`${name}: ${sentence(decision)}`, decision?.decision_id ?? "");
    const { impression, viewable } = decision?.event_urls ?? {};
    for (const [url, kind] of [
      [impression, "impression"],
      [viewable, "viewable"],
      [decision?.creative?.command?.copy_url, "copy"],
    ]) {
      if (url) names.set(url, `${kind} of ${name}`);
    }
  }
};

const call = window.fetch;
window.fetch = async (...args) => {
  const [url, options] = args;
  const isDecision = String(url).endsWith("/v1/decisions") && typeof options?.body == "string";
  const asked: Asked | undefined = isDecision && JSON.parse(options!.body as string);
  if (!asked) return call(...args);
  print("asked", asked);
  compare(asked.page);
  try {
    const reply = await call(...args);
    explain(asked, await reply.clone().json());
    return reply;
  } catch (error) {
    print("no answer:", error);
    throw error;
  }
};

const beacon = navigator.sendBeacon.bind(navigator);
// A beacon has no response; a request with `keepalive` tells whether the event was recorded.
navigator.sendBeacon = (url, data) => {
  const name = names.get(String(url));
  if (!name) return beacon(url, data);
  call(url, { method: "POST", credentials: "omit", keepalive: true }).then(
    ({ headers, status }) =>
      print(`${name}: ${headers.get("adjacent-recorded") ? "recorded" : `taken, not yet recorded (${status})`}`),
    (error) => print(`${name}: not sent:`, error),
  );
  return true;
};
