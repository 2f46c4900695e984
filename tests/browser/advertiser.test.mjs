// The advertiser page in a browser: date range, sorting, CSV download, phone width, no scripts.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, unit } from "./browser.mjs";
import { start, until } from "./server.mjs";

let browser, server;
before(async () => {
  server = await start();
  browser = await launch();
  for (const [count, topic] of [[3, "ai-infrastructure"], [1, "ai-agents"], [2, "cloud-computing"]]) {
    for (let at = 0; at < count; at++) {
      const page = await browser.page();
      await page.goto(`${server.demo}?viewer=DE&topic=${topic}`);
      await unit(page).waitFor();
      await page.context().close();
    }
  }
  await until("impressions", async () => (await server.events("impression", "counted")) === 6);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const table = (page, heading) => page.locator("section", { has: page.getByRole("heading", { name: heading, exact: true }) });
const names = (page, heading) => table(page, heading).locator("tbody th").evaluateAll((cells) => cells.map((cell) => cell.firstChild.textContent));

test("a table sorts by the chosen column, and its total row stays last", async () => {
  const page = await browser.page();
  await page.goto(server.bannerUrl("zahid-host"));
  assert.deepEqual(await names(page, "By topic"), ["ai-infrastructure", "cloud-computing", "ai-agents"], "sorted by amount, descending, by default");
  const head = (name) => table(page, "By topic").getByRole("columnheader", { name });

  await head("Topic").getByRole("button").click();
  assert.deepEqual(await names(page, "By topic"), ["ai-agents", "ai-infrastructure", "cloud-computing"]);
  assert.equal(await head("Topic").getAttribute("aria-sort"), "ascending");
  await head("Spend").getByRole("button").click();
  assert.deepEqual(await names(page, "By topic"), ["ai-infrastructure", "cloud-computing", "ai-agents"], "amounts sort descending first");
  await head("Spend").getByRole("button").press("Enter");
  assert.deepEqual(await names(page, "By topic"), ["ai-agents", "cloud-computing", "ai-infrastructure"]);
  assert.equal(await head("Topic").getAttribute("aria-sort"), null, "only one column is sorted");

  assert.equal(await table(page, "By topic").locator("tfoot td").first().innerText(), "6");
  assert.deepEqual(page.errors, []);
});

test("an incomplete date range is reported at its field, and a complete one is shown", async () => {
  const page = await browser.page();
  await page.goto(server.bannerUrl("zahid-host"));
  await page.getByLabel("Until (exclusive)").fill("");
  await page.getByRole("button", { name: "Show" }).click();
  assert.match(await page.getByRole("alert").innerText(), /^to: .*give both dates or neither$/);
  assert.equal(await page.locator("table, dl").count(), 0, "no figure for an invalid range");

  await page.getByLabel("First day").fill("2026-01-01");
  await page.getByLabel("Until (exclusive)").fill("2026-02-01");
  await page.getByRole("button", { name: "Show" }).click();
  assert.match(await page.locator(".lead").innerText(), /^2026-01-01 to 2026-02-01 \(exclusive\)/);
  assert.match(await page.locator("dd").first().innerText(), /^0\.00\n/);
});

test("the CSV download has a file name with the advertiser's id", async () => {
  const page = await browser.page();
  await page.goto(server.bannerUrl("zahid-host"));
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "days.csv" }).click()]);
  assert.equal(file.suggestedFilename(), "adjacent-zahid-host.csv");
  const chunks = [];
  for await (const chunk of await file.createReadStream()) chunks.push(chunk);
  const [head, ...rows] = Buffer.concat(chunks).toString().trim().split("\n").map((line) => line.split(","));
  assert.equal(rows.length, 1);
  assert.equal(rows[0][head.indexOf("impressions_net")], "6");
});

test("without scripts all figures and charts are present", async () => {
  const page = await browser.page({ javaScriptEnabled: false });
  await page.goto(server.bannerUrl("zahid-host"));
  assert.equal(await table(page, "By day").locator("tfoot td").first().innerText(), "6");
  const charts = page.locator("svg.chart");
  assert.equal(await charts.count(), 3);
  for (const chart of await charts.all()) {
    const bars = chart.locator("rect:not([height='0'])");
    const box = await bars.first().boundingBox();
    assert.ok(box.height > 100 && box.width > 1, JSON.stringify(box));
  }
  assert.equal(await page.getByRole("button").count(), 1, "no button that needs a script");
});

test("on a phone tables scroll horizontally and the page does not", async () => {
  const page = await browser.page({ viewport: { width: 320, height: 640 } });
  await page.goto(server.bannerUrl("zahid-host"));
  const [inner, whole] = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
  assert.equal(whole, inner);
});
