/** Reads page context from standard metadata: Open Graph, JSON-LD and meta tags. Loaded only by pages
 *  that request it, and to print what happens if the address has `adjacent_debug`; unreadable metadata is ignored. */

declare global {
  /** Hash file name of the debug output; set by the build. */
  const DEBUG: string;
}

import { MAX_SENT, type Page } from "./page";

const texts = (value: unknown): string[] =>
  ([value].flat(3) as unknown[]).flatMap((one): string[] => {
    if (typeof one == "string") return [one];
    const named = one && typeof one == "object" ? (one as { name?: unknown }).name : undefined;
    return named ? texts(named) : [];
  });

/** Normalises names as in attributes. */
const clean = (names: string[]): string[] => names.map((name) => name.replace(/\s+/g, " ").trim()).filter(Boolean);

/** Keywords are a list or one comma-separated text. */
const split = (name: string): string[] => name.split(",");

/** Values of `<meta property=…>` and `<meta name=…>`, since sites use either. */
const meta = (name: string): string[] =>
  [...document.querySelectorAll(`meta[property="${name}" i], meta[name="${name}" i]`)].map(
    (tag) => tag.getAttribute("content") || "",
  );

/** Whether a name is within the server's limit. Longer texts, such as descriptions, are left out as a whole: a part
 *  of one may be another name. */
const fits = (name: string): boolean => name.length <= 128;

type Thing = Record<string, unknown>;

/** JSON-LD objects, including those of a `@graph`; malformed blocks are ignored. */
const things = (): Thing[] =>
  [...document.querySelectorAll('script[type="application/ld+json" i]')].flatMap((script) => {
    try {
      const objects = [JSON.parse(script.textContent || "")].flat() as (Thing | null)[];
      return objects
        .flatMap((thing) => [thing, thing?.["@graph"]].flat() as (Thing | null)[])
        .filter((thing): thing is Thing => !!thing && typeof thing == "object");
    } catch {
      return [];
    }
  });

/** Adds metadata to the page context: sections and tags are topics, `about` gives subjects, `mentions`
 *  mentions. Attribute values come first, so they have priority when limits apply. */
export const read = async (page: Page, isWanted?: unknown): Promise<void> => {
  const debug = /adjacent_debug/.test(location.href) && (await import(DEBUG));
  if (!isWanted) return;
  const objects = things();
  const of = (name: string) => objects.flatMap((thing) => texts(thing[name]));
  const tags = meta("article:tag").flatMap(split);
  const about = of("about");
  const add = (list: "topics" | "keywords" | "subject" | "entities", names: string[]) => {
    const all = clean(names);
    const usable = [...new Set([...(page[list] ?? []), ...all.filter(fits)])];
    page[list] = usable.slice(0, MAX_SENT);
    if (debug) debug.leftOut(list, [...all.filter((name) => !fits(name)), ...usable.slice(MAX_SENT)]);
  };
  add("topics", [...meta("article:section"), ...of("articleSection"), ...tags, ...about]);
  add("keywords", [...meta("keywords"), ...of("keywords"), ...tags].flatMap(split));
  add("subject", about);
  add("entities", of("mentions"));
  for (const name of ["sentiment", "verified"] as const) page[name] ||= meta(name).find(Boolean);
  const canonical = document.querySelector<HTMLLinkElement>('link[rel~="canonical" i]')?.href || "";
  // Query and fragment are not needed by the server.
  if (/^https?:/.test(canonical)) page.url = canonical.split(/[?#]/)[0]!;
};
