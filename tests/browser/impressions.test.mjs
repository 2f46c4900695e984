// When impressions count: hidden, prerendered and cached pages, and publishers with limited measurement.
// Checked by the events that the server recorded for each decision.
import assert from "node:assert/strict";
import { test } from "node:test";
import { unitEvents, launch, embedTag, recordEvents, extendTimeouts, site, story, launchUndriven, unit } from "./browser.mjs";
import { TALL, fixture, viewing } from "./fixture.mjs";
import { start, until } from "./server.mjs";

/** Adds a copy of the example publisher for each measurement setting. */
const publishers = (text) => {
  const own = text.match(/\[\[publishers\]\]\nid = "eu-tech-news"[\s\S]*?(?=\n\[\[publishers\]\]\nid = "kitchen)/)[0];
  const like = (name, more) =>
    own.replace('id = "eu-tech-news"', `id = "${name}"`).replace('page_urls = "path"', `page_urls = "path"\n${more}`);
  return `${text}\n${like("basic-news", 'measurement = "basic"')}\n${like("silent-news", 'measurement = "none"')}\n`;
};

const own = await fixture({ "inventory/publishers.toml": publishers });
const { browser, server } = own;
const { opened, pass, expectNotViewable, expectViewable } = viewing(own);

/** Runs in the page: reports the document as hidden or visible; `window.hide` changes it. */
const hiding = (hidden) => {
  window.hide = (now) => {
    hidden = now;
    document.dispatchEvent(new Event("visibilitychange"));
  };
  Object.defineProperty(document, "hidden", { get: () => hidden });
  Object.defineProperty(document, "visibilityState", { get: () => (hidden ? "hidden" : "visible") });
};
const hidden = `(${hiding})(true)`;

test("a page hidden since it was loaded requests a new decision when shown 12 hours later", async (t) => {
  const { page, decision } = await opened(t, embedTag(server.base), { init: hidden });
  await page.evaluate(() => {
    const now = Date.now;
    Date.now = () => now() + 12 * 3600 * 1000;
    window.hide(false);
  });
  const events = await unitEvents(page, 2);

  assert.equal(events[1].type, "fill");
  assert.notEqual(events[1].decision, decision);
  await expectViewable(events[1].decision);
  assert.deepEqual(await server.verdicts(decision), []);
});

for (const [failure, init] of [
  ["rejects", () => (Navigator.prototype.sendBeacon = () => false)],
  ["does not support", () => delete Navigator.prototype.sendBeacon],
]) {
  test(`an event that sendBeacon ${failure} is reported by another method`, async (t) => {
    const { decision } = await opened(t, embedTag(server.base), { init });
    await expectViewable(decision);
  });
}

test("a page restored from the back-forward cache counts no second impression and can become viewable", async (t) => {
  const caching = await launch({ full: true, ignoreDefaultArgs: ["--disable-back-forward-cache"] });
  t.after(caching.close);
  const host = await site({ "/": story(TALL + embedTag(server.base) + TALL), "/other": story("<p>Another page.</p>") });
  t.after(host.stop);
  const page = await caching.page();
  await recordEvents(page);
  await page.addInitScript(() => addEventListener("pageshow", ({ persisted }) => (window.restored = persisted)));
  await page.goto(host.base);
  const [{ decision }] = await unitEvents(page, 1);
  await server.expectEvents(decision, "impression counted");

  await page.goto(`${host.base}/other`);
  await page.goBack({ waitUntil: "commit" });
  await page.waitForFunction(() => window.restored === true);
  assert.equal((await unitEvents(page, 1))[0].decision, decision, "it must be the same page view");
  await expectNotViewable(page, decision);
  await page.evaluate(() => document.querySelector("adjacent-unit").scrollIntoView({ block: "center" }));
  await expectViewable(decision);
});

test("a prerendered page counts when the reader opens it", async (t) => {
  const filled = {};
  let open = false;
  const report = `<script>(${extendTimeouts})(); document.addEventListener("adjacent:fill", ({ detail }) => fetch("/filled?early=" + document.prerendering + "&decision=" + detail.decision.decision_id))</script>`;
  const host = await site({
    "/": `<!doctype html><title>First</title><script type="speculationrules">{"prerender": [{"urls": ["/next"]}]}</script>
      <script>const poll = () => fetch("/open").then((answer) => answer.text()).then((open) => open === "yes" ? location.assign("/next") : setTimeout(poll, 50)); poll()</script>`,
    "/next": story(report + embedTag(server.base)),
    "/filled": (url) => (Object.assign(filled, Object.fromEntries(url.searchParams)), "ok"),
    "/open": () => (open ? "yes" : "no"),
  });
  t.after(host.stop);
  t.after(launchUndriven(host.base));
  await until("a unit on the prerendered page", () => filled.decision);
  assert.equal(filled.early, "true");
  await new Promise((done) => setTimeout(done, 1500));
  assert.deepEqual(await server.verdicts(filled.decision), []);

  open = true;
  await expectViewable(filled.decision);
});

/** Runs in the page: counts viewport observations in `window.observed`. */
const countObservers = () => {
  window.observed = 0;
  const observe = IntersectionObserver.prototype.observe;
  IntersectionObserver.prototype.observe = function (...args) {
    window.observed++;
    return observe.apply(this, args);
  };
};

const settings = [
  ["full", "eu-tech-news", {}, ["impression counted", "viewable counted"], 1],
  ["basic", "basic-news", {}, ["impression counted"], 0],
  ["none", "silent-news", {}, [], 0],
  ["full and the reader sends Sec-GPC", "eu-tech-news", { extraHTTPHeaders: { "Sec-GPC": "1" } }, ["impression counted"], 0],
];
for (const [setting, publisher, options, expected, observers] of settings) {
  test(`with measurement ${setting}: ${expected.join(", ") || "no event"}, ${observers ? "viewport observed" : "viewport not observed"}`, async (t) => {
    const sent = [];
    const host = await site({ "/": story(embedTag(server.base).replace("eu-tech-news", publisher)) });
    t.after(host.stop);
    const page = await browser.page(options);
    t.after(() => page.context().close());
    page.on("request", (request) => request.url().includes("/e/") && sent.push(request.url()));
    await page.addInitScript(countObservers);
    await recordEvents(page);
    await page.goto(host.base);
    const [{ type, decision }] = await unitEvents(page, 1);
    assert.equal(type, "fill");
    await pass(page, 1500);

    assert.equal(await page.evaluate(() => window.observed), observers);
    assert.equal(sent.length, expected.length, sent.join());
    const redirects = [];
    page.context().on("response", (answer) => answer.status() === 302 && redirects.push(answer.headers().location));
    // Where no event is reported, only units that are billed by none are shown: here the site's own.
    const [link, cta, landing] = expected.length
      ? ["Pricing", "pricing", "https://zahid.host/pricing"]
      : ["Subscribe", "primary", "https://news.example/letter"];
    await unit(page).getByRole("link", { name: link }).click();
    await until("the redirect", () => redirects.length === 1);
    assert.ok(redirects[0].startsWith(landing), redirects[0]);
    // Without an impression the click stays pending.
    const click = `click ${cta} ${expected.length ? "counted" : "pending"}`;
    await server.expectEvents(decision, ...expected, click);
  });
}

test("an expired click still redirects to its sponsor and is invalid", async (t) => {
  const brief = await start({
    "adjacent.toml": (text) => text.replace(/^impression_seconds = \d+/m, "impression_seconds = 2").replace(/^click_seconds = \d+/m, "click_seconds = 2"),
  });
  t.after(brief.stop);
  const host = await site({ "/": story(embedTag(brief.base)) });
  t.after(host.stop);
  const page = await browser.page();
  await recordEvents(page);
  const redirects = [];
  page.context().on("response", (answer) => answer.status() === 302 && redirects.push(answer.headers().location));
  await page.goto(host.base);
  const [{ decision }] = await unitEvents(page, 1);
  await brief.expectEvents(decision, "impression counted", "viewable counted");
  const began = Date.now();
  await until("the decision to expire", () => Date.now() - began > 3000);

  await unit(page).getByRole("link", { name: "Pricing" }).click();
  await until("the redirect", () => redirects.length === 1);
  assert.match(redirects[0], /^https:\/\/zahid\.host\/pricing/);
  await brief.expectEvents(decision, "impression counted", "viewable counted", "click pricing invalid expired");
});

test("each call to action and the copy button count once, and repetitions are duplicates", async (t) => {
  const { page, decision } = await opened(t, embedTag(server.base), { options: { permissions: ["clipboard-read", "clipboard-write"] } });
  await expectViewable(decision);
  const redirects = [];
  page.context().on("response", (answer) => answer.status() === 302 && redirects.push(answer.headers().location));
  for (const name of ["Get free account", "Pricing"]) {
    await unit(page).getByRole("link", { name }).click();
    await until(name, () => redirects.length === (name === "Pricing" ? 2 : 1));
  }
  await page.bringToFront();
  await unit(page).locator(".adj-copy").click();
  await until("the copy", async () => (await server.verdicts(decision)).some((event) => event.startsWith("copy")));
  await unit(page).locator(".adj-copy").click();
  await server.expectEvents(
    decision,
    "impression counted",
    "viewable counted",
    "click primary counted",
    "click pricing counted",
    "copy counted",
    "copy duplicate",
  );
});
