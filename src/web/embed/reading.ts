/** Reads page context from standard metadata: Open Graph, JSON-LD and meta tags. Loaded only by pages
 *  that request it, and to print what happens if the address has `adjacent_debug`; unreadable metadata is ignored. */

declare global {
  /** Hash file name of the debug output; set by the build. */
  const DEBUG: string;
}

import type { Entity, Page } from "./page";

const texts = (value: unknown): string[] =>
  ([value].flat(3) as unknown[]).flatMap((one): string[] => {
    if (typeof one == "string") return [one];
    const named = one && typeof one == "object" ? (one as { name?: unknown }).name : undefined;
    return named ? texts(named) : [];
  });

/** Normalises names as in attributes and cuts them to the server's limit. */
const clean = (names: string[]): string[] =>
  names.map((name) => name.replace(/\s+/g, " ").trim().slice(0, 128)).filter(Boolean);

/** Keywords are a list or one comma-separated text. */
const split = (name: string): string[] => name.split(",");

/** Values of `<meta property=…>` and `<meta name=…>`, since sites use either. */
const meta = (name: string): string[] =>
  [...document.querySelectorAll(`meta[property="${name}" i], meta[name="${name}" i]`)].map(
    (tag) => tag.getAttribute("content") || "",
  );

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
export const read = async (page: Page, isWanted?: string): Promise<void> => {
  if (/\badjacent_debug/.test(location.search)) await import(DEBUG);
  if (!isWanted) return;
  const objects = things();
  const of = (name: string) => objects.flatMap((thing) => texts(thing[name]));
  const tags = meta("article:tag").flatMap(split);
  const about = clean(of("about"));
  const add = <T>(to: T[], names: T[], limit: number) =>
    to.splice(0, to.length, ...new Set([...to, ...names].slice(0, limit)));
  add(page.topics, clean([...meta("article:section"), ...of("articleSection"), ...tags, ...about]), 16);
  add(page.keywords, clean([...meta("keywords"), ...of("keywords"), ...tags].flatMap(split)), 64);
  add<Entity>(page.entities, [...about.map((name) => ({ name, role: "subject" })), ...clean(of("mentions"))], 32);
  for (const name of ["sentiment", "verified"] as const) page[name] ||= meta(name).find(Boolean);
  const canonical = document.querySelector<HTMLLinkElement>('link[rel~="canonical" i]')?.href || "";
  // Query and fragment are not needed by the server.
  if (/^https?:/.test(canonical)) page.url = canonical.split(/[?#]/)[0]!;
};
