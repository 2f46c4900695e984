/** The embed script: finds the units of a page, requests decisions in one call, renders them and reports
 *  events. It stores nothing, and whatever the response, the page is unchanged or gains a unit. */

import { isOwn, lists, page, placement } from "./page";
import { send, watch } from "./events";
import { draw } from "./unit";
import css from "unit.css";
import type { Decision, Reply } from "./wire";

declare global {
  interface Window {
    /** The only global that this script defines. */
    adjacent?: { refresh(): void };
  }
  interface HTMLScriptElement {
    /** Whether a unit was made for this tag. */
    adjacent?: boolean;
  }
  /** Hash path of the metadata reader and the debug output; set by the build. */
  const READING: string;
}

const BUDGET_MS = 800;
/** A unit not displayed within this time no longer counts; it is requested again. */
const STALE_MS = 9e5;
const PER_CALL = 8;
const NAME = "adjacent-unit";

const start = (script: HTMLScriptElement): void => {
  // `data-base` names the server if the script is hosted elsewhere. It may be below a path.
  const { href } = new URL((lists(script).base?.[0] || script.src || script.dataset.src)!, script.baseURI);
  const base = href.replace(/\/(embed\/.*)?$/, "");
  /** Units in the document, each with its handler for visibility changes and the id of its creative. */
  const units = new Map<HTMLElement, [update: () => void, creative?: string]>();
  /** Units to request; each page view has its own array. */
  let queue: HTMLElement[] = [];
  let pending = Promise.resolve();
  // The time that the page has waited for this script is part of the budget.
  let budget = BUDGET_MS - ~~performance.getEntriesByName(href)[0]?.duration!;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);

  /** The page's current script tags: a framework may have replaced the one that started. */
  const tags = () => [...document.scripts].filter(isOwn);

  const dispatch = (from: EventTarget, name: string, detail: object) =>
    from.dispatchEvent(new CustomEvent("adjacent:" + name, { bubbles: true, detail }));

  /** Renders a decision, or the publisher's fallback content without one. */
  const settle = (unit: HTMLElement, code?: string, decision?: Decision): void => {
    const receivedAt = Date.now();
    let box: HTMLElement | undefined;
    try {
      box = draw(decision!, unit);
    } catch {
      // Not a valid decision.
    }
    unit.shadowRoot!.replaceChildren(box ?? document.createElement("slot"));
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
            dispatch(unit, "viewable", { decision });
          }),
      );
      units.set(unit, [update, decision!.creative!.id!]);
    }
    // Neither a unit nor a no-fill reason: an error.
    dispatch(
      unit,
      box ? "fill" : decision?.reason ? "nofill" : "error",
      decision ? { decision } : { code },
    );
  };

  /** Drops units that left the document and returns the others. */
  const connectedUnits = (): HTMLElement[] => {
    units.forEach((_, unit) => unit.isConnected || units.delete(unit));
    return [...units.keys()];
  };

  const requestBatch = async (): Promise<void> => {
    const view = queue;
    const current = tags();
    // The last script tag describes the page: earlier ones may be left from the previous page.
    const sources = [...connectedUnits(), current.pop() || script];
    const batch = queue.splice(0, PER_CALL).filter((unit) => units.has(unit));
    if (!batch[0]) return;
    let reply: Reply = {};
    const body = {
      ...page(sources, current, [...units.values()].flatMap(([, creative]) => creative || [])),
      placements: batch.map(placement),
    };
    try {
      // Throws if nothing is left.
      const signal = AbortSignal.timeout(budget);
      const read = lists(...sources).read;
      if (read || /adjacent_debug/.test(location.href)) {
        // Limited to half of the budget; on failure the request is sent without metadata.
        await Promise.race([
          import(base + READING).then((reading) => reading.read(body.page, read)),
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
      reply = (await (await call().catch(call)).json()) || reply;
    } catch (error) {
      // The unit stays collapsed.
      reply.detail = error;
    }
    budget = BUDGET_MS;
    // Ignore the response if a new page view has begun.
    if (view == queue) {
      // Timeouts, network errors and malformed answers have no code of the server.
      const { code = "no_answer", detail, decisions } = reply;
      if (!decisions) console.warn("adjacent:", code, detail);
      batch.forEach((unit, key) => settle(unit, code, decisions?.[key]));
    }
  };

  const add = (unit: HTMLElement): void => {
    units.set(unit, [Object]);
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
        // The publisher's own content stays until there is a unit.
        unit.shadowRoot!.append(document.createElement("slot"));
      }
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

  /** Registers unit elements, and elements with the class of the same name, in document order. A script tag with
   *  a placement gets a unit, unless the page has one. */
  const findUnits = () => {
    document.querySelectorAll<HTMLElement>(NAME + ",." + NAME).forEach(register);
    for (const tag of tags()) {
      if (
        lists(tag).placement &&
        tag.closest("body") &&
        !tag.adjacent &&
        !connectedUnits()[0]
      ) {
        const unit = document.createElement(NAME);
        // With its address, which may have parameters.
        Object.assign(unit.dataset, { src: tag.src }, tag.dataset);
        tag.adjacent = true;
        tag.after(unit);
        register(unit);
      }
    }
  };

  const init = (): void => {
    findUnits();
    if (!units.size) {
      console.warn("adjacent:", "no_place", `add <${NAME}>`);
      dispatch(document.body, "error", { code: "no_place" });
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
    setTimeout(() => units.forEach(([update]) => update())),
  );
  window.adjacent = { refresh };
  if (document.readyState == "loading") document.addEventListener("DOMContentLoaded", init);
  else init();
};

try {
  // Modules and some loaders run scripts without naming their tag.
  const current = document.currentScript as HTMLScriptElement;
  if (!window.adjacent) start([current, ...document.scripts].find(isOwn) || current);
} catch {
  // An unsupported browser (before 2023), an invalid URL, or no script tag: the page is unchanged.
}
