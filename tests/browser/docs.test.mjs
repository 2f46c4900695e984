// The guides and the reference, as the server itself serves them: reachable, readable, alone.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { start } from "./server.mjs";

const AXE = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const GUIDES = ["publisher", "advertiser", "operator", "package"];

let browser, server;
before(async () => {
  server = await start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** The guides and the reference are read with one page each time: what they are does not change. */
let page, asked;
const read = async (path) => {
  page ??= await browser.page({ bypassCSP: true });
  if (!asked) {
    asked = new Set();
    page.on("request", (request) => asked.add(new URL(request.url()).origin));
  }
  return page.goto(server.base + path);
};

test("every guide is one step from the reference and from every other page", async () => {
  for (const [at, from] of ["/", "/demo", "/docs", "/docs/package"].entries()) {
    await read(from);
    const menu = page.locator('nav[aria-label="Pages"]');
    const led = await menu.locator("a").evaluateAll((all) => all.map((one) => one.getAttribute("href")));
    for (const name of GUIDES) assert.ok(led.includes(`/docs/${name}`), `${name} from ${from}`);
    if (from === "/docs") assert.equal(await page.locator(".guides a").count(), GUIDES.length);

    // Each page's menu is used, and each guide is come to.
    const name = GUIDES[at];
    await menu.locator(`a[href="/docs/${name}"]`).click();
    await page.waitForURL(`**/docs/${name}`);
    assert.equal(await page.locator('a[aria-current="page"]').getAttribute("href"), `/docs/${name}`);
  }
  assert.equal((await fetch(`${server.base}/docs/nothing`)).status, 404);
});

test("a guide runs nothing, names this server in what it shows, and every link of it leads somewhere", async () => {
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
    for (const [said, href] of links) {
      if (said.startsWith("#")) assert.equal(ids.filter((id) => id === said.slice(1)).length, 1, said);
      else assert.equal((await fetch(href)).status, 200, said);
    }
    if (name === "publisher") assert.ok((await page.locator("pre").first().innerText()).includes(`${server.base}/embed/v1/adjacent.js`));
  }
});

/** How much wider than the screen the page is, which tables than their room, and what axe finds. */
const found = (rules) =>
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

test("guides are readable by everybody, on a phone too, by day and by night", async () => {
  for (const path of ["/docs", ...GUIDES.map((name) => `/docs/${name}`)]) {
    await read(path);
    await page.evaluate(AXE);
    // What the other width and the other colours can change is all that is looked at again.
    for (const [width, colorScheme, rules] of [[390, "dark"], [1280, "light", ["color-contrast", "scrollable-region-focusable", "target-size"]]]) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      assert.deepEqual(await found(rules), [0, [], []], `${path} at ${width}`);
    }
  }
});

test("a body that several answers share is told once, and the others lead to it", async () => {
  await read("/docs");
  const links = page.locator('a[href^="#"]', { hasText: /^GET \S+, \d+$/ });
  assert.ok((await links.count()) > 50);
  const href = await links.first().getAttribute("href");
  assert.equal(await page.locator(`[id="${href.slice(1)}"] summary`, { hasText: "Fields" }).count(), 1);
  const ids = await page.evaluate(() => [...document.querySelectorAll("[id]")].map((one) => one.id));
  assert.equal(new Set(ids).size, ids.length, "no id twice");
});

test("none of these pages asks anybody but this server, or complains", async () => {
  asked.delete("null");
  assert.deepEqual([...asked], [server.base]);
  assert.deepEqual(page.complaints, []);
});
