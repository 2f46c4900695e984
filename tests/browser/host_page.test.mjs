// The host page: a unit never slows it down, breaks it, tracks its readers or changes its content.
import assert from "node:assert/strict";
import { test } from "node:test";
import { blackHole, unitEvents, embedTag, recordEvents, site, story, unit } from "./browser.mjs";
import { fixture } from "./fixture.mjs";

const { browser, server } = await fixture();

const opened = async (t, pages, options) => {
  const host = await site(pages);
  t.after(host.stop);
  return [host, await browser.page(options)];
};

test("a unit sets no cookie and stores nothing on the host page or the server's origin", async (t) => {
  const [host, page] = await opened(t, { "/": story(embedTag(server.base)) });
  await page.goto(host.base);
  await unit(page).waitFor();
  await page.goto(server.demo);
  await unit(page).waitFor();

  const stored = await page.evaluate(async () => ({
    cookie: document.cookie,
    local: localStorage.length,
    session: sessionStorage.length,
    databases: (await indexedDB.databases()).length,
    caches: (await caches.keys()).length,
    workers: (await navigator.serviceWorker.getRegistrations()).length,
  }));
  const nothing = { cookie: "", local: 0, session: 0, databases: 0, caches: 0, workers: 0 };
  assert.deepEqual(stored, nothing);
  assert.deepEqual(await page.context().cookies(), []);
});

test("a strict content security policy that allows only the server is sufficient", async (t) => {
  const policy = `default-src 'none'; script-src ${server.base}; connect-src ${server.base}; require-trusted-types-for 'script'`;
  const body = story(embedTag(server.base));
  const headers = { "content-security-policy": policy };
  const [host, page] = await opened(t, { "/": { body, headers } });
  await page.addInitScript(() => {
    window.violations = [];
    addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
  });
  await page.goto(host.base);
  await unit(page).waitFor();

  assert.deepEqual(await page.evaluate(() => window.violations), []);
  assert.deepEqual(page.errors.filter((text) => !text.includes("favicon")), []);
  const display = await unit(page).locator(".adj-label").evaluate((node) => getComputedStyle(node).textTransform + getComputedStyle(node).fontSize);
  assert.ok(display.length > 4, "the unit must be styled");
});

test("a server that accepts the connection and never responds leaves the page unchanged", async (t) => {
  const hole = await blackHole();
  t.after(hole.stop);
  const text = await (await fetch(`${server.base}/embed/v1/adjacent.js`)).text();
  const own = `<script async src="/own.js" data-base="${hole.base}" data-publisher="eu-tech-news" data-placement="article-end"></script>`;
  const [host, page] = await opened(t, {
    "/": story(own + embedTag(hole.base)),
    "/own.js": { body: text, headers: { "content-type": "text/javascript" } },
  }, { realTimeouts: true });
  // The page itself measures the time from the call to the error event.
  await page.addInitScript(() => {
    const call = window.fetch;
    window.fetch = (...args) => {
      window.began ??= performance.now();
      return call(...args);
    };
    document.addEventListener("adjacent:error", () => (window.took = performance.now() - window.began));
  });
  await page.goto(host.base, { waitUntil: "domcontentloaded" });
  const gap = () =>
    page.evaluate(() => {
      const at = (id) => document.getElementById(id).getBoundingClientRect();
      return at("after").top - at("before").bottom;
    });
  const start = await gap();

  await page.waitForFunction(() => window.took);
  const took = await page.evaluate(() => window.took);
  assert.ok(took < 1500, `gave up only after ${took} ms`);
  assert.equal(await gap(), start);
  assert.equal(await unit(page).count(), 0);
  assert.ok(await page.locator("#after").isVisible());
});

test("the publisher's fallback content stays visible in an unfilled slot", async (t) => {
  const own = '<adjacent-unit data-placement="nowhere"><p id="own">Read our letter.</p></adjacent-unit>';
  const [host, page] = await opened(t, { "/": story(own + embedTag(server.base)) });
  await page.goto(host.base);

  await page.locator("#own").waitFor();
  assert.equal(await unit(page).count(), 0);
});

test("a page that reserves the unit's height has no layout shift", async (t) => {
  const head = "<style>adjacent-unit { display: block; min-height: 420px }</style>";
  const reserved = '<adjacent-unit data-placement="article-end"></adjacent-unit>';
  const [host, page] = await opened(t, { "/": story(reserved + embedTag(server.base), head) });
  await page.goto(host.base);
  await unit(page).waitFor();

  const shifts = await page.evaluate(
    () =>
      new Promise((done) => {
        const seen = [];
        const observer = new PerformanceObserver((list) => seen.push(...list.getEntries().map((entry) => entry.value)));
        observer.observe({ type: "layout-shift", buffered: true });
        requestAnimationFrame(() => setTimeout(() => done(seen), 100));
      }),
  );
  assert.deepEqual(shifts, []);
  assert.ok((await unit(page).boundingBox()).height <= 420);
});

test("neither one unit nor thirty cause a task longer than 50 ms", async (t) => {
  const many = '<adjacent-unit placement="article-end" topics="ai-infrastructure"></adjacent-unit>'.repeat(30);
  for (const inside of [embedTag(server.base), embedTag(server.base) + many]) {
    const host = await site({ "/": story(inside) });
    t.after(host.stop);
    const loads = [];
    // Other programs may delay one load, but hardly all three.
    for (let load = 0; load < 3; load++) {
      const page = await browser.page();
      await page.addInitScript(() => {
        window.long = [];
        new PerformanceObserver((list) => window.long.push(...list.getEntries().map((one) => one.duration))).observe({ type: "longtask", buffered: true });
      });
      await recordEvents(page);
      await page.goto(host.base);
      await unitEvents(page, inside.includes(many) ? 30 : 1);
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100))));
      loads.push(await page.evaluate(() => window.long));
      await page.context().close();
    }
    assert.ok(loads.some((long) => long.length === 0), JSON.stringify(loads));
  }
});

test("styles of the page do not apply to the unit, nor styles of the unit to the page", async (t) => {
  const head = "<style>* { color: rgb(1, 2, 3) !important; display: inline !important; font-size: 99px !important }</style>";
  const [host, page] = await opened(t, { "/": story(embedTag(server.base), head) });
  await page.goto(host.base);
  await unit(page).waitFor();

  const size = await unit(page).locator(".adj-body").evaluate((node) => getComputedStyle(node).fontSize);
  assert.notEqual(size, "99px");
  assert.equal(await page.locator("#after").evaluate((node) => getComputedStyle(node).fontSize), "99px");
});

test("the script adds one global name and no element outside the unit", async (t) => {
  const [host, page] = await opened(t, { "/": story("<b></b>"), "/unit": story(embedTag(server.base)) });
  await page.goto(host.base);
  const names = await page.evaluate(() => Object.getOwnPropertyNames(window));
  await page.goto(`${host.base}/unit`);
  await unit(page).waitFor();

  const after = await page.evaluate(() => Object.getOwnPropertyNames(window));
  const added = after.filter((name) => !names.includes(name) && !/^\d+$/.test(name));
  assert.deepEqual(added, ["adjacent"]);
  assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll("main > *")].map((node) => node.localName)), [
    "h1", "p", "script", "adjacent-unit", "p",
  ]);
});

test("a decision call contains only data that the page declares", async (t) => {
  const [host, page] = await opened(t, { "/": story(embedTag(server.base)) });
  const sent = [];
  page.on("request", (request) => {
    if (request.url().includes("/v1/decisions")) sent.push(request);
  });
  await page.goto(`${host.base}/?secret=1#part`);
  await unit(page).waitFor();

  const body = JSON.parse(sent[0].postData());
  assert.deepEqual(Object.keys(body).sort(), ["page", "placements", "publisher", "viewer"]);
  const headers = await sent[0].allHeaders();
  assert.equal(headers.cookie, undefined);
  assert.equal(sent.length, 1);
  assert.equal(sent[0].method(), "POST");
  assert.ok(!JSON.stringify(body).includes("secret") || new URL(body.page.url).search === "?secret=1", "only the page's own address may contain the query");
});
