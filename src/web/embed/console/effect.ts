/** What a changed weight does to the odds, in words. The formula is the server's:
 *  score = (weight · (price / reference)^price_weight · relevance)^sharpness. */

import { factor, percent } from "../show";

/** Weights by their paths, such as `topic_boost.exact`. */
export type Flat = Record<string, number>;

/** A tree of numbers as paths. */
export const flat = (tree: unknown, around = ""): Flat => {
  const found: Flat = {};
  for (const [name, held] of Object.entries((tree ?? {}) as Record<string, unknown>)) {
    if (typeof held == "number") found[around + name] = held;
    else if (typeof held == "object") Object.assign(found, flat(held, `${around}${name}.`));
  }
  return found;
};

/** The tree again, with other numbers. */
export const tree = (shape: unknown, values: Flat, around = ""): Record<string, unknown> => {
  const made: Record<string, unknown> = {};
  for (const [name, held] of Object.entries((shape ?? {}) as Record<string, unknown>)) {
    made[name] =
      typeof held == "number"
        ? (values[around + name] ?? held)
        : tree(held, values, `${around}${name}.`);
  }
  return made;
};

/** From one factor to another. */
const turns = (old: number, now: number): string => `${factor(old)} → ${factor(now)}`;

/** What the change of one weight does, given all of them before and after. */
export const effect = (path: string, old: Flat, now: Flat): string => {
  const [was = 0, is = 0] = [old[path], now[path]];
  const [sharp, sharper] = [old["sharpness"] ?? 1, now["sharpness"] ?? 1];
  const [priced, price] = [old["price_weight"] ?? 1, now["price_weight"] ?? 1];
  switch (path) {
    case "relevance_cap":
      return `a perfect match is worth at most ${turns(was ** sharp, is ** sharper)} in the odds`;
    case "relevance_floor":
      return is > was
        ? `units whose relevance is below ${factor(is)} are no longer served`
        : `units from a relevance of ${factor(is)} on are served`;
    case "price_weight":
      return `four times the price: odds ${turns(4 ** (was * sharp), 4 ** (is * sharper))}`;
    case "price_reference_micros":
      return `flights with a price against those without: odds ${factor((was / is) ** (price * sharper))}`;
    case "clicks_per_thousand":
      return `flights billed by the click against the others: odds ${factor((is / was) ** (price * sharper))}`;
    case "sharpness":
      return `twice the relevance: odds ${turns(2 ** was, 2 ** is)}; four times the price: ${turns(4 ** (was * priced), 4 ** (is * price))}`;
    case "explore_floor":
      return `${percent(was)} → ${percent(is)} of draws ignore scores`;
    case "max_candidates":
      return `at most ${is.toLocaleString("en")} of a tier enter a draw`;
    default:
      return `a flight that it applies to: odds ${turns(was ** sharp, is ** sharper)}, before the cap`;
  }
};
