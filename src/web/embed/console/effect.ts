/** Describes the effect of a changed weight on the odds. The formula is the server's:
 *  score = (weight · (price / reference)^price_weight · relevance)^sharpness. */

import { factor, percent } from "../show";

/** Weights by their paths, such as `topic_boost.exact`. */
export type Flat = Record<string, number>;

/** Whether a value is a group of others; texts and lists, such as exchange rates, stay as they are. */
const isGroup = (value: unknown): boolean =>
  typeof value == "object" && value !== null && !Array.isArray(value);

/** Flattens a tree of numbers to dotted paths. */
export const flat = (tree: unknown, prefix = ""): Flat => {
  const found: Flat = {};
  for (const [name, child] of Object.entries((tree ?? {}) as Record<string, unknown>)) {
    if (typeof child == "number") found[prefix + name] = child;
    else if (isGroup(child)) Object.assign(found, flat(child, `${prefix}${name}.`));
  }
  return found;
};

/** Rebuilds the tree from `shape` with new values. */
export const tree = (shape: unknown, values: Flat, prefix = ""): Record<string, unknown> => {
  const result: Record<string, unknown> = {};
  for (const [name, child] of Object.entries((shape ?? {}) as Record<string, unknown>)) {
    if (typeof child == "number") result[name] = values[prefix + name] ?? child;
    else result[name] = isGroup(child) ? tree(child, values, `${prefix}${name}.`) : child;
  }
  return result;
};

/** A change of a factor. */
const change = (old: number, now: number): string => `${factor(old)} → ${factor(now)}`;

/** The effect of one changed weight, given all weights before and after. */
export const effect = (path: string, old: Flat, now: Flat): string => {
  const [was = 0, is = 0] = [old[path], now[path]];
  const [sharp, sharper] = [old["sharpness"] ?? 1, now["sharpness"] ?? 1];
  const [priced, price] = [old["price_weight"] ?? 1, now["price_weight"] ?? 1];
  switch (path) {
    case "relevance_cap":
      return `maximum factor of a perfect match in the odds: ${change(was ** sharp, is ** sharper)}`;
    case "relevance_floor":
      return is > was
        ? `units with relevance below ${factor(is)} are no longer eligible`
        : `units with relevance of at least ${factor(is)} are eligible`;
    case "price_weight":
      return `at four times the price: odds ${change(4 ** (was * sharp), 4 ** (is * sharper))}`;
    case "price_reference_micros":
      return `flights with a price compared with those without: odds ${factor((was / is) ** (price * sharper))}`;
    case "clicks_per_thousand":
      return `CPC flights compared with others: odds ${factor((is / was) ** (price * sharper))}`;
    case "sharpness":
      return `at twice the relevance: odds ${change(2 ** was, 2 ** is)}; at four times the price: ${change(4 ** (was * priced), 4 ** (is * price))}`;
    case "explore_floor":
      return `${percent(was)} → ${percent(is)} of draws ignore scores`;
    case "rotation.half_life_days":
      return `impressions and clicks count half after ${is} days in rotation "optimise"`;
    case "rotation.floor":
      return `${percent(was)} → ${percent(is)} of a flight's slots are divided equally in rotation "optimise"`;
    case "rotation.spread":
      return `rotation "optimise" ${is < was ? "decides sooner" : "tries out longer"}`;
    case "rotation.cv":
      return `rotation "optimise" trusts few impressions ${is > was ? "more" : "less"}`;
    case "max_candidates":
      return `at most ${is.toLocaleString("en")} candidates per tier enter a draw`;
    default:
      return `flights to which it applies: odds ${change(was ** sharp, is ** sharper)}, before the cap`;
  }
};
