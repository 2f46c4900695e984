// Event counting, checked by the metrics of the ledger.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { launch, embedTag, site, story, unit } from "./browser.mjs";
import { start, until } from "./server.mjs";

let browser, server, open;
before(async () => {
  browser = await launch();
});
after(() => browser.close());
beforeEach(async () => {
  server = await start();
  open = undefined;
});
afterEach(async () => {
  open?.stop();
  await server.stop();
});

/** The redirect targets of a reader's clicks, in order. */
const redirectsOf = (page) => {
  const redirects = [];
  page.context().on("response", (answer) => {
    if (answer.status() === 302) redirects.push(answer.headers().location);
  });
  return redirects;
};

test("twenty loads of the demo page count as twenty impressions", async () => {
  const page = await browser.page();
  for (let load = 1; load <= 20; load++) {
    await page.goto(server.demo);
    await unit(page).waitFor();
    await until(`${load} impressions`, async () => (await server.events("impression", "counted")) === load);
  }

  await server.expectCount("impression", 20);
  assert.equal(await server.metric('adjacent_decisions_total{outcome="filled"}'), 20);
  assert.equal(
    await server.metric('adjacent_spend_micros_total{campaign="zahid-launch",currency="EUR"}'),
    20 * 8_000,
  );
});

test("each call to action counts once and redirects to its sponsor", async () => {
  const page = await browser.page();
  const redirects = redirectsOf(page);
  await page.goto(server.demo);
  await unit(page).scrollIntoViewIfNeeded();
  await server.expectCount("viewable", 1);

  for (const name of ["Get free account", "Pricing"]) {
    await unit(page).getByRole("link", { name }).click();
    await until(name, () => redirects.length === (name === "Pricing" ? 2 : 1));
  }

  await server.expectCount("click", 2);
  assert.match(redirects[0], /^https:\/\/zahid\.host\/signup\?from=eu-tech-news&topic=ai-infrastructure/);
  assert.match(redirects[1], /^https:\/\/zahid\.host\/pricing/);
  assert.equal(await unit(page).getByRole("link", { name: "Pricing" }).getAttribute("rel"), "sponsored nofollow noopener");
});

test("a unit in view for one second is viewable; a unit scrolled past is not", async () => {
  const tall = '<div style="height:3000px"></div>';
  open = await site({ "/": story(tall + embedTag(server.base) + tall) });
  const page = await browser.page();
  await page.goto(open.base);
  await unit(page).waitFor({ state: "attached" });
  await server.expectCount("impression", 1);

  // Scroll past it twice, with 300 ms in view each time.
  for (const to of [6000, 0]) {
    await page.evaluate(async (to) => {
      document.querySelector("adjacent-unit").scrollIntoView({ block: "center" });
      await new Promise((done) => setTimeout(done, 300));
      scrollTo(0, to);
      await new Promise((done) => setTimeout(done, 1200));
    }, to);
  }
  assert.equal(await server.events("viewable", "counted"), 0);

  await page.evaluate(() => document.querySelector("adjacent-unit").scrollIntoView({ block: "center" }));
  await server.expectCount("viewable", 1);
});

test("impressions and clicks of a reader without scripts count", async () => {
  const page = await browser.page({ javaScriptEnabled: false });
  const redirects = redirectsOf(page);
  const address = `${server.base}/v1/unit?publisher=eu-tech-news&placement=article-end&topic=ai-infrastructure&viewer_region=DE`;
  open = await site({ "/": story(`<iframe title="unit" width="700" height="420" src="${address.replaceAll("&", "&amp;")}"></iframe>`) });
  await page.goto(open.base);
  const frame = page.frameLocator("iframe");
  assert.equal(await frame.locator(".adj-label").innerText(), "Anzeige");
  await server.expectCount("impression", 1);
  await new Promise((done) => setTimeout(done, 600));

  await frame.getByRole("link", { name: "Pricing" }).click();
  await until("the redirect", () => redirects.length === 1);
  assert.match(redirects[0], /^https:\/\/zahid\.host\/pricing/);

  await server.expectCount("click", 1);
});

test("a page with the script twice makes one decision and counts once", async () => {
  open = await site({ "/": story(embedTag(server.base) + embedTag(server.base)) });
  const page = await browser.page();
  await page.goto(open.base);
  await unit(page).waitFor();
  await server.expectCount("viewable", 1);

  await server.expectCount("impression", 1);
  assert.equal(await unit(page).count(), 1);
  assert.equal(await server.metric('adjacent_decisions_total{outcome="filled"}'), 1);
});

test("a page opened in the background counts when it becomes visible", async () => {
  open = await site({ "/": story(embedTag(server.base)) });
  const page = await browser.page();
  await page.addInitScript(() => {
    let hidden = true;
    Object.defineProperty(document, "hidden", { get: () => hidden });
    Object.defineProperty(document, "visibilityState", { get: () => (hidden ? "hidden" : "visible") });
    window.becomeVisible = () => {
      hidden = false;
      document.dispatchEvent(new Event("visibilitychange"));
    };
  });
  await page.goto(open.base);
  await unit(page).waitFor();
  await page.evaluate(() => new Promise((done) => setTimeout(done, 1300)));
  assert.equal(await server.metric('adjacent_events_received_total{kind="impression"}'), 0);

  await page.evaluate(() => window.becomeVisible());
  await server.expectCount("viewable", 1);
  await server.expectCount("impression", 1);
});
