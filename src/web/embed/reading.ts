/** Reads what a page says about itself where others read it, too: its metadata. Only pages that ask
 *  for it load this file; what does not read is not there. */

import type { Entity, Page } from "./page";

const texts = (value: unknown): string[] =>
  ([value].flat(3) as unknown[]).flatMap((one): string[] => {
    if (typeof one == "string") return [one];
    const named = one && typeof one == "object" ? (one as { name?: unknown }).name : undefined;
    return named ? texts(named) : [];
  });

/** Names as an attribute would hold them, none longer than the server takes. */
const clean = (names: string[]): string[] =>
  names.map((name) => name.replace(/\s+/g, " ").trim().slice(0, 128)).filter(Boolean);

/** Keywords are a list, or one text with commas. */
const split = (name: string): string[] => name.split(",");

/** Values of `<meta property=…>` and `<meta name=…>` alike: sites write either. */
const meta = (name: string): string[] =>
  [...document.querySelectorAll(`meta[property="${name}" i], meta[name="${name}" i]`)].map(
    (tag) => tag.getAttribute("content") || "",
  );

type Thing = Record<string, unknown>;

/** Things that the page describes, those inside of a graph as well; what is broken says nothing. */
const things = (): Thing[] =>
  [...document.querySelectorAll('script[type="application/ld+json" i]')].flatMap((script) => {
    try {
      const said = [JSON.parse(script.textContent || "")].flat() as (Thing | null)[];
      return said
        .flatMap((thing) => [thing, thing?.["@graph"]].flat() as (Thing | null)[])
        .filter((thing): thing is Thing => !!thing && typeof thing == "object");
    } catch {
      return [];
    }
  });

/** Adds what an attribute would have said: sections and tags are topics, `about` is whom the story is
 *  about, `mentions` whom it names. What attributes say comes first, so that it is what counts. */
export const read = (page: Page): void => {
  const said = things();
  const of = (name: string) => said.flatMap((thing) => texts(thing[name]));
  const tags = meta("article:tag").flatMap(split);
  const about = clean(of("about"));
  const add = <T>(to: T[], names: T[], most: number) =>
    to.splice(0, to.length, ...new Set([...to, ...names].slice(0, most)));
  add(page.topics, clean([...meta("article:section"), ...of("articleSection"), ...tags, ...about]), 16);
  add(page.keywords, clean([...meta("keywords"), ...of("keywords"), ...tags].flatMap(split)), 64);
  add<Entity>(page.entities, [...about.map((name) => ({ name, role: "subject" })), ...clean(of("mentions"))], 32);
  const canonical = document.querySelector<HTMLLinkElement>('link[rel~="canonical" i]')?.href || "";
  // Query and fragment of this one are the site's own, and still of no use to the server.
  if (/^https?:/.test(canonical)) page.url = canonical.split(/[?#]/)[0]!;
};
