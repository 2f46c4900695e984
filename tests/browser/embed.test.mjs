// The embed script: page data in decision calls, number of calls, metadata reading and malformed input.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decisionCalls, unitEvents, recordEvents, scriptTag, site, story, unit } from "./browser.mjs";
import { fixture } from "./fixture.mjs";
import { start } from "./server.mjs";

const { browser, server } = await fixture();

/** Opens a page with these elements; returns it with its decision calls. */
const opened = async (t, inside, { head = "", headers = {}, before } = {}) => {
  const host = await site({ "/": { body: story(inside, head), headers } });
  t.after(host.stop);
  const page = await browser.page();
  await recordEvents(page);
  const calls = decisionCalls(page);
  await before?.(page);
  await page.goto(host.base);
  return { page, calls, host };
};

/** Opens a page that reads its metadata, on a clock that only the test advances, so that the reading timeout never
 *  expires by itself. */
const openReading = async (t, inside, more) => {
  const one = await opened(t, scriptTag(server.base, 'data-read="page"') + inside, {
    ...more,
    before: async (page) => {
      await more.before?.(page);
      await page.clock.install({ time: 0 });
      await page.clock.pauseAt(1000);
    },
  });
  // Let the script start its call.
  await one.page.clock.runFor(1);
  return one;
};

/** The time that reading metadata may take, half of the 800 ms for the call. */
const HALF_MS = 400;

const END = '<adjacent-unit placement="article-end" topics="ai-infrastructure"></adjacent-unit>';

test("unit elements of any kind are requested in one call with their attributes", async (t) => {
  const { page, calls } = await opened(
    t,
    scriptTag(server.base, 'data-entities="european-commission"') +
      '<div class="adjacent-unit" data-placement="sidebar" data-topics="cooking, Open Source" data-subject="@alibaba cloud">' +
      '<p id="own">Our letter.</p></div>' +
      '<adjacent-unit placement="article-end" topics="ai-infrastructure" styles="card"></adjacent-unit>',
  );
  await unitEvents(page, 2);

  assert.equal(calls.length, 1);
  assert.deepEqual(calls[0].placements, [
    { name: "sidebar", key: "0" },
    { name: "article-end", key: "1", styles: ["card"] },
  ]);
  assert.deepEqual(calls[0].page.topics.sort(), ["Open Source", "ai-infrastructure", "cooking"]);
  assert.deepEqual([calls[0].page.subject, calls[0].page.entities], [["@alibaba cloud"], ["european-commission"]]);
  assert.equal(await page.locator("adjacent-unit .adj-card").count(), 1);
  assert.deepEqual(page.errors, []);
});

const names = (call) => call.placements.map((slot) => slot.name);

test("data attributes of other elements are ignored, and fallback content stays in an unfilled slot", async (t) => {
  const { page, calls } = await opened(
    t,
    scriptTag(server.base) + '<div class="adjacent-unit" data-placement="nowhere"><p id="own">Our letter.</p></div><p data-topics="mine"></p>',
  );
  const [event] = await unitEvents(page, 1);

  assert.deepEqual([event.type, event.name, event.reason], ["nofill", "nowhere", "unknown_placement"]);
  assert.ok(await page.locator("#own").isVisible());
  assert.equal(calls[0].page.topics, undefined);
});

test("a unit added later is requested in a second call that lists the shown creatives", async (t) => {
  const { page, calls } = await opened(t, scriptTag(server.base) + END);
  await unitEvents(page, 1);
  const first = await page.evaluate(() => document.querySelector("adjacent-unit").shadowRoot.querySelector(".adj-title").textContent);

  await page.evaluate(() => {
    const late = document.createElement("adjacent-unit");
    late.setAttribute("placement", "article-end");
    const other = document.createElement("section");
    other.className = "adjacent-unit";
    other.dataset.placement = "sidebar";
    document.querySelector("main").append(late, other);
  });
  await unitEvents(page, 3);

  assert.equal(calls.length, 2);
  assert.deepEqual(calls[0].page.shown, []);
  assert.deepEqual(calls[1].page.shown, ["zahid-git-push"]);
  assert.deepEqual(names(calls[1]).sort(), ["article-end", "sidebar"]);
  const titles = await page.evaluate(() =>
    [...document.querySelectorAll("adjacent-unit, .adjacent-unit")].map((at) => at.shadowRoot.querySelector(".adj-title")?.textContent),
  );
  assert.equal(titles.filter((title) => title === first).length, 1, "no sponsor may appear twice");
});

test("a navigation within the document is a new page view", async (t) => {
  const { page, calls, host } = await opened(t, scriptTag(server.base) + `<div id="view">${END}</div>`);
  await unitEvents(page, 1);

  await page.evaluate(() => {
    history.pushState({}, "", "/cooking?from=1#top");
    document.getElementById("view").innerHTML = '<adjacent-unit placement="article-end" topics="cooking"></adjacent-unit>';
  });
  await unitEvents(page, 2);

  assert.equal(calls.length, 2);
  assert.equal(calls[1].page.url, `${host.base}/cooking`);
  assert.deepEqual(calls[1].page.topics, ["cooking"], "topics of the previous page must be dropped");
  assert.deepEqual(calls[1].page.shown, []);
});

test("a refresh requests exactly the units that are still on the page", async (t) => {
  const { page, calls } = await opened(
    t,
    scriptTag(server.base) + END + '<adjacent-unit id="gone" placement="sidebar"></adjacent-unit>',
  );
  await unitEvents(page, 2);
  const before = await page.evaluate(() => window.unitEvents[0].decision);

  await page.evaluate(() => {
    document.getElementById("gone").remove();
    window.adjacent.refresh();
    window.adjacent.refresh();
  });
  const events = await unitEvents(page, 3);

  await page.waitForFunction(() => document.querySelectorAll("adjacent-unit").length === 1);
  assert.deepEqual(names(calls.at(-1)), ["article-end"]);
  assert.deepEqual(calls.at(-1).page.shown, []);
  assert.notEqual(events.at(-1).decision, before);
  assert.equal(await unit(page).count(), 1);
  assert.equal(calls.length, 2, "two consecutive refreshes must be one call");
});

test("thirty units are requested in four calls, each with its own decision and no sponsor twice", async (t) => {
  const { page, calls } = await opened(
    t,
    scriptTag(server.base, 'data-topics="ai-infrastructure"') + '<adjacent-unit placement="article-end"></adjacent-unit>'.repeat(30),
  );
  const events = await unitEvents(page, 30);

  assert.deepEqual(calls.map((call) => call.placements.length), [8, 8, 8, 6]);
  assert.ok(events.every(({ type }) => type === "fill" || type === "nofill"), JSON.stringify(events));
  const shown = await page.evaluate(() => [...document.querySelectorAll("adjacent-unit")].map((at) => at.shadowRoot.querySelector(".adj-top")?.textContent).filter(Boolean));
  assert.ok(shown.length > 1);
  assert.equal(new Set(shown).size, shown.length, "no sponsor may appear twice");
  assert.equal(new Set(events.map((one) => one.decision)).size, 30, "each unit has its own decision");
  assert.deepEqual(page.errors, []);
});

const SERIES = '[[context_keys]]\nid = "series"\nmax_characters = 20\n\n[[context_keys]]\nid = "paywall"\nvalues = ["free", "premium"]\n';
const targeting = (text) => SERIES + text.replace('targeting = { topics = { any = ["ai-infrastructure"', 'targeting = { custom = { series = { any = ["mars"] }, paywall = { none = ["premium"] } }, topics = { any = ["ai-infrastructure"');

test("what a page states for context keys decides which unit it gets", async (t) => {
  const own = await start({ "inventory/zahid-host.toml": targeting });
  t.after(own.stop);
  const script = scriptTag(own.base, 'data-custom="paywall=free"');
  const unit = async (inside) => {
    const { page, calls } = await opened(t, inside);
    const [event] = await unitEvents(page, 1);
    assert.equal(event.type, "fill");
    return [await page.locator("adjacent-unit .adj-title").innerText(), calls[0].page.custom];
  };
  const HOST = "Run your AI side-project on zahid.host";
  const stating = (series) => `<adjacent-unit placement="article-end" topics="ai-infrastructure" custom="${series}"></adjacent-unit>`;

  assert.deepEqual(await unit(script + stating("series=moon, series=Mars")), [HOST, ["series=moon", "series=Mars", "paywall=free"]]);
  assert.notEqual((await unit(script + stating("series=moon")))[0], HOST);
  assert.notEqual((await unit(script + stating("series=mars, paywall=premium")))[0], HOST);
  assert.notEqual((await unit(script + END))[0], HOST, "a page that states nothing for a targeted key");
});

test("?adjacent_debug prints what is left out of long lists", async (t) => {
  const names = (word) => Array.from({ length: 100 }, (_, at) => `${word} ${at}`);
  const host = await site({
    "/": story(
      scriptTag(server.base, `data-keywords="${names("own")}" data-custom="${names("series=x")}" data-read="page"`) + END,
      LD(JSON.stringify({ mentions: ["x".repeat(129), ...names("mention")] })),
    ),
  });
  t.after(host.stop);
  const page = await browser.page();
  t.after(() => page.context().close());
  const lines = [];
  page.on("console", (message) => lines.push(message.text()));
  await recordEvents(page);
  await page.goto(`${host.base}/?adjacent_debug`);
  await unitEvents(page, 1);

  const text = lines.join("\n");
  for (const part of [
    "left out of keywords (35): own 65, own 66,",
    "left out of custom (35): series=x 65,",
    `left out of entities (36): ${"x".repeat(129)}, mention 65,`,
    "page.keywords: 65 items exceed the limit of 64",
    "page.entities: 65 items exceed the limit of 32",
  ]) {
    assert.ok(text.includes(part), `${part} in ${text}`);
  }
});

test("a page that declares two hundred entities gets a unit", async (t) => {
  const many = Array.from({ length: 200 }, (_, at) => `entity number ${at}`).join(", ");
  const { page } = await opened(t, scriptTag(server.base, `data-entities="${many}"`) + END);
  const [event] = await unitEvents(page, 1);

  assert.equal(event.type, "fill");
  assert.ok(await page.locator("#after").isVisible());
});

test("of two hundred names in metadata only the allowed number is sent, and none that is too long", async (t) => {
  const mentions = Array.from({ length: 200 }, (_, at) => ({ name: `${at} <b>${"long name ".repeat(at % 2 ? 2 : 20)}</b>` }));
  const { page, calls } = await openReading(
    t,
    END,
    { head: LD(JSON.stringify({ mentions, keywords: mentions.map(({ name }) => name) }).replaceAll("<", "\\u003c")) },
  );
  const [event] = await unitEvents(page, 1);

  assert.equal(event.type, "fill");
  // One more than any list may have, so that the server says what it leaves out.
  assert.deepEqual([calls[0].page.entities.length, calls[0].page.keywords.length], [65, 65]);
  assert.ok(calls[0].page.entities.every((name) => name.endsWith("long name </b>")), "names must be whole");
});

test("markup in a page's title and metadata is treated as text", async (t) => {
  const nasty = `"'><img src=x onerror=alert(1)><script>alert(2)</script>`;
  const quoted = nasty.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
  const { page, calls } = await opened(
    t,
    scriptTag(server.base, `data-topics="ai-infrastructure,${quoted}" data-entities="${quoted}" data-read="page"`) + END,
    {
      head:
        `<title>${quoted}</title><meta property="og:title" content="${quoted}"><meta property="article:section" content="${quoted}">` +
        LD(JSON.stringify({ headline: nasty, name: nasty, about: nasty }).replaceAll("<", "\\u003c")),
    },
  );
  const [event] = await unitEvents(page, 1);

  assert.equal(event.type, "fill");
  assert.ok(calls[0].page.topics.includes(nasty), "must be sent unchanged");
  assert.ok(await unit(page).isVisible());
  await page.goto(await (await fetch(`${server.base}/v1/decisions?publisher=eu-tech-news&placement=article-end&viewer_region=DE&topic=ai-infrastructure&topic=${encodeURIComponent(nasty)}`))
    .json()
    .then(({ decisions }) => decisions["article-end"].transparency.why_url));
  assert.equal(await page.locator("main img, main script").count(), 0);
  assert.deepEqual(page.errors, []);
});

test("attributes that exceed the maximum call size leave the page unchanged", async (t) => {
  const { page } = await opened(
    t,
    scriptTag(server.base, `data-entities="${"long name ".repeat(20_000)}"`) + '<adjacent-unit placement="article-end"><p id="own">Ours.</p></adjacent-unit>',
  );
  const [event] = await unitEvents(page, 1);

  assert.equal(event.type, "error");
  assert.ok(await page.locator("#own").isVisible());
  assert.ok(page.errors.every((text) => text.includes("413")), page.errors.join());
});

test("a unit without a placement, an unsuitable element and an element with its own shadow root do no harm", async (t) => {
  const { page } = await opened(
    t,
    "<script>customElements.define('x-own', class extends HTMLElement { connectedCallback() { this.attachShadow({ mode: 'open' }).textContent = 'mine' } })</script>" +
      scriptTag(server.base) +
      '<adjacent-unit></adjacent-unit><ul class="adjacent-unit" data-placement="sidebar"><li id="own">one</li></ul>' +
      '<x-own class="adjacent-unit" data-placement="sidebar"></x-own>' +
      END,
  );
  const events = await unitEvents(page, 2);

  assert.deepEqual(events.map(({ type, reason }) => reason ?? type).sort(), ["fill", "unknown_placement"]);
  assert.ok(await page.locator("#own").isVisible());
  assert.equal(await page.evaluate(() => document.querySelector("x-own").shadowRoot.textContent), "mine");
  assert.deepEqual(page.errors, []);
});

const LD = (text) => `<script type="application/ld+json">${text}</script>`;
const HEAD =
  '<link rel="canonical" href="https://news.example/ai/story?utm=1#top">' +
  '<meta property="article:section" content="AI infrastructure"><meta property="article:tag" content="GPU clouds">' +
  '<meta property="article:tag" content="Data  centres"><meta name="keywords" content="racks, cooling , racks,">' +
  LD('{ "broken": ') +
  LD("null") +
  LD('{"@graph": [{"@type": "NewsArticle", "about": [{"name": "Alibaba Cloud"}, {"name": {"@value": 7}}, 5], "mentions": {"name": "European Commission"}, "keywords": ["liquid cooling", null]}, "text"]}');

test("metadata is read where the page enables it, and malformed metadata is ignored", async (t) => {
  const { page, calls } = await openReading(t, '<adjacent-unit placement="article-end" topics="mine"></adjacent-unit>', { head: HEAD });
  const [event] = await unitEvents(page, 1);

  assert.equal(event.type, "fill");
  assert.equal(calls[0].page.url, "https://news.example/ai/story");
  assert.deepEqual(calls[0].page.topics, ["mine", "AI infrastructure", "GPU clouds", "Data centres", "Alibaba Cloud"]);
  assert.deepEqual([calls[0].page.subject, calls[0].page.entities], [["Alibaba Cloud"], ["European Commission"]]);
  assert.deepEqual(calls[0].page.keywords, ["racks", "cooling", "liquid cooling", "GPU clouds", "Data centres"]);
  assert.deepEqual(page.errors, []);
});

test("page facts are read from attributes, then from metadata", async (t) => {
  const head = '<meta name="sentiment" content="negative">';
  const own = await openReading(t, '<adjacent-unit placement="article-end" sentiment="positive"></adjacent-unit>', { head });
  const read = await openReading(t, END, { head });
  await unitEvents(own.page, 1);
  await unitEvents(read.page, 1);

  assert.equal(own.calls[0].page.sentiment, "positive");
  assert.equal(read.calls[0].page.sentiment, "negative");
});

test("without data-read no metadata is read and no reading script is loaded", async (t) => {
  const files = [];
  const before = (page) => page.on("request", (request) => request.url().includes("/embed/") && files.push(new URL(request.url()).pathname));
  const { page, calls, host } = await opened(t, scriptTag(server.base) + END, { head: HEAD, before });
  await unitEvents(page, 1);

  assert.deepEqual(files, ["/embed/v1/adjacent.js"]);
  assert.deepEqual(calls[0].page.topics, ["ai-infrastructure"]);
  assert.equal(calls[0].page.url, `${host.base}/`);
});

test("reading metadata needs no additional content security policy", async (t) => {
  const policy = `default-src 'none'; script-src ${server.base}; connect-src ${server.base}; require-trusted-types-for 'script'; trusted-types 'none'`;
  const { page, calls } = await openReading(t, '<adjacent-unit placement="article-end"></adjacent-unit>', {
    head: '<meta property="article:section" content="AI infrastructure">',
    headers: { "content-security-policy": policy },
  });
  const [event] = await unitEvents(page, 1);

  assert.equal(event.type, "fill");
  assert.deepEqual(calls[0].page.topics, ["AI infrastructure"]);
  assert.deepEqual(page.errors, []);
});

for (const [failure, answer] of [
  ["is not found", (route) => route.fulfill({ status: 404, body: "" })],
  ["is aborted", (route) => route.abort()],
  ["never responds", () => {}],
]) {
  test(`a reading script that ${failure} leaves the data of the attributes`, async (t) => {
    let began;
    const requested = new Promise((done) => (began = done));
    const before = (page) => page.route(/\/embed\/[0-9a-f]{16}\.js/, (route) => (began(), answer(route)));
    const { page, calls } = await openReading(t, END, { head: HEAD, before });
    await requested;
    if (failure === "never responds") await page.clock.runFor(HALF_MS);
    const [event] = await unitEvents(page, 1);

    assert.equal(event.type, "fill");
    assert.deepEqual(calls[0].page.topics, ["ai-infrastructure"]);
  });
}

test("reading metadata has half of the time budget, and later results are ignored", async (t) => {
  let release;
  const released = new Promise((done) => (release = done));
  const before = (page) => page.route(/\/embed\/[0-9a-f]{16}\.js/, async (route) => (await released, route.continue()));
  const { page, calls } = await openReading(t, END, { head: HEAD, before });
  await page.clock.runFor(HALF_MS - 5);
  assert.deepEqual(calls, [], "the call must wait for the reading");
  await page.clock.runFor(5);
  const [event] = await unitEvents(page, 1);
  release();

  assert.equal(event.type, "fill");
  assert.deepEqual(calls[0].page.topics, ["ai-infrastructure"]);
});

for (const [kind, body] of [
  ["HTML", "<html>502</html>"],
  ["no bytes", ""],
  ["null", "null"],
  ["decisions of the wrong type", '{"decisions": {"0": 5}}'],
  ["fields of the wrong type", '{"decisions": {"0": {"fill": true, "creative": {"headline": {"a": 1}, "ctas": 7, "command": []}, "label": {"text": "x"}}}}'],
  ["a unit without its label", '{"decisions": {"0": {"fill": true, "creative": {"headline": "Buy"}, "label": {}}}}'],
]) {
  test(`a response with ${kind} leaves the page unchanged and fires an error event`, async (t) => {
    const host = await site({ "/": story(scriptTag(server.base) + '<adjacent-unit placement="article-end"><p id="own">Ours.</p></adjacent-unit>') });
    t.after(host.stop);
    const page = await browser.page();
    await recordEvents(page);
    await page.route("**/v1/decisions", (route) =>
      route.fulfill({ status: 200, headers: { "access-control-allow-origin": "*" }, body }),
    );
    await page.goto(host.base);
    const [event] = await unitEvents(page, 1);

    assert.equal(event.type, "error");
    assert.ok(await page.locator("#own").isVisible());
    assert.equal(await unit(page).count(), 0);
    assert.deepEqual(page.errors, []);
  });
}

test("a failed connection is retried once", async (t) => {
  const host = await site({ "/": story(scriptTag(server.base) + END) });
  t.after(host.stop);
  for (const [failures, expected] of [[1, "fill"], [9, "error"]]) {
    const page = await browser.page();
    await recordEvents(page);
    let tries = 0;
    await page.route("**/v1/decisions", (route) => (tries++ < failures ? route.abort() : route.continue()));
    await page.goto(host.base);
    const [event] = await unitEvents(page, 1);

    assert.equal(event.type, expected);
    assert.equal(tries, 2);
  }
});
