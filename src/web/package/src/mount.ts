/** A decision on a page: drawn, counted once, and taken away again. */

import css from "unit.css";
import { send, watch } from "../../embed/events";
import { draw } from "../../embed/unit";
import type { Decision as Drawn } from "../../embed/wire";
import type { Decision } from "./types.js";

export interface MountOptions {
  /** Half of the unit was in view for a second. */
  onViewable?: () => void;
}

export interface Mounted {
  /** Whether a unit is shown. */
  readonly filled: boolean;
  /** Takes the unit away; what was not counted until then is not counted. */
  unmount(): void;
}

/** Addresses that were reported to. A unit that is taken away and comes back is the same unit. */
const told = new Set<string>();
const mounts = new WeakMap<HTMLElement, Mounted>();
let sheet: CSSStyleSheet | undefined;

const tell = (url: string): void => {
  if (!told.has(url)) {
    told.add(url);
    send(url);
  }
};

const rooted = (element: HTMLElement): ShadowRoot => {
  const root = element.shadowRoot ?? element.attachShadow({ mode: "open" });
  try {
    if (!sheet) {
      sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
    }
    root.adoptedStyleSheets = [sheet];
  } catch {
    // A browser from before 2023 shows the unit without its looks.
  }
  return root;
};

/** Shows a decision inside of an element, in a shadow tree of its own. Without a unit the element stays
 *  as it is: nothing is reserved. Mounting again replaces what was there. Never throws. */
export const mount = (element: HTMLElement, decision: Decision, options: MountOptions = {}): Mounted => {
  mounts.get(element)?.unmount();
  let gone = false;
  let root: ShadowRoot | undefined;
  let look = (): void => {};
  // In a turn of its own: a page that was rendered ahead is shown before it is said to be a page.
  const later = () => void setTimeout(() => look());
  try {
    // The page draws what it understands; on the wire, what is absent may be null.
    const box = draw(decision as unknown as Drawn);
    if (box && decision.fill) {
      root = rooted(element);
      root.replaceChildren(box);
      const { impression, viewable } = decision.event_urls;
      look = watch(
        box,
        () => {
          if (impression && !gone) tell(impression);
        },
        // Without this address the publisher's pages are not to be observed.
        viewable
          ? () => {
              if (gone || told.has(viewable)) return;
              tell(viewable);
              options.onViewable?.();
            }
          : undefined,
      );
      document.addEventListener("visibilitychange", later);
    }
  } catch {
    // Not in our words, or an element that holds nothing: the page stays as it was.
  }
  const mounted = {
    filled: !!root,
    unmount() {
      if (gone) return;
      gone = true;
      document.removeEventListener("visibilitychange", later);
      mounts.delete(element);
      // What the publisher keeps inside of the element shows again.
      root?.replaceChildren(document.createElement("slot"));
    },
  };
  mounts.set(element, mounted);
  return mounted;
};
