// The playground of the demo page: an editable request with its decision, trace and unit.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { launch, unit } from "./browser.mjs";
import { start, until } from "./server.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let browser, server;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());
beforeEach(async () => {
  server = await start();
});
afterEach(() => server.stop());

const field = (page) => page.locator("#request");
const rendered = (page) => page.locator("#rendered .adj");
const decision = async (page) => JSON.parse(await page.locator("#decision").innerText());

const opened = async (options, query = "?viewer=DE") => {
  const page = await browser.page(options);
  await page.goto(server.demo + query);
  await unit(page).waitFor();
  await page.locator("#inspector", { hasText: "The draw" }).waitFor();
  return page;
};

/** Types a request and sends it, by keyboard only. */
const send = async (page, request) => {
  await field(page).focus();
  await page.keyboard.press("Control+A");
  await page.keyboard.insertText(typeof request === "string" ? request : JSON.stringify(request));
  await page.keyboard.press("Control+Enter");
};

const cooking = (more = {}) => ({
  publisher: "eu-tech-news",
  page: { topics: ["cooking"], language: "de" },
  viewer: { region: "AT" },
  placements: [{ name: "article-end" }],
  test: true,
  ...more,
});

test("request, decision, trace and unit are in two columns, or in one on a phone", async () => {
  const sent = [];
  const recordCalls = (page) => page.on("request", (request) => request.url().includes("/v1/decisions") && sent.push(request.postData()));
  for (const [width, columns] of [[1280, 2], [390, 1]]) {
    const page = await browser.page({ viewport: { width, height: 900 } });
    recordCalls(page);
    await page.goto(`${server.demo}?viewer=DE&subject=european-commission&style=card`);
    await rendered(page).waitFor();
    const boxes = await page.locator(".pane").evaluateAll((all) => all.map((one) => one.getBoundingClientRect().toJSON()));
    assert.equal(boxes.length, 4);
    assert.equal(await page.locator("main > section.below").count(), 1, "the section below the panes stays below");
    assert.equal(new Set(boxes.map((box) => box.left)).size, columns);
    assert.ok(boxes.every((box) => box.left >= 0 && box.right <= width), JSON.stringify(boxes));
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
    const isCut = await page.locator("#rendered").evaluate((box) => box.scrollHeight > box.clientHeight);
    assert.equal(isCut, false, "the unit must be completely visible");

    const shown = await decision(page);
    assert.equal(shown.decisions["article-end"].label.text, "Anzeige");
    assert.equal(await rendered(page).locator(".adj-label").innerText(), "Anzeige");
    const [embedded, edited] = [JSON.parse(sent.pop()), JSON.parse(await field(page).inputValue())];
    assert.equal(sent.length, 0, "the playground must not make its own decision call");
    assert.deepEqual(edited.page.topics, embedded.page.topics);
    assert.deepEqual(edited.page.entities, embedded.page.entities);
    assert.equal(edited.page.region, embedded.page.region);
    assert.deepEqual(edited.viewer, embedded.viewer);
    assert.deepEqual(edited.placements[0].styles, embedded.placements[0].styles);
  }
  await server.expectCount("impression", 2);
});

test("an edited request is decided, explained and rendered by keyboard only, and counts nothing", async () => {
  const page = await opened();
  await server.expectCount("impression", 1);
  await send(page, cooking());

  await rendered(page).getByText("Die Pfanne, die Hitze versteht").waitFor();
  assert.equal(await rendered(page).locator(".adj-label").innerText(), "Werbung");
  const { decisions } = await decision(page);
  assert.equal(decisions["article-end"].advertiser.id, "kupferpfanne");
  assert.equal(decisions["article-end"].test, true);
  await page.locator("#inspector", { hasText: decisions["article-end"].decision_id }).waitFor();
  await page.locator("#inspector .tag", { hasText: "drawn" }).waitFor();
  assert.match(await page.locator("#inspector tr", { hasText: "drawn" }).innerText(), /kupferpfanne/);
  assert.match(await page.locator("#status").innerText(), /^Response 200 in \d+ ms\.$/);

  await until("the invalid test impression", async () => (await server.events("impression", "invalid")) === 1);
  assert.equal(await server.events("impression", "counted"), 1, "only the impression of the article counts");
  assert.deepEqual(page.errors, []);
});

test("a request without `test` counts as on any page", async () => {
  const page = await opened();
  await send(page, cooking({ test: false }));
  await rendered(page).getByText("Die Pfanne, die Hitze versteht").waitFor();
  await server.expectCount("impression", 2);
});

test("a no-fill shows its reason in every pane, and several placements are all shown", async () => {
  const page = await opened();
  await send(page, cooking({ page: { commercial: "none" } }));
  await page.locator("#rendered", { hasText: "Nothing is shown for article-end: commercial off." }).waitFor();
  await page.locator("#inspector", { hasText: "commercial off" }).waitFor();
  assert.equal(await rendered(page).count(), 0);

  await send(page, cooking({ placements: [{ name: "article-end" }, { name: "sidebar", key: "beside" }] }));
  await page.locator("#rendered > div").nth(1).waitFor();
  assert.deepEqual(Object.keys((await decision(page)).decisions), ["article-end", "beside"]);
});

test("an invalid or rejected request is reported at the field and renders no unit", async () => {
  const page = await opened();
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  await send(page, '{"publisher": ');
  await page.locator("#status", { hasText: "Invalid JSON" }).waitFor();
  assert.equal(await field(page).getAttribute("aria-invalid"), "true");
  assert.deepEqual(requests, []);

  await send(page, { ...cooking(), email: "reader@example.com" });
  await page.locator("#status", { hasText: "Response 422" }).waitFor();
  assert.equal((await decision(page)).code, "personal_data");
  assert.equal(await rendered(page).count(), 0);

  await page.getByRole("button", { name: "reset" }).last().click();
  assert.deepEqual(JSON.parse(await field(page).inputValue()).page.topics, ["ai-infrastructure"]);
});

test("markup in a request and in a response is shown as text", async () => {
  const page = await opened();
  const evil = '<img src=x onerror="alert(1)">';
  await send(page, cooking({ placements: [{ name: evil }] }));
  await page.locator("#rendered", { hasText: evil }).waitFor();
  assert.equal(await page.locator("#rendered img, #decision img").count(), 0);
  assert.deepEqual(page.errors, []);
});

test("axe finds no violation on the playground in use, light and wide or dark and narrow", async () => {
  for (const [width, colorScheme] of [[1280, "light"], [390, "dark"]]) {
    const page = await opened({ viewport: { width, height: 900 }, colorScheme, bypassCSP: true });
    await send(page, cooking());
    await rendered(page).getByText("Die Pfanne").first().waitFor();
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run());
    assert.deepEqual(violations.map((one) => `${one.id}: ${one.nodes[0].html}`), []);
    await page.context().close();
  }
});
