/** What a page says about itself, in attributes of units and of the script's own tag. */

/** Whom a page names; a name alone is a mention. */
export type Entity = string | { name: string; role: string };

/** What a call says of its page. */
export type Page = ReturnType<typeof page>["page"];

/** An attribute of a unit, or the `data-` one of the script and of any other element. */
export const attribute = (from: Element, name: string): string =>
  from.getAttribute(name) || from.getAttribute("data-" + name) || "";

const list = (from: Element, name: string): string[] =>
  attribute(from, name)
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);

/** The first value that any of these has. */
export const first = (sources: Element[], name: string): string | undefined =>
  sources.map((from) => attribute(from, name)).find(Boolean);

/** One context for the whole page: lists are joined, single values come from the first that has one.
 *  The server knows how many of them count. */
export const page = (sources: Element[], shown: string[]) => {
  const all = (name: string) => [...new Set(sources.flatMap((from) => list(from, name)))];
  const one = (name: string) => first(sources, name);
  return {
    page: {
      // Query and fragment may name a reader, so they stay here.
      url: location.href.split(/[?#]/)[0]!,
      language: one("language") || document.documentElement.lang || undefined,
      topics: all("topics"),
      entities: all("subject")
        .map((name): Entity => ({ name, role: "subject" }))
        .concat(all("entities")),
      keywords: all("keywords"),
      region: one("page-region"),
      commercial: one("commercial"),
      sensitive: all("sensitive"),
      shown,
    },
    viewer: { region: one("viewer-region") },
  };
};

/** A unit as the call names it: two of one placement are two, and one that names none has none. */
export const placement = (unit: Element, key: number) => ({
  name: attribute(unit, "placement") || "-",
  key: key + "",
  styles: list(unit, "styles"),
});
