// What a page says, how often it asks, and what becomes of input that nobody meant.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { asked, heard, launch, listen, script, site, story, unit } from "./browser.mjs";
import { start } from "./server.mjs";

let browser, server;
before(async () => {
  server = await start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A page of the site, its calls, and what its units told. */
const opened = async (t, inside, { head = "", headers = {}, before } = {}) => {
  const host = await site({ "/": { body: story(inside, head), headers } });
  t.after(host.stop);
  const page = await browser.page();
  await listen(page);
  const calls = asked(page);
  await before?.(page);
  await page.goto(host.base);
  return { page, calls, host };
};

/** A page that reads itself, on a clock that the test moves: half of its time is never over by itself. */
const reading = async (t, inside, more) => {
  const one = await opened(t, script(server.base, 'data-read="page"') + inside, {
    ...more,
    before: async (page) => {
      await more.before?.(page);
      await page.clock.install({ time: 0 });
      await page.clock.pauseAt(1000);
    },
  });
  // The turn in which it asks.
  await one.page.clock.runFor(1);
  return one;
};

/** What the reading of a page may take of the 800 ms that there are in all. */
const HALF_MS = 400;

const END = '<adjacent-unit placement="article-end" topics="ai-infrastructure"></adjacent-unit>';

test("units and elements of any kind are asked for in one call, each with its own words", async (t) => {
  const { page, calls } = await opened(
    t,
    script(server.base, 'data-entities="european-commission"') +
      '<div class="adjacent-unit" data-placement="sidebar" data-topics="cooking, Open Source" data-subject="@alibaba cloud">' +
      '<p id="own">Our letter.</p></div>' +
      '<adjacent-unit placement="article-end" topics="ai-infrastructure" styles="card"></adjacent-unit>',
  );
  await heard(page, 2);

  assert.equal(calls.length, 1);
  assert.deepEqual(calls[0].placements, [
    { name: "sidebar", key: "0", styles: [] },
    { name: "article-end", key: "1", styles: ["card"] },
  ]);
  assert.deepEqual(calls[0].page.topics.sort(), ["Open Source", "ai-infrastructure", "cooking"]);
  assert.deepEqual(calls[0].page.entities, [{ name: "@alibaba cloud", role: "subject" }, "european-commission"]);
  assert.equal(await page.locator("adjacent-unit .adj-card").count(), 1);
  assert.deepEqual(page.complaints, []);
});

const names = (call) => call.placements.map((slot) => slot.name);

test("an element's own data is not taken for ours, and what it holds stands where nothing is filled", async (t) => {
  const { page, calls } = await opened(
    t,
    script(server.base) + '<div class="adjacent-unit" data-placement="nowhere"><p id="own">Our letter.</p></div><p data-topics="mine"></p>',
  );
  const [told] = await heard(page, 1);

  assert.deepEqual([told.what, told.name, told.reason], ["nofill", "nowhere", "unknown_placement"]);
  assert.ok(await page.locator("#own").isVisible());
  assert.deepEqual(calls[0].page.topics, []);
});

test("a unit that comes late is asked for in a second call that names what is shown", async (t) => {
  const { page, calls } = await opened(t, script(server.base) + END);
  await heard(page, 1);
  const first = await page.evaluate(() => document.querySelector("adjacent-unit").shadowRoot.querySelector(".adj-title").textContent);

  await page.evaluate(() => {
    const late = document.createElement("adjacent-unit");
    late.setAttribute("placement", "article-end");
    const other = document.createElement("section");
    other.className = "adjacent-unit";
    other.dataset.placement = "sidebar";
    document.querySelector("main").append(late, other);
  });
  await heard(page, 3);

  assert.equal(calls.length, 2);
  assert.deepEqual(calls[0].page.shown, []);
  assert.deepEqual(calls[1].page.shown, ["zahid-git-push"]);
  assert.deepEqual(names(calls[1]).sort(), ["article-end", "sidebar"]);
  const titles = await page.evaluate(() =>
    [...document.querySelectorAll("adjacent-unit, .adjacent-unit")].map((at) => at.shadowRoot.querySelector(".adj-title")?.textContent),
  );
  assert.equal(titles.filter((title) => title === first).length, 1, "no sponsor stands there twice");
});

test("a page that is replaced within the document is another page", async (t) => {
  const { page, calls, host } = await opened(t, script(server.base) + `<div id="view">${END}</div>`);
  await heard(page, 1);

  await page.evaluate(() => {
    history.pushState({}, "", "/cooking?from=1#top");
    document.getElementById("view").innerHTML = '<adjacent-unit placement="article-end" topics="cooking"></adjacent-unit>';
  });
  await heard(page, 2);

  assert.equal(calls.length, 2);
  assert.equal(calls[1].page.url, `${host.base}/cooking`);
  assert.deepEqual(calls[1].page.topics, ["cooking"], "nothing of the page before is left");
  assert.deepEqual(calls[1].page.shown, []);
});

test("a refresh asks again for every unit that is still there, and for nothing else", async (t) => {
  const { page, calls } = await opened(
    t,
    script(server.base) + END + '<adjacent-unit id="gone" placement="sidebar"></adjacent-unit>',
  );
  await heard(page, 2);
  const before = await page.evaluate(() => window.heard[0].decision);

  await page.evaluate(() => {
    document.getElementById("gone").remove();
    window.adjacent.refresh();
    window.adjacent.refresh();
  });
  const told = await heard(page, 3);

  await page.waitForFunction(() => document.querySelectorAll("adjacent-unit").length === 1);
  assert.deepEqual(names(calls.at(-1)), ["article-end"]);
  assert.deepEqual(calls.at(-1).page.shown, []);
  assert.notEqual(told.at(-1).decision, before);
  assert.equal(await unit(page).count(), 1);
  assert.equal(calls.length, 2, "two refreshes in a row are one call");
});

test("thirty placements are four calls, and one that stands there twice is two", async (t) => {
  const { page, calls } = await opened(
    t,
    script(server.base, 'data-topics="ai-infrastructure"') + '<adjacent-unit placement="article-end"></adjacent-unit>'.repeat(30),
  );
  const told = await heard(page, 30);

  assert.deepEqual(calls.map((call) => call.placements.length), [8, 8, 8, 6]);
  assert.ok(told.every(({ what }) => what === "fill" || what === "nofill"), JSON.stringify(told));
  const shown = await page.evaluate(() => [...document.querySelectorAll("adjacent-unit")].map((at) => at.shadowRoot.querySelector(".adj-top")?.textContent).filter(Boolean));
  assert.ok(shown.length > 1);
  assert.equal(new Set(shown).size, shown.length, "no sponsor stands there twice");
  assert.equal(new Set(told.map((one) => one.decision)).size, 30, "each has a decision of its own");
  assert.deepEqual(page.complaints, []);
});

test("two hundred entities are as many as count, and the unit is shown", async (t) => {
  const many = Array.from({ length: 200 }, (_, at) => `entity number ${at}`).join(", ");
  const { page } = await opened(t, script(server.base, `data-entities="${many}"`) + END);
  const [told] = await heard(page, 1);

  assert.equal(told.what, "fill");
  assert.ok(await page.locator("#after").isVisible());
});

test("of two hundred long names in its metadata as many are sent as count", async (t) => {
  const mentions = Array.from({ length: 200 }, (_, at) => ({ name: `${at} <b>${"long name ".repeat(20)}</b>` }));
  const { page, calls } = await reading(
    t,
    END,
    { head: LD(JSON.stringify({ mentions, keywords: mentions.map(({ name }) => name) }).replaceAll("<", "\\u003c")) },
  );
  const [told] = await heard(page, 1);

  assert.equal(told.what, "fill");
  assert.deepEqual([calls[0].page.entities.length, calls[0].page.keywords.length], [32, 64]);
  assert.ok(calls[0].page.entities.every((name) => name.length <= 128));
});

test("markup in a page's title and in what it says of itself is only ever text", async (t) => {
  const nasty = `"'><img src=x onerror=alert(1)><script>alert(2)</script>`;
  const quoted = nasty.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
  const { page, calls } = await opened(
    t,
    script(server.base, `data-topics="ai-infrastructure,${quoted}" data-entities="${quoted}" data-read="page"`) + END,
    {
      head:
        `<title>${quoted}</title><meta property="og:title" content="${quoted}"><meta property="article:section" content="${quoted}">` +
        LD(JSON.stringify({ headline: nasty, name: nasty, about: nasty }).replaceAll("<", "\\u003c")),
    },
  );
  const [told] = await heard(page, 1);

  assert.equal(told.what, "fill");
  assert.ok(calls[0].page.topics.includes(nasty), "sent as it is");
  assert.ok(await unit(page).isVisible());
  await page.goto(await (await fetch(`${server.base}/v1/decisions?publisher=eu-tech-news&placement=article-end&viewer_region=DE&topic=ai-infrastructure&topic=${encodeURIComponent(nasty)}`))
    .json()
    .then(({ decisions }) => decisions["article-end"].transparency.why_url));
  assert.equal(await page.locator("main img, main script").count(), 0);
  assert.deepEqual(page.complaints, []);
});

test("more names in attributes than a call may hold leave the page as it was", async (t) => {
  const many = Array.from({ length: 200 }, (_, at) => `${at} ${"long name ".repeat(12)}`).join(", ");
  const { page } = await opened(
    t,
    script(server.base, `data-entities="${many}"`) + '<adjacent-unit placement="article-end"><p id="own">Ours.</p></adjacent-unit>',
  );
  const [told] = await heard(page, 1);

  assert.equal(told.what, "error");
  assert.ok(await page.locator("#own").isVisible());
  assert.ok(page.complaints.every((said) => said.includes("413")), page.complaints.join());
});

test("a unit that names no placement, an element that can hold none and one that is somebody else's spoil nothing", async (t) => {
  const { page } = await opened(
    t,
    "<script>customElements.define('x-own', class extends HTMLElement { connectedCallback() { this.attachShadow({ mode: 'open' }).textContent = 'mine' } })</script>" +
      script(server.base) +
      '<adjacent-unit></adjacent-unit><ul class="adjacent-unit" data-placement="sidebar"><li id="own">one</li></ul>' +
      '<x-own class="adjacent-unit" data-placement="sidebar"></x-own>' +
      END,
  );
  const told = await heard(page, 2);

  assert.deepEqual(told.map(({ what, reason }) => reason ?? what).sort(), ["fill", "unknown_placement"]);
  assert.ok(await page.locator("#own").isVisible());
  assert.equal(await page.evaluate(() => document.querySelector("x-own").shadowRoot.textContent), "mine");
  assert.deepEqual(page.complaints, []);
});

const LD = (text) => `<script type="application/ld+json">${text}</script>`;
const HEAD =
  '<link rel="canonical" href="https://news.example/ai/story?utm=1#top">' +
  '<meta property="article:section" content="AI infrastructure"><meta property="article:tag" content="GPU clouds">' +
  '<meta property="article:tag" content="Data  centres"><meta name="keywords" content="racks, cooling , racks,">' +
  LD('{ "broken": ') +
  LD("null") +
  LD('{"@graph": [{"@type": "NewsArticle", "about": [{"name": "Alibaba Cloud"}, {"name": {"@value": 7}}, 5], "mentions": {"name": "European Commission"}, "keywords": ["liquid cooling", null]}, "text"]}');

test("a page is read where it asks for it, and what is broken there says nothing", async (t) => {
  const { page, calls } = await reading(t, '<adjacent-unit placement="article-end" topics="mine"></adjacent-unit>', { head: HEAD });
  const [told] = await heard(page, 1);

  assert.equal(told.what, "fill");
  assert.equal(calls[0].page.url, "https://news.example/ai/story");
  assert.deepEqual(calls[0].page.topics, ["mine", "AI infrastructure", "GPU clouds", "Data centres", "Alibaba Cloud"]);
  assert.deepEqual(calls[0].page.entities, [{ name: "Alibaba Cloud", role: "subject" }, "European Commission"]);
  assert.deepEqual(calls[0].page.keywords, ["racks", "cooling", "liquid cooling", "GPU clouds", "Data centres"]);
  assert.deepEqual(page.complaints, []);
});

test("a page that does not ask for it is not read, nor is the file loaded", async (t) => {
  const files = [];
  const before = (page) => page.on("request", (request) => request.url().includes("/embed/") && files.push(new URL(request.url()).pathname));
  const { page, calls, host } = await opened(t, script(server.base) + END, { head: HEAD, before });
  await heard(page, 1);

  assert.deepEqual(files, ["/embed/v1/adjacent.js"]);
  assert.deepEqual(calls[0].page.topics, ["ai-infrastructure"]);
  assert.equal(calls[0].page.url, `${host.base}/`);
});

test("the reading of a page needs no more of its policy than the unit does", async (t) => {
  const policy = `default-src 'none'; script-src ${server.base}; connect-src ${server.base}; require-trusted-types-for 'script'; trusted-types 'none'`;
  const { page, calls } = await reading(t, '<adjacent-unit placement="article-end"></adjacent-unit>', {
    head: '<meta property="article:section" content="AI infrastructure">',
    headers: { "content-security-policy": policy },
  });
  const [told] = await heard(page, 1);

  assert.equal(told.what, "fill");
  assert.deepEqual(calls[0].page.topics, ["AI infrastructure"]);
  assert.deepEqual(page.complaints, []);
});

for (const [what, answer] of [
  ["is not there", (route) => route.fulfill({ status: 404, body: "" })],
  ["is cut off", (route) => route.abort()],
  ["never comes", () => {}],
]) {
  test(`a reading that ${what} leaves what the attributes say`, async (t) => {
    let began;
    const asked = new Promise((done) => (began = done));
    const before = (page) => page.route(/\/embed\/[0-9a-f]{16}\.js/, (route) => (began(), answer(route)));
    const { page, calls } = await reading(t, END, { head: HEAD, before });
    await asked;
    if (what === "never comes") await page.clock.runFor(HALF_MS);
    const [told] = await heard(page, 1);

    assert.equal(told.what, "fill");
    assert.deepEqual(calls[0].page.topics, ["ai-infrastructure"]);
  });
}

test("a reading has half of the time, and what comes later is not there", async (t) => {
  let release;
  const held = new Promise((done) => (release = done));
  const before = (page) => page.route(/\/embed\/[0-9a-f]{16}\.js/, async (route) => (await held, route.continue()));
  const { page, calls } = await reading(t, END, { head: HEAD, before });
  await page.clock.runFor(HALF_MS - 5);
  assert.deepEqual(calls, [], "it is waited for");
  await page.clock.runFor(5);
  const [told] = await heard(page, 1);
  release();

  assert.equal(told.what, "fill");
  assert.deepEqual(calls[0].page.topics, ["ai-infrastructure"]);
});

for (const [what, body] of [
  ["no JSON", "<html>502</html>"],
  ["nothing", ""],
  ["null", "null"],
  ["decisions that are none", '{"decisions": {"0": 5}}'],
  ["texts of other kinds", '{"decisions": {"0": {"fill": true, "creative": {"headline": {"a": 1}, "ctas": 7, "command": []}, "label": {"text": "x"}}}}'],
  ["a unit without its label", '{"decisions": {"0": {"fill": true, "creative": {"headline": "Buy"}, "label": {}}}}'],
]) {
  test(`an answer of ${what} leaves the page as it was, and says so`, async (t) => {
    const host = await site({ "/": story(script(server.base) + '<adjacent-unit placement="article-end"><p id="own">Ours.</p></adjacent-unit>') });
    t.after(host.stop);
    const page = await browser.page();
    await listen(page);
    await page.route("**/v1/decisions", (route) =>
      route.fulfill({ status: 200, headers: { "access-control-allow-origin": "*" }, body }),
    );
    await page.goto(host.base);
    const [told] = await heard(page, 1);

    assert.equal(told.what, "error");
    assert.ok(await page.locator("#own").isVisible());
    assert.equal(await unit(page).count(), 0);
    assert.deepEqual(page.complaints, []);
  });
}

test("a connection that breaks is tried once more and never a third time", async (t) => {
  const host = await site({ "/": story(script(server.base) + END) });
  t.after(host.stop);
  for (const [broken, expected] of [[1, "fill"], [9, "error"]]) {
    const page = await browser.page();
    await listen(page);
    let tries = 0;
    await page.route("**/v1/decisions", (route) => (tries++ < broken ? route.abort() : route.continue()));
    await page.goto(host.base);
    const [told] = await heard(page, 1);

    assert.equal(told.what, expected);
    assert.equal(tries, 2);
  }
});
