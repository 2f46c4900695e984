/** Page context from the attributes of units and of the script tag. */

/** The page context of a request. */
export type Page = ReturnType<typeof page>["page"];

/** One more than the longest list that the server accepts, so that it says what it leaves out. */
export const MAX_SENT = 65;

/** The values of each attribute of units and scripts, separated by commas; each once. Names are with or without
 *  `data-`, or parameters in the script's address, since tag managers and editors drop attributes. Loaders keep the
 *  address itself in `data-src`. A value is never cut: the server leaves out what is too long. */
export const lists = (...sources: Element[]): Record<string, string[] | undefined> => {
  const all: Record<string, string[]> = {};
  const put = (value: string, name: string) => {
    const list = (all[name] ||= []);
    value.split(",").forEach((part) => {
      part = part.trim();
      part && (list[MAX_SENT - 1] || list.includes(part) || list.push(part));
    });
  };
  for (const from of sources) {
    for (const { name, value } of from.attributes) put(value, name.replace(/^data-/, ""));
    const { src, dataset } = from as HTMLScriptElement;
    new URLSearchParams((src || dataset.src)?.split("?")[1]).forEach(put);
  }
  return all;
};

/** Whether a script tag is one of this script, however a loader runs it. */
export const isOwn = (tag?: Element | null) => {
  if (!tag) return;
  const { publisher, src } = lists(tag);
  return publisher || /\badjacent\.js/.test(src as never);
};

/** One context for the whole page: lists are merged, single values come from the first source that has
 *  one. What keeps units away is also read from `tags`, every script tag in the document. The server applies
 *  the limits. */
export const page = (sources: Element[], tags: Element[], shown: string[]) => {
  const own = lists(...sources);
  const guards = lists(...sources, ...tags);
  return {
    publisher: guards.publisher?.[0],
    page: {
      // Query and fragment may identify a reader, so they are never sent.
      url: location.href.split(/[?#]/)[0],
      subject: guards.subject,
      entities: own.entities,
      topics: own.topics,
      language: own.language?.[0] || document.documentElement.lang,
      keywords: own.keywords,
      region: own["page-region"]?.[0],
      // The strictest of `allow`, `house_only` and `none`, which is also their order.
      commercial: guards.commercial?.sort().pop(),
      // Facts that the page states about itself; the server knows the values.
      sentiment: own.sentiment?.[0],
      verified: own.verified?.[0],
      sensitive: guards.sensitive,
      // For the operator's context keys: `KEY=VALUE`.
      custom: own.custom,
      shown,
    },
    viewer: { region: own["viewer-region"]?.[0] },
  };
};

/** A unit's placement in the request. The key is its index, so a placement may occur twice; without a
 *  placement attribute the name is "-", which gets no unit. */
export const placement = (unit: Element, key: number) => {
  const own = lists(unit);
  return { name: own.placement?.[0] || "-", key: "" + key, styles: own.styles };
};
