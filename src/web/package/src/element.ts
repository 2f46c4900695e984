/** `<adjacent-unit placement="…">` for pages that bundle their scripts: the same element, the same
 *  events as those of the one-line script, with the page's context given once in code. */

import { mount, type Mounted } from "./mount.js";
import type { Decision, Style } from "./types.js";
import { pageView, type Asked, type PageOptions } from "./view.js";

export interface DefinedPage {
  /** A new page view in the same document: every unit that is there is asked for again. */
  refresh(next?: Partial<PageOptions>): void;
}

const NAME = "adjacent-unit";

const said = (unit: Element, name: string): string | undefined =>
  unit.getAttribute(name)?.trim() || undefined;

/** Defines the element. The first to define it on a page wins: after the one-line script this changes
 *  nothing. */
export const define = (options: PageOptions): DefinedPage => {
  if (customElements.get(NAME)) return { refresh() {} };
  let own = options;
  let view = pageView(own);
  const units = new Map<HTMLElement, { asked: Asked; mounted?: Mounted }>();

  const show = (unit: HTMLElement): void => {
    const styles = said(unit, "styles")?.split(",").map((style) => style.trim() as Style);
    const name = said(unit, "placement") ?? "";
    const here: { asked: Asked; mounted?: Mounted } = {
      asked: view.ask({ name, key: said(unit, "key"), styles }),
    };
    units.set(unit, here);
    const tell = (what: string, decision: Decision) =>
      unit.dispatchEvent(new CustomEvent("adjacent:" + what, { bubbles: true, detail: { decision } }));
    void here.asked.decision.then((decision) => {
      if (units.get(unit) !== here) return;
      here.mounted = mount(unit, decision, { onViewable: () => tell("viewable", decision) });
      const without = !decision.fill && decision.reason !== "no_answer" ? "nofill" : "error";
      tell(here.mounted.filled ? "fill" : without, decision);
    });
  };

  const hide = (unit: HTMLElement): void => {
    const here = units.get(unit);
    units.delete(unit);
    here?.asked.release();
    here?.mounted?.unmount();
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
