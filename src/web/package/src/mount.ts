/** Mounts a decision on a page: renders it, reports its events once, and unmounts it. */

import css from "unit.css";
import { send, watch } from "../../embed/events";
import { draw } from "../../embed/unit";
import type { Decision as Drawn } from "../../embed/wire";
import type { Decision } from "./types.js";

export interface MountOptions {
  /** Called once the unit is viewable (MRC: 50 % in view for one second; 30 % for large units). */
  onViewable?: () => void;
}

export interface Mounted {
  /** Whether a unit is shown. */
  readonly filled: boolean;
  /** Removes the unit; events not reported by then are not reported. */
  unmount(): void;
}

/** Event URLs already sent, so that a remounted unit is not counted again. */
const sent = new Set<string>();
const mounts = new WeakMap<HTMLElement, Mounted>();
let sheet: CSSStyleSheet | undefined;

const sendOnce = (url: string): void => {
  if (!sent.has(url)) {
    sent.add(url);
    send(url);
  }
};

const shadowRoot = (element: HTMLElement): ShadowRoot => {
  const root = element.shadowRoot ?? element.attachShadow({ mode: "open" });
  try {
    if (!sheet) {
      sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
    }
    root.adoptedStyleSheets = [sheet];
  } catch {
    // Browsers from before 2023 show the unit unstyled.
  }
  return root;
};

/** Renders a decision in an element's shadow tree. Without a unit the element is unchanged and reserves no
 *  space. Mounting again replaces the previous unit. Never throws. */
export const mount = (element: HTMLElement, decision: Decision, options: MountOptions = {}): Mounted => {
  mounts.get(element)?.unmount();
  let unmounted = false;
  let root: ShadowRoot | undefined;
  let update = (): void => {};
  // In a separate task: a prerendered page becomes visible before `prerendering` is cleared.
  const onVisibility = () => void setTimeout(() => update());
  try {
    // `draw` tolerates missing fields; in JSON, absent values may be null.
    const box = draw(decision as unknown as Drawn, element);
    if (box && decision.fill) {
      root = shadowRoot(element);
      root.replaceChildren(box);
      const { impression, viewable } = decision.event_urls;
      update = watch(
        box,
        () => {
          if (impression && !unmounted) sendOnce(impression);
        },
        // Without this URL the publisher does not measure viewability.
        viewable
          ? () => {
              if (unmounted || sent.has(viewable)) return;
              sendOnce(viewable);
              options.onViewable?.();
            }
          : undefined,
      );
      document.addEventListener("visibilitychange", onVisibility);
    }
  } catch {
    // An invalid decision, or an element without shadow root support: the page is unchanged.
  }
  const mounted = {
    filled: !!root,
    unmount() {
      if (unmounted) return;
      unmounted = true;
      document.removeEventListener("visibilitychange", onVisibility);
      mounts.delete(element);
      // Shows the element's own children again.
      root?.replaceChildren(document.createElement("slot"));
    },
  };
  mounts.set(element, mounted);
  return mounted;
};
