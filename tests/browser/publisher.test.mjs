// The publisher's page in a browser: figures, previews, blocking with the key, accessibility, phone width, no scripts.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, recordEvents, site, story, unit, unitEvents } from "./browser.mjs";
import { start, until } from "./server.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let browser, server, key;
before(async () => {
  server = await start({ "adjacent.toml": (text) => text.replace(/^# seller_domain = "units.example"/m, 'seller_domain = "units.example"') });
  browser = await launch();
  const keys = readFileSync(join(server.folder, "data", "local-keys.toml"), "utf8");
  key = keys.match(/\[publisher\][^[]*^eu-tech-news = "(.+)"/m)[1];
  for (const topic of ["ai-infrastructure", "ai-infrastructure", "cloud-computing", "knitting"]) {
    const page = await browser.page();
    await page.goto(`${server.demo}?viewer=DE&topic=${topic}`);
    await unit(page).waitFor();
    await page.context().close();
  }
  await decide({ publisher: "eu-tech-news", page: { topics: ["food", "no such topic"] }, placements: [{ name: "no-such" }] });
  await until("impressions", async () => (await server.events("impression", "counted")) === 4);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const decide = async (body) =>
  (await fetch(`${server.base}/v1/decisions`, { method: "POST", body: JSON.stringify(body), headers: { "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", accept: "*/*", origin: server.base } })).json();
const address = () => server.bannerUrl("eu-tech-news page");
const figure = async (page, name) => (await page.locator("dl.figures > div", { has: page.getByText(name, { exact: true }) }).locator("dd").innerText()).split("\n")[0].trim();
const part = (page, heading) => page.locator("section", { has: page.getByRole("heading", { name: heading, exact: true }) });

test("every figure equals the JSON report of the page's own link", async () => {
  const page = await browser.page();
  await page.goto(address());
  const file = await page.getByRole("link", { name: "report.json" }).getAttribute("href");
  const { total } = await (await fetch(server.base + file)).json();
  assert.equal(await figure(page, "Requests"), String(total[0].requests));
  assert.equal(await figure(page, "Filled"), String(total[0].filled));
  assert.equal(await figure(page, "Impressions"), String(total[0].impressions.net));
  assert.equal(Math.round(parseFloat(await figure(page, "Revenue")) * 1e6), total[0].revenue_micros);
  const counts = await part(page, "Requests without a unit").locator("tbody tr").evaluateAll((rows) => rows.map((row) => Number(row.cells[2].textContent)));
  assert.equal(counts.reduce((sum, count) => sum + count, 0), total[0].requests - total[0].filled);
  assert.deepEqual(page.errors, []);
});

test("the tag of a placement serves a unit on a page with metadata, and its preview is a test", async (t) => {
  const page = await browser.page();
  await page.goto(address());
  const tag = await page.locator("#tags pre code").first().innerText();
  const host = await site({ "/": story(tag, '<meta property="article:tag" content="ai-infrastructure">') });
  t.after(host.stop);
  const reader = await browser.page();
  await recordEvents(reader);
  await reader.goto(host.base);
  assert.equal((await unitEvents(reader, 1))[0].type, "fill");

  await page.locator("summary").first().click();
  const shown = page.frameLocator("#tags iframe").first().locator(".adj");
  await shown.waitFor();
  assert.match(await shown.innerText(), /TEST/);
  assert.match(await page.locator("#sellers").innerText(), /units\.example, eu-tech-news, DIRECT/);
  assert.deepEqual(page.errors, []);
});

test("the key blocks and unblocks a sponsor, and pauses and resumes a path", async () => {
  const page = await browser.page();
  await page.goto(address());
  const controls = page.locator("#controls");
  assert.equal(await controls.getByRole("button", { name: "Block" }).count(), 0, "no change without a key");
  await page.getByLabel("Your secret key").fill("adj_p_aaaaaaaa_wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  assert.match(await controls.getByRole("alert").innerText(), /unknown, expired or revoked/);
  await page.getByLabel("Your secret key").fill(key);
  await page.getByLabel("Your secret key").press("Enter");

  await page.getByLabel("Its id").fill("zahid-hots");
  await page.getByRole("button", { name: "Block", exact: true }).click();
  assert.match(await controls.getByRole("alert").innerText(), /blocks\.advertisers: .*did you mean `zahid-host`/);
  await page.getByLabel("Its id").fill("zahid-host");
  await page.getByRole("button", { name: "Block", exact: true }).click();
  await page.getByText("zahid-host is blocked.").waitFor();
  const asked = { publisher: "eu-tech-news", page: { topics: ["ai-infrastructure"] }, viewer: { region: "DE" }, placements: [{ name: "article-end" }], test: true };
  assert.notEqual((await decide(asked)).decisions["article-end"].advertiser?.id, "zahid-host");

  await page.getByLabel("Path or topic").fill("/live/");
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await page.getByText("/live/ is paused.").waitFor();
  for (const [name, text] of [["Resume /live/", "Resumed: /live/."], ["Unblock zahid-host", "zahid-host is not blocked any more."]]) {
    await page.getByRole("button", { name, exact: true }).click();
    await page.getByRole("button", { name: /^Yes, / }).click();
    await page.getByText(text, { exact: true }).waitFor();
  }
  assert.match(await controls.innerText(), /You block nothing\.[^]*Nothing is paused\./);
  await page.getByRole("button", { name: "Sign out" }).click();
  assert.equal(await controls.getByRole("button", { name: "Block" }).count(), 0);
  const kept = await page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length, document.documentElement.outerHTML]);
  assert.deepEqual(kept.slice(0, 3), ["", 0, 0]);
  assert.ok(!kept[3].includes(key), "the key is in no element");
});

test("without scripts all figures, lists, tags and lines are present", async () => {
  const page = await browser.page({ javaScriptEnabled: false });
  await page.goto(address());
  assert.equal(await page.locator("svg.chart").count(), 2);
  assert.match(await page.locator("#embeds").innerText(), /no-such-topic/);
  assert.match(await page.locator("#controls").innerText(), /You block nothing\./);
  assert.equal(await page.locator("#tags pre").count(), 2);
  assert.equal(await page.getByRole("button").count(), 1, "no button that needs a script");
});

test("axe finds no violation, and no width makes the page scroll sideways", async () => {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 390, 320]) {
      const page = await browser.page({ colorScheme, viewport: { width, height: 800 }, bypassCSP: true });
      await page.goto(address());
      await page.getByLabel("Your secret key").fill(key);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("button", { name: "Sign out" }).waitFor();
      for (const summary of await page.locator("summary").all()) await summary.click();
      const [inner, whole] = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
      assert.equal(whole, inner, `${colorScheme} ${width}`);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"], iframes: false }));
      assert.deepEqual(violations.flatMap((v) => v.nodes.map((node) => `${v.id}: ${node.html.slice(0, 120)}`)), [], `${colorScheme} ${width}`);
      await page.context().close();
    }
  }
});
