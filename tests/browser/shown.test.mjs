// When a unit counts as shown: pages ahead of their readers, behind them, and what is not measured. The server's record of each decision is the judge.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { heard, launch, line, listen, patient, site, story, undriven, unit } from "./browser.mjs";
import { start, until } from "./server.mjs";

/** The example's site once more for each setting. */
const publishers = (text) => {
  const own = text.match(/\[\[publishers\]\]\nid = "eu-tech-news"[\s\S]*?(?=\n\[\[publishers\]\]\nid = "kitchen)/)[0];
  const like = (name, more) =>
    own.replace('id = "eu-tech-news"', `id = "${name}"`).replace('page_urls = "path"', `page_urls = "path"\n${more}`);
  return `${text}\n${like("basic-news", 'measurement = "basic"')}\n${like("silent-news", 'measurement = "none"')}\n`;
};

let browser, server;
before(async () => {
  server = await start({ "inventory/publishers.toml": publishers });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const TALL = '<div style="height:3000px"></div>';

/** A page with a unit, and the decision that filled it. */
const opened = async (t, body, { options, init, path = "/" } = {}) => {
  const host = await site({ "/": story(body), "/other": story("<p>Another page.</p>") });
  t.after(host.stop);
  const page = await browser.page(options);
  t.after(() => page.context().close());
  if (init) await page.addInitScript(init);
  await listen(page);
  await page.goto(host.base + path);
  const [{ what, decision }] = await heard(page, 1);
  assert.equal(what, "fill");
  return { page, decision, host };
};

/** Lets so much of the page's own time pass. */
const pass = (page, ms) =>
  page.evaluate((ms) => new Promise((done) => setTimeout(done, ms)), ms);

/** Nothing but the impression came of it within more than the second that makes a unit viewable. */
const unseen = async (page, decision) => {
  await server.became(decision, "impression counted");
  await pass(page, 1500);
  await server.became(decision, "impression counted");
};

const seen = (decision) => server.became(decision, "impression counted", "viewable counted");

/** A document that says it is hidden until it is told otherwise. */
const hiding = (hidden) => {
  window.hide = (now) => {
    hidden = now;
    document.dispatchEvent(new Event("visibilitychange"));
  };
  Object.defineProperty(document, "hidden", { get: () => hidden });
  Object.defineProperty(document, "visibilityState", { get: () => (hidden ? "hidden" : "visible") });
};
const hidden = `(${hiding})(true)`;

test("a page that was left before it was seen is asked for anew the next morning", async (t) => {
  const { page, decision } = await opened(t, line(server.base), { init: hidden });
  await page.evaluate(() => {
    const now = Date.now;
    Date.now = () => now() + 12 * 3600 * 1000;
    window.hide(false);
  });
  const told = await heard(page, 2);

  assert.equal(told[1].what, "fill");
  assert.notEqual(told[1].decision, decision);
  await seen(told[1].decision);
  assert.deepEqual(await server.judged(decision), []);
});

for (const [how, init] of [
  ["refuses to carry", () => (Navigator.prototype.sendBeacon = () => false)],
  ["does not know", () => delete Navigator.prototype.sendBeacon],
]) {
  test(`a report that the beacon ${how} goes another way`, async (t) => {
    const { decision } = await opened(t, line(server.base), { init });
    await seen(decision);
  });
}

test("a page that comes back from the browser's cache counts nothing twice, and can still be seen", async (t) => {
  const keeping = await launch({ whole: true, ignoreDefaultArgs: ["--disable-back-forward-cache"] });
  t.after(keeping.close);
  const host = await site({ "/": story(TALL + line(server.base) + TALL), "/other": story("<p>Another page.</p>") });
  t.after(host.stop);
  const page = await keeping.page();
  await listen(page);
  await page.addInitScript(() => addEventListener("pageshow", ({ persisted }) => (window.cameBack = persisted)));
  await page.goto(host.base);
  const [{ decision }] = await heard(page, 1);
  await server.became(decision, "impression counted");

  await page.goto(`${host.base}/other`);
  await page.goBack({ waitUntil: "commit" });
  await page.waitForFunction(() => window.cameBack === true);
  assert.equal((await heard(page, 1))[0].decision, decision, "it is the same page view");
  await unseen(page, decision);
  await page.evaluate(() => document.querySelector("adjacent-unit").scrollIntoView({ block: "center" }));
  await seen(decision);
});

test("a page that is rendered ahead of its reader counts when the reader comes", async (t) => {
  const filled = {};
  let open = false;
  const tell = `<script>(${patient})(); document.addEventListener("adjacent:fill", ({ detail }) => fetch("/filled?early=" + document.prerendering + "&decision=" + detail.decision.decision_id))</script>`;
  const host = await site({
    "/": `<!doctype html><title>First</title><script type="speculationrules">{"prerender": [{"urls": ["/next"]}]}</script>
      <script>const look = () => fetch("/open").then((answer) => answer.text()).then((said) => said === "yes" ? location.assign("/next") : setTimeout(look, 50)); look()</script>`,
    "/next": story(tell + line(server.base)),
    "/filled": (url) => (Object.assign(filled, Object.fromEntries(url.searchParams)), "noted"),
    "/open": () => (open ? "yes" : "no"),
  });
  t.after(host.stop);
  t.after(undriven(host.base));
  await until("a unit ahead of its reader", () => filled.decision);
  assert.equal(filled.early, "true");
  await new Promise((done) => setTimeout(done, 1500));
  assert.deepEqual(await server.judged(filled.decision), []);

  open = true;
  await seen(filled.decision);
});

/** Counts observers of the viewport, so that a page can be asked whether there are any. */
const watching = () => {
  window.observed = 0;
  const observe = IntersectionObserver.prototype.observe;
  IntersectionObserver.prototype.observe = function (...what) {
    window.observed++;
    return observe.apply(this, what);
  };
};

const settings = [
  ["full", "eu-tech-news", {}, ["impression counted", "viewable counted"], 1],
  ["basic", "basic-news", {}, ["impression counted"], 0],
  ["none", "silent-news", {}, [], 0],
  ["full and a reader's Sec-GPC", "eu-tech-news", { extraHTTPHeaders: { "Sec-GPC": "1" } }, ["impression counted"], 0],
];
for (const [setting, publisher, options, expected, observers] of settings) {
  test(`where measurement is ${setting}, ${expected.join(" and ") || "nothing"} and ${observers ? "the viewport is observed" : "no viewport is observed"}`, async (t) => {
    const sent = [];
    const host = await site({ "/": story(line(server.base).replace("eu-tech-news", publisher)) });
    t.after(host.stop);
    const page = await browser.page(options);
    t.after(() => page.context().close());
    page.on("request", (request) => request.url().includes("/e/") && sent.push(request.url()));
    await page.addInitScript(watching);
    await listen(page);
    await page.goto(host.base);
    const [{ what, decision }] = await heard(page, 1);
    assert.equal(what, "fill");
    await pass(page, 1500);

    assert.equal(await page.evaluate(() => window.observed), observers);
    assert.equal(sent.length, expected.length, sent.join());
    const led = [];
    page.context().on("response", (answer) => answer.status() === 302 && led.push(answer.headers().location));
    await unit(page).getByRole("link", { name: "Pricing" }).click();
    await until("the redirect", () => led.length === 1);
    assert.match(led[0], /^https:\/\/zahid\.host\/pricing/);
    // Without an impression there is none that the click could belong to.
    const click = expected.length ? "click pricing counted" : "click pricing pending";
    await server.became(decision, ...expected, click);
  });
}

test("a decision left open overnight still leads to its sponsor, and counts no more", async (t) => {
  const brief = await start({
    "adjacent.toml": (text) => text.replace(/^impression_seconds = \d+/m, "impression_seconds = 2").replace(/^click_seconds = \d+/m, "click_seconds = 2"),
  });
  t.after(brief.stop);
  const host = await site({ "/": story(line(brief.base)) });
  t.after(host.stop);
  const page = await browser.page();
  await listen(page);
  const led = [];
  page.context().on("response", (answer) => answer.status() === 302 && led.push(answer.headers().location));
  await page.goto(host.base);
  const [{ decision }] = await heard(page, 1);
  await brief.became(decision, "impression counted", "viewable counted");
  const began = Date.now();
  await until("its end", () => Date.now() - began > 3000);

  await unit(page).getByRole("link", { name: "Pricing" }).click();
  await until("the redirect", () => led.length === 1);
  assert.match(led[0], /^https:\/\/zahid\.host\/pricing/);
  await brief.became(decision, "impression counted", "viewable counted", "click pricing invalid expired");
});

test("both calls to action and a copy are counted, each once however often it is used", async (t) => {
  const { page, decision } = await opened(t, line(server.base), { options: { permissions: ["clipboard-read", "clipboard-write"] } });
  await seen(decision);
  const led = [];
  page.context().on("response", (answer) => answer.status() === 302 && led.push(answer.headers().location));
  for (const name of ["Get free account", "Pricing"]) {
    await unit(page).getByRole("link", { name }).click();
    await until(name, () => led.length === (name === "Pricing" ? 2 : 1));
  }
  await page.bringToFront();
  await unit(page).locator(".adj-copy").click();
  await until("the copy", async () => (await server.judged(decision)).some((told) => told.startsWith("copy")));
  await unit(page).locator(".adj-copy").click();
  await server.became(
    decision,
    "impression counted",
    "viewable counted",
    "click primary counted",
    "click pricing counted",
    "copy counted",
    "copy duplicate",
  );
});
