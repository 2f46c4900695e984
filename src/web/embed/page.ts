/** Page context from the attributes of units and of the script tag. */

/** An entity of the page; a name alone is a mention. */
export type Entity = string | { name: string; role: string };

/** The page context of a request. */
export type Page = ReturnType<typeof page>["page"];

/** An attribute of a unit, or the `data-` attribute of the script or another element. */
export const attribute = (from: Element, name: string): string =>
  from.getAttribute(name) || from.getAttribute("data-" + name) || "";

const list = (from: Element, name: string): string[] =>
  attribute(from, name)
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);

/** The first non-empty value of an attribute. */
export const first = (sources: Element[], name: string): string | undefined =>
  sources.map((from) => attribute(from, name)).filter(Boolean)[0];

/** One context for the whole page: lists are merged, single values come from the first source that has
 *  one. The server applies the limits. */
export const page = (sources: Element[], shown: string[]) => {
  const all = (name: string) => [...new Set(sources.flatMap((from) => list(from, name)))];
  const one = (name: string) => first(sources, name);
  return {
    page: {
      // Query and fragment may identify a reader, so they are never sent.
      url: location.origin + location.pathname,
      entities: [
        ...all("subject").map((name): Entity => ({ name, role: "subject" })),
        ...all("entities"),
      ],
      topics: all("topics"),
      language: one("language") || document.documentElement.lang,
      keywords: all("keywords"),
      region: one("page-region"),
      commercial: one("commercial"),
      // Facts that the page states about itself; the server knows the values.
      sentiment: one("sentiment"),
      verified: one("verified"),
      sensitive: all("sensitive"),
      shown,
    },
    viewer: { region: one("viewer-region") },
  };
};

/** A unit's placement in the request. The key is its index, so a placement may occur twice; without a
 *  placement attribute the name is "-", which gets no unit. */
export const placement = (unit: Element, key: number) => ({
  name: attribute(unit, "placement") || "-",
  key: key + "",
  styles: list(unit, "styles"),
});
