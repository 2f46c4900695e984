// The guides and the API reference as served: reachable, accessible, without third-party requests.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fixture } from "./fixture.mjs";

const AXE = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
/** The guides in the menu of every page, and those that are listed at `/docs` besides. */
const MENU = ["publisher", "advertiser", "operator"];
const GUIDES = [...MENU, "cluster", "sizing", "guarantees", "api", "adapters", "package"];

const { browser, server } = await fixture();

/** One page for all tests: the documents are static. `origins` collects the origins of its requests. */
let page, origins;
const read = async (path) => {
  page ??= await browser.page({ bypassCSP: true });
  if (!origins) {
    origins = new Set();
    page.on("request", (request) => origins.add(new URL(request.url()).origin));
  }
  return page.goto(server.base + path);
};

test("every guide is one step from the reference, and the menu's guides from every page", async () => {
  for (const [at, from] of ["/", "/demo", "/docs/package", "/docs"].entries()) {
    await read(from);
    const menu = page.locator('nav[aria-label="Pages"]');
    const hrefs = (links) => links.evaluateAll((all) => all.map((one) => one.getAttribute("href")));
    const led = await hrefs(menu.locator("a"));
    for (const name of [...MENU.map((name) => `/docs/${name}`), "/docs"]) assert.ok(led.includes(name), `${name} from ${from}`);
    if (from === "/docs") assert.deepEqual(await hrefs(page.locator(".guides a")), GUIDES.map((name) => `/docs/${name}`));

    // Each page's menu is used.
    const name = MENU[at % MENU.length];
    await menu.locator(`a[href="/docs/${name}"]`).click();
    await page.waitForURL(`**/docs/${name}`);
    assert.equal(await page.locator('a[aria-current="page"]').getAttribute("href"), `/docs/${name}`);
  }
  assert.equal((await fetch(`${server.base}/docs/nothing`)).status, 404);
});

test("a guide has one script of this server, names this server in its examples, and has no broken link", async () => {
  for (const name of GUIDES) {
    await read(`/docs/${name}`);
    const [scripts, blocks, text, links, ids] = await page.evaluate(() => [
      [...document.scripts].map((one) => [new URL(one.src).origin, one.textContent]),
      document.querySelectorAll("pre").length,
      document.querySelector("main").innerText,
      [...document.querySelectorAll("main a")].map((a) => [a.getAttribute("href"), a.href]),
      [...document.querySelectorAll("[id]")].map((one) => one.id),
    ]);
    assert.deepEqual(scripts, [[server.base, ""]]);
    assert.ok(blocks > 0, name);
    assert.ok(!text.includes("units.example"), name);
    for (const [link, href] of links) {
      if (link.startsWith("#")) assert.equal(ids.filter((id) => id === link.slice(1)).length, 1, link);
      else assert.equal((await fetch(href)).status, 200, link);
    }
    const headings = await page.locator(".guide :is(h2, h3)").count();
    assert.equal(await page.locator(".guide :is(h2, h3) > .anchor").count(), headings, name);
    if (name === "publisher") assert.ok((await page.locator("pre").first().innerText()).includes(`${server.base}/embed/v1/adjacent.js`));
  }
});

test("a heading's link is visible while pointed at or focused, and leads to it", async () => {
  await read("/docs/publisher");
  const link = page.locator("#layout-and-style > .anchor");
  const opacity = () => link.evaluate((node) => getComputedStyle(node, "::after").opacity);
  assert.equal(await opacity(), "0");
  await link.hover();
  assert.equal(await opacity(), "1");
  await page.mouse.move(0, 0);
  await page.locator("#page-metadata > .anchor").focus();
  for (let step = 0; step < 30 && (await opacity()) === "0"; step++) await page.keyboard.press("Tab");
  assert.equal(await opacity(), "1");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/docs/publisher#layout-and-style");
});

test("code is coloured and copied exactly, and is complete without a script", async () => {
  const own = await browser.page({ permissions: ["clipboard-read", "clipboard-write"] });
  await own.goto(`${server.base}/docs/operator`);
  const block = own.locator(".code").first();
  const shown = await block.locator("code").innerText();
  await block.getByRole("button", { name: "copy" }).click();
  await block.getByRole("button", { name: "copied" }).waitFor();
  assert.equal(await own.evaluate(() => navigator.clipboard.readText()), shown.trimEnd());
  assert.deepEqual(own.errors, []);

  const plain = await browser.page({ javaScriptEnabled: false });
  for (const [name, language] of [["operator", "toml"], ["operator", "bash"], ["publisher", "html"], ["publisher", "js"], ["publisher", "css"]]) {
    const texts = [];
    for (const one of [own, plain]) {
      await one.goto(`${server.base}/docs/${name}`);
      texts.push(await one.locator(`.language-${language}`).allInnerTexts());
    }
    assert.deepEqual(texts[0], texts[1], `${name} ${language}`);
    await own.goto(`${server.base}/docs/${name}`);
    assert.ok((await own.locator(`.language-${language} [class^="c-"]`).count()) > 0, `${name} ${language}`);
  }
  assert.ok((await plain.locator(".code button").count()) === 0);
  await own.goto(`${server.base}/docs`);
  await own.locator("summary", { hasText: "Example" }).first().click();
  assert.ok((await own.locator('.language-json [class^="c-"]').count()) > 0);
});

test("the search leads to a section, with and without a script", async () => {
  for (const javaScriptEnabled of [true, false]) {
    const own = await browser.page({ javaScriptEnabled });
    await own.goto(`${server.base}/docs/operator`);
    await own.getByRole("searchbox").fill("sensitive pages");
    await own.keyboard.press("Enter");
    await own.waitForURL("**/docs/search?q=sensitive+pages");
    assert.ok((await own.locator("mark").count()) > 1);
    await own.locator(".hits a").first().click();
    await own.waitForURL(/\/docs\/(?!search)/);
    await own.goto(`${server.base}/docs/search?q=nosuchword`);
    assert.ok((await own.locator(".contents a").count()) > 40);
    await own.context().close();
  }
});

test("lines of prose have at most 75 characters, and prose is proportional", async () => {
  for (const path of ["/docs/publisher", "/docs/operator", "/docs/guarantees", "/docs", "/"]) {
    await read(path);
    await page.setViewportSize({ width: 1280, height: 900 });
    const found = await page.evaluate(() =>
      [...document.querySelectorAll("main p, .guide li")]
        .filter((one) => one.checkVisibility() && !one.closest(".cards, td"))
        .map((one) => {
          const { fontFamily, fontSize } = getComputedStyle(one);
          const ruler = document.createElement("span");
          ruler.style.cssText = "position:absolute;width:75ch";
          one.append(ruler);
          const most = ruler.getBoundingClientRect().width;
          ruler.remove();
          return { text: one.textContent.slice(0, 40), over: one.getBoundingClientRect().width - most, fontFamily, fontSize };
        }),
    );
    assert.ok(found.length > 0, path);
    for (const one of found) {
      assert.ok(one.over <= 0, `${path}: ${JSON.stringify(one)}`);
      assert.doesNotMatch(one.fontFamily, /mono/i, path);
    }
  }
});

/** Horizontal overflow of the page in pixels, overflowing tables, and axe violations. */
const problems = (rules) =>
  page.evaluate(async (rules) => {
    const only = rules ? { runOnly: { type: "rule", values: rules } } : {};
    const { violations } = await window.axe.run({ resultTypes: ["violations"], ...only });
    const tables = [...document.querySelectorAll(".scroll")].filter((one) => one.scrollWidth > one.clientWidth);
    return [
      document.documentElement.scrollWidth - innerWidth,
      tables.map((one) => one.textContent.trim().slice(0, 80)),
      violations.map((one) => `${one.id}: ${one.nodes[0].html}`),
    ];
  }, rules);

test("guides, figures, search and errors have no axe violation or overflow, on a phone or desktop, light or dark", async () => {
  const others = ["/docs", "/docs/search?q=label", "/docs/search", "/v1/limits", "/v1/privacy", "/nowhere", "/"];
  for (const path of [...others, ...GUIDES.map((name) => `/docs/${name}`)]) {
    await read(path);
    await page.evaluate(AXE);
    // The second pass checks only rules that depend on width or colours.
    for (const [width, colorScheme, rules] of [[390, "dark"], [320, "dark", ["target-size"]], [1280, "light", ["color-contrast", "scrollable-region-focusable", "target-size"]]]) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      assert.deepEqual(await problems(rules), [0, [], []], `${path} at ${width}`);
    }
  }
});

test("a response body shared by several operations is described once and linked from the others", async () => {
  await read("/docs");
  const links = page.locator('a[href^="#"]', { hasText: /^GET \S+, \d+$/ });
  assert.ok((await links.count()) > 50);
  const href = await links.first().getAttribute("href");
  assert.equal(await page.locator(`[id="${href.slice(1)}"] summary`, { hasText: "Fields" }).count(), 1);
  const ids = await page.evaluate(() => [...document.querySelectorAll("[id]")].map((one) => one.id));
  assert.equal(new Set(ids).size, ids.length, "ids must be unique");
});

test("these pages make no request to another origin and log no error", async () => {
  origins.delete("null");
  assert.deepEqual([...origins], [server.base]);
  // One of the pages is that of an address without a page.
  assert.deepEqual(page.errors.filter((text) => !text.includes("404 (Not Found)")), []);
});
