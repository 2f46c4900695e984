/** Page context from the attributes of units and of the script tag. */

/** An entity of the page; a name alone is a mention. */
export type Entity = string | { name: string; role: string };

/** The page context of a request. */
export type Page = ReturnType<typeof page>["page"];

/** An attribute of a unit or a script, with or without `data-`, or a parameter in the script's address, since
 *  tag managers and editors drop attributes. Loaders keep the address itself in `data-src`. */
export const attribute = (from: Element, name: string): string => {
  const own = (name: string) => from.getAttribute(name) || from.getAttribute("data-" + name) || "";
  return own(name) || new URLSearchParams(own("src").split("?")[1]).get(name) || "";
};

/** All values of an attribute, which are separated by commas; each once. */
export const values = (sources: Element[], name: string): string[] => [
  ...new Set(
    sources.flatMap((from) =>
      attribute(from, name)
        .split(",")
        .map((part) => part.trim())
        .filter(Boolean),
    ),
  ),
];

/** One context for the whole page: lists are merged, single values come from the first source that has
 *  one. What keeps units away is also read from `tags`, every script tag in the document. The server applies
 *  the limits. */
export const page = (sources: Element[], tags: Element[], shown: string[]) => {
  const all = (name: string, from = sources) => values(from, name);
  const one = (name: string): string | undefined => all(name)[0];
  const guards = [...sources, ...tags];
  return {
    page: {
      // Query and fragment may identify a reader, so they are never sent.
      url: location.origin + location.pathname,
      entities: [
        ...all("subject", guards).map((name): Entity => ({ name, role: "subject" })),
        ...all("entities"),
      ],
      topics: all("topics"),
      language: one("language") || document.documentElement.lang,
      keywords: all("keywords"),
      region: one("page-region"),
      // The strictest of `allow`, `house_only` and `none`, which is also their order.
      commercial: all("commercial", guards).sort().pop(),
      // Facts that the page states about itself; the server knows the values.
      sentiment: one("sentiment"),
      verified: one("verified"),
      sensitive: all("sensitive", guards),
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
  styles: values([unit], "styles"),
});
