// The demo page of a freshly started server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { unit } from "./browser.mjs";
import { fixture } from "./fixture.mjs";
import { until } from "./server.mjs";

const { browser, server } = await fixture();

test("one pasted line shows a unit with a visible label as its first text", async () => {
  const page = await browser.page();
  await page.goto(`${server.demo}?viewer=DE`);
  await unit(page).waitFor();

  const label = unit(page).locator(".adj-label");
  assert.equal(await label.innerText(), "Anzeige");
  assert.ok(await label.isVisible());
  const first = (await unit(page).innerText()).trim().split(/\s/)[0];
  assert.equal(first.toLowerCase(), "anzeige", "the label must be the first text");
  const [size, contrast] = await label.evaluate((node) => {
    const style = getComputedStyle(node);
    return [parseFloat(style.fontSize), style.opacity];
  });
  assert.ok(size >= 11 && contrast === "1", `${size}px at ${contrast}`);
  assert.equal(await unit(page).getAttribute("aria-label"), "Anzeige, Advertisement, paid content");
  const pasted = await page.locator("#line").innerText();
  assert.equal(await page.locator("#end script").evaluate((node) => node.outerHTML.replace('=""', "")), pasted);
  assert.deepEqual(page.errors, []);
});

test("the copy button copies the command exactly as shown, and the copy counts once", async () => {
  const page = await browser.page({ permissions: ["clipboard-read", "clipboard-write"] });
  await page.goto(server.demo);
  const shown = await unit(page).locator(".adj-typed").innerText();

  await unit(page).locator(".adj-copy").click();
  await until("copied", async () => (await unit(page).locator(".adj-copy").innerText()) === "copied");

  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), shown);
  assert.equal(shown, "git push zahid main");
  await server.expectCount("copy", 1);
});

test("the trace beside the article shows which flight was drawn", async () => {
  const page = await browser.page();
  await page.goto(server.demo);
  const inspector = page.locator("#inspector");
  await inspector.locator("text=The draw").waitFor();
  // The inspector lists an event once its response has arrived.
  await inspector.locator("li", { hasText: "impression" }).waitFor();

  const text = await inspector.innerText();
  for (const word of ["zahid-ai-europe", "drawn", "kupferpfanne-kochen"]) {
    assert.ok(text.includes(word), word);
  }
});

test("the funnel counts decision, impression, viewable and click, without scrolling inside a box, wide and on a phone", async () => {
  for (const viewport of [{ width: 1280, height: 800 }, { width: 390, height: 844 }]) {
    const page = await browser.page({ viewport });
    await page.goto(`${server.demo}#end`);
    await unit(page).waitFor();
    const step = (name) => page.locator(`[data-step="${name}"]`);
    const reads = (name, count) => page.waitForFunction(([name, count]) => document.querySelector(`[data-step="${name}"]`).textContent === count, [name, count]);
    for (const name of ["decision", "impression", "viewable"]) await reads(name, "1");
    assert.equal(await step("click").innerText(), "0");
    await unit(page).locator(".adj-title").click({ modifiers: ["Control"] });
    await reads("click", "1");
    await unit(page).locator(".adj-title").click({ modifiers: ["Control"] });
    assert.deepEqual(await page.locator("[data-step]").allInnerTexts(), ["1", "1", "1", "1"]);

    const boxes = await page.locator(".funnel").evaluate((node) => {
      const scrolls = (one) => ["auto", "scroll", "hidden"].includes(getComputedStyle(one).overflowY);
      const around = [];
      for (let one = node; one !== document.documentElement; one = one.parentElement) if (scrolls(one) && one !== document.body) around.push(one.className);
      const { top, bottom } = node.getBoundingClientRect();
      return { around, top, bottom, height: innerHeight, width: document.documentElement.scrollWidth - innerWidth };
    });
    assert.deepEqual(boxes.around, []);
    assert.ok(boxes.width <= 0);
    // Below the unit, on the same screen.
    assert.ok(boxes.top >= 0 && boxes.bottom <= boxes.height, JSON.stringify(boxes));
    await page.context().close();
  }
});

test("the switches change the declared page data and therefore the decision", async () => {
  const page = await browser.page();
  await page.goto(`${server.demo}?topic=cooking&viewer=AT&entities=`);
  await unit(page).waitFor();
  assert.match(await unit(page).innerText(), /Die Pfanne, die Hitze versteht/);
  assert.equal(await unit(page).locator(".adj-label").innerText(), "Werbung");

  await page.selectOption("select[name=commercial]", "none");
  await page.waitForURL(/commercial=none/);
  await page.locator("#inspector", { hasText: "commercial off" }).waitFor();
  assert.equal(await unit(page).count(), 0);
});

test("the page has no layout shift while it loads, at the top or scrolled to the unit", async () => {
  for (const [where, address] of [["the top", server.demo], ["the unit", `${server.demo}#end`]]) {
    const page = await browser.page();
    await page.goto(address);
    await unit(page).waitFor();
    await page.locator("#inspector", { hasText: "The draw" }).waitFor();
    const shifts = await page.evaluate(
      () =>
        new Promise((done) => {
          const seen = [];
          new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) {
              const nodes = entry.sources.map((source) => source.node?.id || source.node?.nodeName);
              seen.push({ value: entry.value, nodes });
            }
          }).observe({ type: "layout-shift", buffered: true });
          requestAnimationFrame(() => setTimeout(() => done(seen), 100));
        }),
    );
    assert.deepEqual(shifts, [], where);
  }
});
