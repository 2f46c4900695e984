/** The one script of a page: finds the units, asks once, draws, reports. It keeps nothing, sets
 *  nothing, and whatever it is answered, the page stays as it was or gains a unit. */

import css from "unit.css";
import { send, watch } from "./events";
import { attribute, page, placement } from "./page";
import { draw } from "./unit";
import type { Decision, Reply } from "./wire";

declare global {
  interface Window {
    /** The only name this script leaves on a page. */
    adjacent?: { refresh(): void };
  }
}

const BUDGET_MS = 800;
const PER_CALL = 8;
const NAME = "adjacent-unit";

const start = (script: HTMLScriptElement): void => {
  // A copy on the publisher's own host names the server in `data-base`.
  const address = new URL(attribute(script, "base") || script.src).origin + "/v1/decisions";
  const units = new Map<HTMLElement, ShadowRoot>();
  let queue: HTMLElement[] = [];
  let shown: string[] = [];
  let busy = false;
  let view = 0;

  /** Shows the answer; the publisher's own content where there is none. */
  const settle = (unit: HTMLElement, detail: { decision?: Decision; reply?: Reply }): void => {
    const root = units.get(unit)!;
    const tell = (what: string) =>
      unit.dispatchEvent(new CustomEvent("adjacent:" + what, { bubbles: true, detail }));
    const { decision } = detail;
    let box: HTMLElement | undefined;
    try {
      box = decision && draw(decision);
    } catch {
      // Not in our words.
    }
    root.replaceChildren(box || document.createElement("slot"));
    // Neither a unit nor a reason against one is an error, whatever was said.
    tell(box ? "fill" : decision?.reason ? "nofill" : "error");
    if (box) {
      const { impression, viewable } = Object(decision!.event_urls);
      shown.push(decision!.creative!.id!);
      watch(
        box,
        () => send(impression),
        // Without this address the publisher's pages are not to be observed.
        viewable &&
          (() => {
            send(viewable);
            tell("viewable");
          }),
      );
    }
  };

  /** One call; a connection that broke is tried once more, within the same budget. */
  const call = (body: string, signal: AbortSignal, again?: boolean): Promise<Reply> =>
    // Plain text, so that no browser asks for permission first.
    fetch(address, { method: "POST", credentials: "omit", keepalive: true, body, signal }).then(
      (reply) => reply.json(),
      (error) => {
        if (again) throw error;
        // After the budget the second try fails at once, by the same signal.
        return call(body, signal, true);
      },
    );

  const ask = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    while (queue[0]) {
      const asked = view;
      const keys = new Map<string, HTMLElement>();
      for (const unit of queue.splice(0, PER_CALL)) {
        let key = attribute(unit, "key") || attribute(unit, "placement");
        while (keys.has(key)) key += "+";
        keys.set(key, unit);
      }
      let reply: Reply | undefined;
      try {
        const stop = new AbortController();
        setTimeout(() => stop.abort(), BUDGET_MS);
        const body = JSON.stringify({
          publisher: attribute(script, "publisher"),
          ...page([...units.keys(), script], shown),
          placements: [...keys].map(([key, unit]) => placement(unit, key)),
        });
        reply = await call(body, stop.signal);
      } catch {
        // Too late, unreachable or garbage: the unit stays collapsed.
      }
      // An answer to a page view that is over belongs to nobody.
      if (asked == view) {
        keys.forEach((unit, key) => settle(unit, { reply, decision: reply?.decisions?.[key] }));
      }
    }
    busy = false;
  };

  /** A new page view in the same document: every unit that is still there is asked for again. */
  const refresh = (): void => {
    view++;
    shown = [];
    queue = [...units.keys()].filter((unit) => unit.isConnected || !units.delete(unit));
    ask();
  };

  const begin = (): void => {
    if (!document.querySelector(NAME) && attribute(script, "placement")) {
      const own = document.createElement(NAME);
      Object.assign(own.dataset, script.dataset);
      script.after(own);
    }
    customElements.define(
      NAME,
      class extends HTMLElement {
        connectedCallback(): void {
          if (units.has(this)) return;
          const root = this.shadowRoot || this.attachShadow({ mode: "open" });
          try {
            const sheet = new CSSStyleSheet();
            sheet.replaceSync(css);
            root.adoptedStyleSheets = [sheet];
          } catch {
            // A browser from before 2023 shows the unit without its looks.
          }
          units.set(this, root);
          queue.push(this);
          setTimeout(ask);
        }
      },
    );
  };

  window.adjacent = { refresh };
  if (document.readyState == "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
};

try {
  const script = document.currentScript;
  if (script && !window.adjacent) start(script as HTMLScriptElement);
} catch {
  // An old browser, or an address that is none: the page stays as it was.
}
