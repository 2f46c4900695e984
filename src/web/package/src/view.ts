/** A page view: batches the requests of one task into one call, and requests nothing twice. */

import { decide, noAnswer, type DecideOptions } from "./decide.js";
import type { Decision, Placement } from "./types.js";

export type PageOptions = Pick<
  DecideOptions,
  "base" | "publisher" | "page" | "viewer" | "test" | "budgetMs"
>;

export interface Asked {
  decision: Promise<Decision>;
  /** Releases the decision: it is no longer awaited or shown. */
  release(): void;
}

export interface PageView {
  /** Requests the decision for a placement. After a release the same decision is returned again. */
  ask(placement: Placement): Asked;
}

interface Slot extends Placement {
  key: string;
  used: boolean;
  decision: Promise<Decision>;
  resolve(decision: Decision): void;
}

const PER_CALL = 8;

const slot = (placement: Placement, key: string): Slot => {
  let resolve!: Slot["resolve"];
  const decision = new Promise<Decision>((done) => (resolve = done));
  return { ...placement, key, used: false, decision, resolve };
};

/** Creates a page view in a browser. URL and language default to those of the document. */
export const pageView = (options: PageOptions): PageView => {
  const slots = new Map<string, Slot>();
  const shown = [...(options.page?.shown ?? [])];
  let queue: Slot[] = [];
  let isProcessing = false;

  const call = async (batch: Slot[]): Promise<void> => {
    const { decisions } = await decide({
      ...options,
      page: {
        // Query and fragment may identify a reader, so they are never sent.
        url: location.href.split(/[?#]/)[0],
        language: document.documentElement.lang || undefined,
        ...options.page,
        shown,
      },
      placements: batch.map(({ name, key, styles }) => ({ name, key, styles })),
    });
    for (const entry of batch) {
      const decision = decisions[entry.key] ?? noAnswer;
      if (decision.fill) shown.push(decision.creative.id);
      // Not cached: the server may be reachable for the next request.
      if (decision === noAnswer) slots.delete(entry.key);
      entry.resolve(decision);
    }
  };

  const processQueue = async (): Promise<void> => {
    if (isProcessing) return;
    isProcessing = true;
    while (queue.length) {
      // Skip placements that were released before the call.
      const batch = queue.splice(0, PER_CALL).filter((one) => one.used || !slots.delete(one.key));
      // Sequential: the next call lists the creatives that this one has shown.
      if (batch.length) await call(batch);
    }
    isProcessing = false;
  };

  return {
    ask(placement) {
      let key = placement.key ?? placement.name;
      while (slots.get(key)?.used) key += "+";
      let entry = slots.get(key);
      if (!entry) {
        entry = slot(placement, key);
        slots.set(key, entry);
        queue.push(entry);
        setTimeout(processQueue);
      }
      const own = entry;
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
