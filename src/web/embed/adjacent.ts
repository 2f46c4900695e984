/** The one script of a page: finds the units, asks once, draws, reports. It keeps nothing, sets
 *  nothing, and whatever it is answered, the page stays as it was or gains a unit. */

import { attribute, first, page, placement } from "./page";
import { send, watch } from "./events";
import { draw } from "./unit";
import css from "unit.css";
import type { Decision, Reply } from "./wire";

declare global {
  interface Window {
    /** The only name this script leaves on a page. */
    adjacent?: { refresh(): void };
  }
  /** Address of the file that reads the page, by its content; the build knows it. */
  const READING: string;
}

const BUDGET_MS = 800;
/** A unit that nobody has seen for so long counts no more when somebody does. */
const STALE_MS = 9e5;
const PER_CALL = 8;
const NAME = "adjacent-unit";

const start = (script: HTMLScriptElement): void => {
  // A copy on the publisher's own host names the server in `data-base`.
  const base = new URL(attribute(script, "base") || script.src).origin;
  /** Every unit in the document, with what is to be done when the document shows or hides. */
  const units = new Map<HTMLElement, () => void>();
  /** The creatives that stand on the page. */
  const shown = new Map<HTMLElement, string>();
  /** Another page view has another one. */
  let queue: HTMLElement[] = [];
  let turn = Promise.resolve();
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);

  /** Shows the answer; the publisher's own content where there is none. */
  const settle = (unit: HTMLElement, decision?: Decision): void => {
    const tell = (what: string) =>
      unit.dispatchEvent(
        new CustomEvent("adjacent:" + what, { bubbles: true, detail: { decision } }),
      );
    const came = Date.now();
    let box: HTMLElement | undefined;
    try {
      box = draw(decision!);
    } catch {
      // Not in our words.
    }
    unit.shadowRoot!.replaceChildren(box || document.createElement("slot"));
    if (box) {
      const { impression, viewable } = Object(decision!.event_urls);
      const look = watch(
        box,
        () => {
          if (Date.now() - came < STALE_MS) send(impression);
          else add(unit);
        },
        // Without this address the publisher's pages are not to be observed.
        viewable &&
          (() => {
            send(viewable);
            tell("viewable");
          }),
      );
      units.set(unit, look);
      shown.set(unit, decision!.creative!.id!);
    }
    // Neither a unit nor a reason against one is an error, whatever was said.
    tell(box ? "fill" : decision?.reason ? "nofill" : "error");
  };

  /** The units that are still in the document. */
  const live = (): HTMLElement[] => {
    units.forEach((_, unit) => unit.isConnected || (units.delete(unit), shown.delete(unit)));
    return [...units.keys()];
  };

  const ask = async (): Promise<void> => {
    const asked = queue;
    const sources = [...live(), script];
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
        // It has half of the time, and what it does not read is not there.
        await Promise.race([
          import(base + READING).then((reading) => reading.read(body.page)),
          new Promise((late) => setTimeout(late, BUDGET_MS / 2)),
        ]).catch(Object);
      }
      // Plain text, so that no browser asks for permission first.
      const call = () =>
        fetch(base + "/v1/decisions", {
          method: "POST",
          credentials: "omit",
          body: JSON.stringify(body),
          signal,
        });
      // A connection that broke is tried once more, and after the budget fails at once.
      reply = await (await call().catch(call)).json();
    } catch {
      // Too late, unreachable or garbage: the unit stays collapsed.
    }
    // An answer to a page view that is over belongs to nobody.
    if (asked == queue) {
      batch.forEach((unit, key) => settle(unit, reply?.decisions?.[key]));
    }
  };

  const add = (unit: HTMLElement): void => {
    shown.delete(unit);
    queue.push(unit);
    // One call after the other, because each says what the ones before have shown.
    setTimeout(() => (turn = turn.then(ask)));
  };

  const take = (unit: HTMLElement): void => {
    if (units.has(unit)) return;
    try {
      // One that was here before still has what it was given.
      if (unit.shadowRoot?.adoptedStyleSheets[0] != sheet) {
        unit.attachShadow({ mode: "open" }).adoptedStyleSheets = [sheet];
      }
      units.set(unit, Object);
      add(unit);
    } catch {
      // An element that can hold nothing, or holds something else already.
    }
  };

  /** A new page view in the same document: every unit that is still there is asked for again. */
  const refresh = (): void => {
    queue = [];
    live().forEach(add);
  };

  /** Units, and elements of the publisher's own that stand for one, as they follow each other. */
  const find = () =>
    document.querySelectorAll<HTMLElement>(NAME + ",." + NAME).forEach(take);

  const begin = (): void => {
    find();
    if (!units.size && attribute(script, "placement")) {
      const own = document.createElement(NAME);
      Object.assign(own.dataset, script.dataset);
      script.after(own);
    }
    customElements.define(
      NAME,
      class extends HTMLElement {
        connectedCallback(): void {
          take(this);
        }
      },
    );
    new MutationObserver(find).observe(document, { childList: true, subtree: true });
  };

  // In a turn of its own: a page that was rendered ahead is shown before it is said to be a page,
  // and what it sends until then is sent as what nobody looks at.
  document.addEventListener("visibilitychange", () =>
    setTimeout(() => units.forEach((look) => look())),
  );
  window.adjacent = { refresh };
  if (document.readyState == "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
};

try {
  const script = document.currentScript;
  if (script && !window.adjacent) start(script as HTMLScriptElement);
} catch {
  // A browser from before 2023, or an address that is none: the page stays as it was.
}
