// One decision, four ways to show it, the same words in each.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { heard, launch, listen, script, site, story, unit } from "./browser.mjs";
import { start, until } from "./server.mjs";

let browser, server;
before(async () => {
  server = await start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const ask = async (style, more = {}) => {
  const answer = await fetch(`${server.base}/v1/decisions`, {
    method: "POST",
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

/** What a reader reads of a unit, by its part. */
const read = (aside) =>
  aside.evaluate((aside) => {
    const said = { name: aside.getAttribute("aria-label"), language: aside.lang, direction: aside.dir };
    for (const part of ["top", "proof", "kicker", "head", "body", "typed", "out", "price", "why"]) {
      const text = aside.querySelector(`.adj-${part}`)?.textContent.trim().replace(/\s+/g, " ");
      if (text) said[part] = text;
    }
    said.command = aside.querySelector(".adj-cmd")?.getAttribute("aria-label") ?? undefined;
    said.ctas = [...aside.querySelectorAll(".adj-cta")].map((cta) => cta.textContent);
    said.links = [...aside.querySelectorAll("a")].map((link) => `${link.rel} ${link.target}`);
    return said;
  });

/** The same of the plain answer. */
const spoken = ({ creative, label, transparency }) => {
  const whole = creative.style !== "line";
  const said = {
    name: label.aria,
    language: creative.language,
    direction: creative.direction,
    top: `${label.text} ${label.sponsor_line}`,
    head: creative.headline,
    why: transparency.why_text,
    ctas: creative.ctas.map((cta) => cta.text).slice(0, whole ? 4 : 1),
  };
  said.links = [...Array(1 + said.ctas.length).fill("sponsored nofollow noopener _blank"), "noopener _blank"];
  if (!whole) return { ...said, command: undefined };
  return {
    ...said,
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
  test(`a ${style} says the same as an element, as HTML, in a frame and as JSON`, async (t) => {
    const reply = await ask(style);
    const decision = reply.decisions["0"];
    assert.equal(decision.creative.style, style);
    const frame = `${server.base}/v1/unit?publisher=eu-tech-news&placement=article-end&topic=ai-infrastructure&viewer_region=DE&style=${style}&language=en`;
    const host = await site({
      "/element": story(script(server.base) + '<adjacent-unit placement="article-end"></adjacent-unit>'),
      "/html": story(`<div>${decision.html}</div>`),
      "/frame": story(`<iframe title="unit" width="700" height="500" src="${frame.replaceAll("&", "&amp;")}"></iframe>`),
    });
    t.after(host.stop);
    const page = await browser.page();
    await page.route("**/v1/decisions", (route) =>
      route.fulfill({ headers: { "access-control-allow-origin": "*" }, json: reply }),
    );

    const expected = spoken(decision);
    await page.goto(`${host.base}/element`);
    await unit(page).waitFor();
    assert.deepEqual(await read(unit(page)), expected);
    await page.goto(`${host.base}/html`);
    assert.deepEqual(await read(page.locator(".adj")), expected);
    await page.goto(`${host.base}/frame`);
    assert.deepEqual(await read(page.frameLocator("iframe").locator(".adj")), expected);
  });
}

test("HTML from the server counts its impression once, and its links lead without a script", async (t) => {
  const { decisions } = await ask("card");
  const { html, decision_id: decision } = decisions["0"];
  const host = await site({ "/": story(`<div>${html}</div>`) });
  t.after(host.stop);
  const page = await browser.page({ javaScriptEnabled: false });
  const led = [];
  page.context().on("response", (answer) => answer.status() === 302 && led.push(answer.headers().location));
  await page.goto(host.base);
  await server.became(decision, "impression counted");
  const began = Date.now();
  await until("the time that a person takes", () => Date.now() - began > 600);

  for (const name of ["Get free account", "Pricing"]) {
    await page.getByRole("link", { name }).click();
    await until(name, () => led.length === (name === "Pricing" ? 2 : 1));
  }
  await server.became(decision, "impression counted", "click primary counted", "click pricing counted");
});

test("a slot without a unit is empty in every way", async (t) => {
  const host = await site({
    "/": story(script(server.base) + '<adjacent-unit placement="article-end" commercial="none"><p id="own">Ours.</p></adjacent-unit>'),
  });
  t.after(host.stop);
  const page = await browser.page();
  await listen(page);
  await page.goto(host.base);
  const [told] = await heard(page, 1);
  assert.deepEqual([told.what, told.reason], ["nofill", "commercial_off"]);
  assert.ok(await page.locator("#own").isVisible());

  const { decisions } = await ask("card", { page: { commercial: "none" } });
  assert.deepEqual([decisions["0"].fill, decisions["0"].reason, decisions["0"].html], [false, "commercial_off", undefined]);
  await page.goto(`${server.base}/v1/unit?publisher=eu-tech-news&placement=nowhere`);
  assert.equal((await page.locator("body").innerText()).trim(), "");
});
