/** What a page says about itself, in attributes of units and of the script's own tag. */

/** An attribute of a unit, or the `data-` one of the script. */
export const attribute = (from: Element, name: string): string =>
  (from.getAttribute(name) || from.getAttribute("data-" + name) || "").trim();

const list = (from: Element, name: string): string[] =>
  attribute(from, name)
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);

/** One context for the whole page: lists are joined, single values come from the first that has one. */
export const page = (sources: Element[], shown: string[]) => {
  const all = (name: string) => [...new Set(sources.flatMap((from) => list(from, name)))];
  const first = (name: string) => sources.map((from) => attribute(from, name)).find(Boolean);
  return {
    page: {
      // Query and fragment may name a reader, so they stay here.
      url: location.href.split(/[?#]/)[0],
      language: first("language") || document.documentElement.lang || undefined,
      topics: all("topics"),
      entities: all("subject")
        .map((name) => name + "*")
        .concat(all("entities"))
        .map((name) =>
          name.endsWith("*") ? { name: name.slice(0, -1).trim(), role: "subject" } : name,
        ),
      keywords: all("keywords"),
      region: first("page-region") || first("region"),
      commercial: first("commercial"),
      sensitive: all("sensitive"),
      shown,
    },
    viewer: { region: first("viewer-region") },
  };
};

/** A unit as the call names it; `key` keeps two of one placement apart. */
export const placement = (unit: Element, key: string) => {
  const styles = list(unit, "styles");
  return { name: attribute(unit, "placement"), key, styles: styles[0] ? styles : undefined };
};
