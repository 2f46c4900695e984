// A decision has the same content as an element, as HTML, in a frame and as JSON.
import assert from "node:assert/strict";
import { test } from "node:test";
import { unitEvents, recordEvents, scriptTag, site, story, unit } from "./browser.mjs";
import { fixture } from "./fixture.mjs";
import { until } from "./server.mjs";

const { browser, server } = await fixture();

const ask = async (style, more = {}) => {
  const answer = await fetch(`${server.base}/v1/decisions`, {
    method: "POST",
    // Of a reader whose request a page passes on: a program's decisions are idle.
    headers: { "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0" },
    body: JSON.stringify({
      publisher: "eu-tech-news",
      page: { url: "https://news.example/x", language: "en", topics: ["ai-infrastructure"] },
      viewer: { region: "DE" },
      placements: [{ name: "article-end", key: "0", styles: [style] }],
      render: "html",
      ...more,
    }),
  });
  return answer.json();
};

/** The content of a rendered unit, by part. */
const renderedContent = (aside) =>
  aside.evaluate((aside) => {
    const content = { name: aside.getAttribute("aria-label"), language: aside.lang, direction: aside.dir };
    for (const part of ["top", "proof", "kicker", "head", "body", "typed", "out", "price", "why"]) {
      const text = aside.querySelector(`.adj-${part}`)?.textContent.trim().replace(/\s+/g, " ");
      if (text) content[part] = text;
    }
    content.command = aside.querySelector(".adj-cmd")?.getAttribute("aria-label") ?? undefined;
    content.ctas = [...aside.querySelectorAll(".adj-cta")].map((cta) => cta.textContent);
    content.links = [...aside.querySelectorAll("a")].map((link) => `${link.rel} ${link.target}`);
    return content;
  });

/** The same content from the JSON decision. */
const expectedContent = ({ creative, label, transparency }) => {
  const isFull = creative.style !== "line";
  const content = {
    name: label.aria,
    language: creative.language,
    direction: creative.direction,
    top: `${label.text} ${label.sponsor_line}`,
    head: creative.headline,
    why: transparency.why_text,
    ctas: creative.ctas.map((cta) => cta.text).slice(0, isFull ? 4 : 1),
  };
  content.links = [...Array(1 + content.ctas.length).fill("sponsored nofollow noopener _blank"), "noopener _blank"];
  if (!isFull) return { ...content, command: undefined };
  return {
    ...content,
    proof: creative.proof.text,
    kicker: creative.kicker,
    body: creative.body,
    typed: creative.command.text,
    out: creative.command.output,
    command: creative.command.aria,
    price: `${creative.price.text} · ${creative.price.note}`,
  };
};

for (const style of ["terminal", "card", "line"]) {
  test(`a ${style} has the same content as an element, as HTML, in a frame and as JSON`, async (t) => {
    const reply = await ask(style);
    const decision = reply.decisions["0"];
    assert.equal(decision.creative.style, style);
    const frame = `${server.base}/v1/unit?publisher=eu-tech-news&placement=article-end&topic=ai-infrastructure&viewer_region=DE&style=${style}&language=en`;
    const host = await site({
      "/element": story(scriptTag(server.base) + '<adjacent-unit placement="article-end"></adjacent-unit>'),
      "/html": story(`<div>${decision.html}</div>`),
      "/frame": story(`<iframe title="unit" width="700" height="500" src="${frame.replaceAll("&", "&amp;")}"></iframe>`),
    });
    t.after(host.stop);
    const page = await browser.page();
    await page.route("**/v1/decisions", (route) =>
      route.fulfill({ headers: { "access-control-allow-origin": "*" }, json: reply }),
    );

    const expected = expectedContent(decision);
    await page.goto(`${host.base}/element`);
    await unit(page).waitFor();
    assert.deepEqual(await renderedContent(unit(page)), expected);
    await page.goto(`${host.base}/html`);
    assert.deepEqual(await renderedContent(page.locator(".adj")), expected);
    await page.goto(`${host.base}/frame`);
    assert.deepEqual(await renderedContent(page.frameLocator("iframe").locator(".adj")), expected);
  });
}

test("HTML from the server counts one impression, and its links redirect without scripts", async (t) => {
  const { decisions } = await ask("card");
  const { html, decision_id: decision } = decisions["0"];
  const host = await site({ "/": story(`<div>${html}</div>`) });
  t.after(host.stop);
  const page = await browser.page({ javaScriptEnabled: false });
  const redirects = [];
  page.context().on("response", (answer) => answer.status() === 302 && redirects.push(answer.headers().location));
  await page.goto(host.base);
  await server.expectEvents(decision, "impression counted");
  const began = Date.now();
  await until("the minimum time before a click", () => Date.now() - began > 600);

  for (const name of ["Get free account", "Pricing"]) {
    await page.getByRole("link", { name }).click();
    await until(name, () => redirects.length === (name === "Pricing" ? 2 : 1));
  }
  await server.expectEvents(decision, "impression counted", "click primary counted", "click pricing counted");
});

test("an unfilled slot is empty as an element, as JSON and in a frame", async (t) => {
  const host = await site({
    "/": story(scriptTag(server.base) + '<adjacent-unit placement="article-end" commercial="none"><p id="own">Ours.</p></adjacent-unit>'),
  });
  t.after(host.stop);
  const page = await browser.page();
  await recordEvents(page);
  await page.goto(host.base);
  const [event] = await unitEvents(page, 1);
  assert.deepEqual([event.type, event.reason], ["nofill", "commercial_off"]);
  assert.ok(await page.locator("#own").isVisible());

  const { decisions } = await ask("card", { page: { commercial: "none" } });
  assert.deepEqual([decisions["0"].fill, decisions["0"].reason, decisions["0"].html], [false, "commercial_off", undefined]);
  await page.goto(`${server.base}/v1/unit?publisher=eu-tech-news&placement=nowhere`);
  assert.equal((await page.locator("body").innerText()).trim(), "");
});
