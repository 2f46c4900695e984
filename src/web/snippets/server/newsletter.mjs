// Prints a newsletter with a unit as Markdown, for mail services that take it, in Node:
// ADJACENT_URL=… ADJACENT_KEY=… node newsletter.mjs
//
// One decision is made for an issue, when it is sent: every reader gets the same mail, so no link in it
// identifies one. Your server reports the impression; the mail loads no script and no pixel.
const { ADJACENT_URL: base, ADJACENT_KEY: key } = process.env;

/** Sends a request with the publisher's key. */
const call = (address, body = {}) =>
  fetch(address, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(5_000),
  });

/** The unit of an issue, or undefined. Never throws. `render` may be `text`, too. */
const unit = async (page, render = "markdown") => {
  try {
    const placements = [{ name: "article-end", styles: ["card"] }];
    const reply = await call(`${base}/v1/decisions`, { publisher: "eu-tech-news", page, placements, render });
    const found = (await reply.json()).decisions["article-end"];
    return found.fill ? { text: found[render], impression: found.event_urls.impression } : undefined;
  } catch {
    return undefined;
  }
};

const ad = await unit({ url: "https://news.example/issues/17", language: "en", topics: ["ai-infrastructure"] });

// Once, when the issue is sent.
if (ad?.impression) await call(ad.impression).catch(() => {});
console.log(["# A story", "Words.", ...(ad ? ["---", ad.text] : [])].join("\n\n"));
