// Clients of other ad servers, unmodified except for the host. Metrics of the ledger show what was
// counted.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, beforeEach, afterEach, test } from "node:test";
import { launch, site, story } from "./browser.mjs";
import { start, until } from "./server.mjs";

const require = createRequire(import.meta.url);
const { Client } = require("@adzerk/decision-sdk");

/** The user agent of a regular browser, which the Kevel client forwards. */
const userAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/** Enables the adapters and maps Kevel's names of the example site and slots. */
const adapters = {
  "adjacent.toml": (text) =>
    text
      .replace("# kevel = true", "ethicalads = true\nkevel = true")
      .replace("publishers = {}", 'publishers = { "site-4242" = "eu-tech-news" }')
      .replace("placements = {}", 'placements = { "type-5" = "article-end", "text-v1" = "article-end" }'),
};

let browser, server;
before(async () => {
  browser = await launch();
});
after(() => browser.close());
beforeEach(async () => {
  server = await start(adapters);
});
afterEach(() => server.stop());

const kevel = () =>
  new Client({ networkId: 23, siteId: 4242, protocol: "http", host: new URL(server.base).host });

const request = {
  placements: [{ adTypes: [5] }],
  keywords: ["ai-infrastructure"],
  user: { key: "ue1-reader" },
  url: "https://news.example/x",
};

/** Waits longer than the minimum time between an impression and a click. */
const waitToClick = () => new Promise((done) => setTimeout(done, 600));

test("the Kevel client in Node gets a unit, and its pixels count once each", async () => {
  const client = kevel();
  const answer = await client.decisions.get(structuredClone(request), { userAgent });
  const [unit] = answer.decisions.div0;
  assert.equal(unit.contents[0].data.creative.id, "zahid-git-push");
  assert.match(unit.contents[0].body, /adj-label/);

  const impression = await client.pixels.fire({ url: unit.impressionUrl }, { userAgent });
  assert.equal(impression.status, 204);
  await client.pixels.fire({ url: unit.impressionUrl, revenueOverride: 100 }, { userAgent });
  await waitToClick();
  const click = await client.pixels.fire({ url: unit.clickUrl }, { userAgent });

  assert.equal(click.status, 302);
  assert.match(click.location, /^https:\/\/zahid\.host\/signup/);
  await until("a counted click", async () => (await server.events("click", "counted")) === 1);
  assert.equal(await server.events("impression", "counted"), 1);
  assert.equal(await server.events("impression", "duplicate"), 1);
  assert.equal(
    await server.metric('adjacent_spend_micros_total{campaign="zahid-launch",currency="EUR"}'),
    8_000,
    "the price comes from the inventory, not from the pixel",
  );
});

test("the Kevel client returns an explanation to an operator", async () => {
  const keys = readFileSync(`${server.folder}/data/local-keys.toml`, "utf8");
  const apiKey = keys.match(/operator = "([^"]+)"/)[1];
  const answer = await kevel().decisions.get(structuredClone(request), {
    userAgent,
    includeExplanation: true,
    apiKey,
  });

  assert.equal(answer.explain.agrees, true);
});

test("the Kevel client reports an unfilled slot as null", async () => {
  const none = { ...structuredClone(request), placements: [{ adTypes: [6], divName: "none" }] };
  const answer = await kevel().decisions.get(none, { userAgent });

  assert.deepEqual(answer.decisions, { none: [null] });
});

test("the Kevel client on a page of another origin shows a unit and counts once", async (t) => {
  const bundle = readFileSync(require.resolve("@adzerk/decision-sdk/dist/adzerk-decision-sdk.js"), "utf8");
  const host = await site({
    "/": story('<div id="end"></div><script src="/sdk.js"></script>'),
    "/favicon.ico": " ",
    "/sdk.js": { body: bundle, headers: { "content-type": "text/javascript" } },
  });
  t.after(host.stop);
  const page = await browser.page();
  await page.goto(host.base);

  const shown = await page.evaluate(
    async ([address, request]) => {
      const client = new AdzerkDecisionSdk.Client({
        networkId: 23,
        siteId: 4242,
        protocol: "http",
        host: new URL(address).host,
      });
      const { decisions } = await client.decisions.get(request);
      const [unit] = decisions.div0;
      document.getElementById("end").innerHTML = unit.contents[0].body;
      const pixel = await client.pixels.fire({ url: unit.impressionUrl }, { userAgent: navigator.userAgent });
      return { status: pixel.status, title: unit.contents[0].data.title };
    },
    [server.base, request],
  );

  assert.deepEqual(shown, { status: 204, title: "Run your AI side-project on zahid.host" });
  await server.expectCount("impression", 1);
  await waitToClick();
  const [led] = await Promise.all([
    page.context().waitForEvent("response", (answer) => answer.status() === 302),
    page.locator("#end .adj").getByRole("link", { name: "Pricing" }).click(),
  ]);
  assert.match(led.headers().location, /^https:\/\/zahid\.host\/pricing/);
  await server.expectCount("click", 1);
  assert.deepEqual(page.errors, []);
});

// The EthicalAds client is not in a package registry. `ADJACENT_ETHICALADS_CLIENT` names a file with the
// original client; this stand-in follows the documentation of the original.
const standIn = `
for (const target of document.querySelectorAll("[data-ea-publisher]")) {
  const callback = "ad_" + Date.now() + "_1";
  const query = new URLSearchParams({
    publisher: target.dataset.eaPublisher,
    ad_types: target.dataset.eaType + "-v1",
    div_ids: target.id || callback,
    callback,
    keywords: target.dataset.eaKeywords,
    campaign_types: "paid|publisher-house|community|house",
    format: "jsonp",
    client_version: 4,
    placement_index: 0,
    url: location.origin + location.pathname,
  });
  window[callback] = (unit) => {
    if (!unit?.html || !unit.view_url) return;
    const container = document.createElement("div");
    container.innerHTML = unit.html;
    target.replaceChildren(container.firstChild);
    target.classList.add("loaded");
    const poll = setInterval(() => {
      const { top, bottom } = target.getBoundingClientRect();
      if (document.visibilityState !== "visible" || bottom < 3 || top > innerHeight - 3) return;
      clearInterval(poll);
      const pixel = document.createElement("img");
      pixel.src = unit.view_url;
      pixel.className = "ea-pixel";
      target.append(pixel);
    }, 100);
  };
  const script = document.createElement("script");
  script.src = "https://server.ethicalads.io/api/v1/decision/?" + query;
  document.head.append(script);
}`;

const clients = [["a stand-in for the EthicalAds client", standIn]];
if (process.env.ADJACENT_ETHICALADS_CLIENT) {
  clients.push(["the EthicalAds client", readFileSync(process.env.ADJACENT_ETHICALADS_CLIENT, "utf8")]);
}

for (const [name, source] of clients) {
  const opened = async (t, element) => {
    const own = source.replaceAll("https://server.ethicalads.io", server.base);
    assert.notEqual(own, source, "the host must have been replaced");
    const tall = '<div style="height:2000px"></div>';
    const host = await site({
      "/": story(`${tall}${element}${tall}<script async src="/client.js"></script>`),
      "/client.js": { body: own, headers: { "content-type": "text/javascript" } },
    });
    t.after(host.stop);
    const page = await browser.page();
    await page.route("https://media.ethicalads.io/**", (route) => route.abort());
    await page.goto(host.base);
    return page;
  };

  test(`${name} shows a unit and counts its impression when it comes into view`, async (t) => {
    const element =
      '<div data-ea-publisher="eu-tech-news" data-ea-type="text" data-ea-keywords="ai-infrastructure"></div>';
    const page = await opened(t, element);
    const unit = page.locator("[data-ea-publisher].loaded .ea-content");
    await unit.waitFor({ state: "attached" });
    assert.equal(await server.metric('adjacent_events_received_total{kind="impression"}'), 0);

    await unit.scrollIntoViewIfNeeded();
    await server.expectCount("impression", 1);
    assert.ok(await unit.locator(".ea-label").isVisible());
    const height = await page.locator("[data-ea-publisher].loaded").evaluate((node) => node.clientHeight);
    assert.ok(height < 160, `a line of text, not ${height} px`);
    await waitToClick();
    const [led] = await Promise.all([
      page.context().waitForEvent("response", (answer) => answer.status() === 302),
      unit.getByRole("link").first().click(),
    ]);

    assert.match(led.headers().location, /^https:\/\/zahid\.host\/signup/);
    await server.expectCount("click", 1);
    await server.expectCount("impression", 1);
    assert.equal(await server.metric('adjacent_decisions_total{outcome="filled"}'), 1);
  });

  test(`${name} leaves the page unchanged on a no-fill`, async (t) => {
    const element = '<div data-ea-publisher="eu-tech-news" data-ea-type="other" data-ea-keywords="x"></div>';
    const page = await opened(t, element);
    await until("the no-fill", async () => {
      const [noFills, html] = await Promise.all([
        server.metric('adjacent_no_fill_total{reason="unknown_placement"}'),
        page.locator("[data-ea-publisher]").innerHTML(),
      ]);
      return noFills === 1 && html === "";
    });

    assert.equal(await server.metric('adjacent_events_received_total{kind="impression"}'), 0);
  });
}
