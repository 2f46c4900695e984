/** The funnel of the demo page: how many decisions the page got, and how many of their events it sent. */

import type { Decision } from "./wire";

/** An event, and when it was sent, in milliseconds since the page was opened. */
type Listener = (kind: string, at: number) => void;

/** Event addresses of the decisions so far. Clicks are counted by their links. */
const known = new Map<string, [kind: string, listener: Listener]>();
const sent = new Set<string>();

/** Adds one to a step of the funnel. */
export const count = (step: string): void => {
  const shown = document.querySelector(`[data-step="${step}"]`);
  if (shown) shown.textContent = String(Number(shown.textContent) + 1);
};

const report = (url: string, at: number): void => {
  const found = known.get(url);
  if (!found || sent.has(url)) return;
  sent.add(url);
  count(found[0]);
  found[1](found[0], at);
};

/** Counts each event of a decision once and tells `listener`, from the browser's resource timing entries. */
export const counted = (decision: Decision, listener: Listener): void => {
  const { creative, event_urls: urls } = decision;
  const clicks = [creative?.click_url, ...(creative?.ctas ?? []).map((cta) => cta.click_url)];
  for (const [url, kind] of [
    [urls?.impression, "impression"],
    [urls?.viewable, "viewable"],
    [creative?.command?.copy_url, "copy"],
    ...clicks.map((url) => [url, "click"]),
  ]) {
    if (url && kind) known.set(url, [kind, listener]);
  }
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) report(entry.name, entry.startTime);
  }).observe({ type: "resource", buffered: true });
};

// A link opens in another tab, of which this page has no timing. The middle button sends `auxclick`.
for (const press of ["click", "auxclick"]) {
  document.addEventListener(press, (event) => {
    const link = event.composedPath().find((node) => node instanceof HTMLAnchorElement);
    if (link && (event as MouseEvent).button < 2) report(link.href, performance.now());
  });
}
