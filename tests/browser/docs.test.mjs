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

test("a guide has no script, names this server in its examples, and has no broken link", async () => {
  for (const name of GUIDES) {
    await read(`/docs/${name}`);
    const [scripts, blocks, text, links, ids] = await page.evaluate(() => [
      document.scripts.length,
      document.querySelectorAll("pre").length,
      document.querySelector("main").innerText,
      [...document.querySelectorAll("main a")].map((a) => [a.getAttribute("href"), a.href]),
      [...document.querySelectorAll("[id]")].map((one) => one.id),
    ]);
    assert.equal(scripts, 0);
    assert.ok(blocks > 0, name);
    assert.ok(!text.includes("units.example"), name);
    for (const [link, href] of links) {
      if (link.startsWith("#")) assert.equal(ids.filter((id) => id === link.slice(1)).length, 1, link);
      else assert.equal((await fetch(href)).status, 200, link);
    }
    if (name === "publisher") assert.ok((await page.locator("pre").first().innerText()).includes(`${server.base}/embed/v1/adjacent.js`));
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

test("guides have no axe violation or overflow, on a phone or desktop, light or dark", async () => {
  for (const path of ["/docs", ...GUIDES.map((name) => `/docs/${name}`)]) {
    await read(path);
    await page.evaluate(AXE);
    // The second pass checks only rules that depend on width or colours.
    for (const [width, colorScheme, rules] of [[390, "dark"], [1280, "light", ["color-contrast", "scrollable-region-focusable", "target-size"]]]) {
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
  assert.deepEqual(page.errors, []);
});
