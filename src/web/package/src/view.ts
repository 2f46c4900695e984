/** One page view: whatever asks within one turn of the page asks together, and nothing twice. */

import { decide, noAnswer, type DecideOptions } from "./decide.js";
import type { Decision, Placement } from "./types.js";

export type PageOptions = Pick<
  DecideOptions,
  "base" | "publisher" | "page" | "viewer" | "test" | "budgetMs"
>;

export interface Asked {
  decision: Promise<Decision>;
  /** Says that nobody waits for it or shows it any more. */
  release(): void;
}

export interface PageView {
  /** The decision for a placement. One that was released and is asked for again is the same one. */
  ask(placement: Placement): Asked;
}

interface Slot extends Placement {
  key: string;
  used: boolean;
  decision: Promise<Decision>;
  answer(decision: Decision): void;
}

const PER_CALL = 8;

const slot = (placement: Placement, key: string): Slot => {
  let answer!: Slot["answer"];
  const decision = new Promise<Decision>((done) => (answer = done));
  return { ...placement, key, used: false, decision, answer };
};

/** A page view in a browser. Its address and language are the document's where `page` names none. */
export const pageView = (options: PageOptions): PageView => {
  const slots = new Map<string, Slot>();
  const shown = [...(options.page?.shown ?? [])];
  let queue: Slot[] = [];
  let busy = false;

  const call = async (asking: Slot[]): Promise<void> => {
    const { decisions } = await decide({
      ...options,
      page: {
        // Query and fragment may name a reader, so they stay here.
        url: location.href.split(/[?#]/)[0],
        language: document.documentElement.lang || undefined,
        ...options.page,
        shown,
      },
      placements: asking.map(({ name, key, styles }) => ({ name, key, styles })),
    });
    for (const asked of asking) {
      const decision = decisions[asked.key] ?? noAnswer;
      if (decision.fill) shown.push(decision.creative.id);
      // A server that was away may be back for the next who asks.
      if (decision === noAnswer) slots.delete(asked.key);
      asked.answer(decision);
    }
  };

  const work = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    while (queue.length) {
      // Whoever left before anything was sent is not asked for.
      const asking = queue.splice(0, PER_CALL).filter((one) => one.used || !slots.delete(one.key));
      // The next call says what this one showed.
      if (asking.length) await call(asking);
    }
    busy = false;
  };

  return {
    ask(placement) {
      let key = placement.key ?? placement.name;
      while (slots.get(key)?.used) key += "+";
      let asked = slots.get(key);
      if (!asked) {
        asked = slot(placement, key);
        slots.set(key, asked);
        queue.push(asked);
        setTimeout(work);
      }
      const own = asked;
      own.used = true;
      let released = false;
      return {
        decision: own.decision,
        release() {
          if (!released) own.used = false;
          released = true;
        },
      };
    },
  };
};
