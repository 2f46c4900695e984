/** The embed script: finds the units of a page, requests decisions in one call, renders them and reports
 *  events. It stores nothing, and whatever the response, the page is unchanged or gains a unit. */

import { attribute, first, page, placement } from "./page";
import { send, watch } from "./events";
import { draw } from "./unit";
import css from "unit.css";
import type { Decision, Reply } from "./wire";

declare global {
  interface Window {
    /** The only global that this script defines. */
    adjacent?: { refresh(): void };
  }
  /** Hash path of the metadata reader; set by the build. */
  const READING: string;
}

const BUDGET_MS = 800;
/** A unit not displayed within this time no longer counts; it is requested again. */
const STALE_MS = 9e5;
const PER_CALL = 8;
const NAME = "adjacent-unit";

const start = (script: HTMLScriptElement): void => {
  // `data-base` names the server if the script is hosted elsewhere.
  const base = new URL(attribute(script, "base") || script.src).origin;
  /** Units in the document, each with its handler for visibility changes. */
  const units = new Map<HTMLElement, () => void>();
  /** Creative ids shown on the page. */
  const shown = new Map<HTMLElement, string>();
  /** Units to request; each page view has its own array. */
  let queue: HTMLElement[] = [];
  let pending = Promise.resolve();
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);

  /** Renders a decision, or the publisher's fallback content without one. */
  const settle = (unit: HTMLElement, decision?: Decision): void => {
    const dispatch = (name: string) =>
      unit.dispatchEvent(
        new CustomEvent("adjacent:" + name, { bubbles: true, detail: { decision } }),
      );
    const receivedAt = Date.now();
    let box: HTMLElement | undefined;
    try {
      box = draw(decision!);
    } catch {
      // Not a valid decision.
    }
    unit.shadowRoot!.replaceChildren(box || document.createElement("slot"));
    if (box) {
      const { impression, viewable } = Object(decision!.event_urls);
      const update = watch(
        box,
        () => {
          if (Date.now() - receivedAt < STALE_MS) send(impression);
          else add(unit);
        },
        // Without this URL the publisher does not measure viewability.
        viewable &&
          (() => {
            send(viewable);
            dispatch("viewable");
          }),
      );
      units.set(unit, update);
      shown.set(unit, decision!.creative!.id!);
    }
    // Neither a unit nor a no-fill reason: an error.
    dispatch(box ? "fill" : decision?.reason ? "nofill" : "error");
  };

  /** Drops units that left the document and returns the others. */
  const connectedUnits = (): HTMLElement[] => {
    units.forEach((_, unit) => unit.isConnected || (units.delete(unit), shown.delete(unit)));
    return [...units.keys()];
  };

  const requestBatch = async (): Promise<void> => {
    const view = queue;
    const sources = [...connectedUnits(), script];
    const batch = queue.splice(0, PER_CALL).filter((unit) => units.has(unit));
    if (!batch[0]) return;
    let reply: Reply | undefined;
    try {
      const signal = AbortSignal.timeout(BUDGET_MS);
      const body = {
        publisher: attribute(script, "publisher"),
        ...page(sources, [...shown.values()]),
        placements: batch.map(placement),
      };
      if (first(sources, "read")) {
        // Limited to half of the budget; on failure the request is sent without metadata.
        await Promise.race([
          import(base + READING).then((reading) => reading.read(body.page)),
          new Promise((late) => setTimeout(late, BUDGET_MS / 2)),
        ]).catch(Object);
      }
      // Sent as plain text, which avoids a CORS preflight.
      const call = () =>
        fetch(base + "/v1/decisions", {
          method: "POST",
          credentials: "omit",
          body: JSON.stringify(body),
          signal,
        });
      // Retries once after a network error; after the budget the retry fails at once.
      reply = await (await call().catch(call)).json();
    } catch {
      // Timeout, network error or invalid response: the unit stays collapsed.
    }
    // Ignore the response if a new page view has begun.
    if (view == queue) {
      batch.forEach((unit, key) => settle(unit, reply?.decisions?.[key]));
    }
  };

  const add = (unit: HTMLElement): void => {
    shown.delete(unit);
    queue.push(unit);
    // Calls are sequential, because each lists the creatives that earlier ones have shown.
    setTimeout(() => (pending = pending.then(requestBatch)));
  };

  const register = (unit: HTMLElement): void => {
    if (units.has(unit)) return;
    try {
      // A unit that was removed and re-added keeps its shadow root.
      if (unit.shadowRoot?.adoptedStyleSheets[0] != sheet) {
        unit.attachShadow({ mode: "open" }).adoptedStyleSheets = [sheet];
      }
      units.set(unit, Object);
      add(unit);
    } catch {
      // An element without shadow root support, or with another shadow root.
    }
  };

  /** Starts a new page view in the same document: requests every remaining unit again. */
  const refresh = (): void => {
    queue = [];
    connectedUnits().forEach(add);
  };

  /** Registers unit elements, and elements with the class of the same name, in document order. */
  const findUnits = () =>
    document.querySelectorAll<HTMLElement>(NAME + ",." + NAME).forEach(register);

  const init = (): void => {
    findUnits();
    if (!units.size && attribute(script, "placement")) {
      const own = document.createElement(NAME);
      Object.assign(own.dataset, script.dataset);
      script.after(own);
    }
    customElements.define(
      NAME,
      class extends HTMLElement {
        connectedCallback(): void {
          register(this);
        }
      },
    );
    new MutationObserver(findUnits).observe(document, { childList: true, subtree: true });
  };

  // In a separate task: a prerendered page becomes visible before `prerendering` is cleared, and
  // anything sent before that is marked as prerendered.
  document.addEventListener("visibilitychange", () =>
    setTimeout(() => units.forEach((update) => update())),
  );
  window.adjacent = { refresh };
  if (document.readyState == "loading") document.addEventListener("DOMContentLoaded", init);
  else init();
};

try {
  const script = document.currentScript;
  if (script && !window.adjacent) start(script as HTMLScriptElement);
} catch {
  // An unsupported browser (before 2023) or an invalid URL: the page is unchanged.
}
