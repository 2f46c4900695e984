/** `<adjacent-unit placement="…">` for pages that bundle their scripts: the same element and events as
 *  the embed script, with the page context passed once in code. */

import { mount, type Mounted } from "./mount.js";
import type { Decision, Style } from "./types.js";
import { pageView, type Asked, type PageOptions } from "./view.js";

export interface DefinedPage {
  /** Starts a new page view in the same document: requests every unit again. */
  refresh(next?: Partial<PageOptions>): void;
}

const NAME = "adjacent-unit";

const attribute = (unit: Element, name: string): string | undefined =>
  unit.getAttribute(name)?.trim() || undefined;

/** Defines the element. The first definition on a page wins: after the embed script this has no effect. */
export const define = (options: PageOptions): DefinedPage => {
  if (customElements.get(NAME)) return { refresh() {} };
  let own = options;
  let view = pageView(own);
  const units = new Map<HTMLElement, { asked: Asked; mounted?: Mounted }>();

  const show = (unit: HTMLElement): void => {
    const styles = attribute(unit, "styles")?.split(",").map((style) => style.trim() as Style);
    const name = attribute(unit, "placement") ?? "";
    const state: { asked: Asked; mounted?: Mounted } = {
      asked: view.ask({ name, key: attribute(unit, "key"), styles }),
    };
    units.set(unit, state);
    const dispatch = (event: string, decision: Decision) =>
      unit.dispatchEvent(new CustomEvent("adjacent:" + event, { bubbles: true, detail: { decision } }));
    void state.asked.decision.then((decision) => {
      if (units.get(unit) !== state) return;
      state.mounted = mount(unit, decision, { onViewable: () => dispatch("viewable", decision) });
      const failure = !decision.fill && decision.reason !== "no_answer" ? "nofill" : "error";
      dispatch(state.mounted.filled ? "fill" : failure, decision);
    });
  };

  const hide = (unit: HTMLElement): void => {
    const state = units.get(unit);
    units.delete(unit);
    state?.asked.release();
    state?.mounted?.unmount();
  };

  customElements.define(
    NAME,
    class extends HTMLElement {
      connectedCallback(): void {
        show(this);
      }
      disconnectedCallback(): void {
        hide(this);
      }
    },
  );

  return {
    refresh(next) {
      own = { ...own, ...next };
      view = pageView(own);
      for (const unit of [...units.keys()]) {
        hide(unit);
        show(unit);
      }
    },
  };
};
