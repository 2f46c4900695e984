// The unit in Firefox: rendered, counted and clicked as in Chromium. Skipped, with a notice, where Firefox is
// not installed.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import puppeteer from "puppeteer-core";
import { embedTag, extendTimeouts, site, story } from "./browser.mjs";
import { start } from "./server.mjs";

const FIREFOX = process.env.ADJACENT_FIREFOX ?? "/usr/bin/firefox-esr";
const skip = existsSync(FIREFOX) ? false : `${FIREFOX} is missing`;
if (skip) console.log(`\n!! Firefox tests SKIPPED: ${skip} (apt-get install firefox-esr)\n`);

let browser, server;
before(async () => {
  if (skip) return;
  server = await start();
  browser = await puppeteer.launch({ browser: "firefox", executablePath: FIREFOX, headless: true });
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Opens a page with the embed tag; returns it with its errors and its first unit event. */
const opened = async (t, inside) => {
  const host = await site({ "/": story(inside) });
  t.after(host.stop);
  const page = await browser.newPage();
  t.after(() => page.close());
  const errors = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.evaluateOnNewDocument(extendTimeouts);
  await page.evaluateOnNewDocument(() => {
    for (const type of ["fill", "nofill", "error"]) {
      document.addEventListener("adjacent:" + type, ({ detail }) => (window.unitEvent = { type, ...detail.decision }));
    }
  });
  await page.goto(host.base);
  await page.waitForFunction(() => window.unitEvent);
  const { type, decision_id: decision, reason } = await page.evaluate(() => window.unitEvent);
  return { page, errors, type, decision, reason };
};

const parts = (page) =>
  page.evaluate(() => {
    const root = document.querySelector("adjacent-unit").shadowRoot;
    const of = (name, pseudo) => getComputedStyle(root.querySelector(".adj-" + name), pseudo);
    const box = root.querySelector(".adj-label").getBoundingClientRect();
    return {
      label: root.querySelector(".adj-label").textContent,
      shown: box.width > 20 && box.height > 10,
      label_color: of("label").color !== of("label").backgroundColor,
      call: of("cta").backgroundColor,
      border: of("cmd").borderTopWidth,
      typed: root.querySelector(".adj-typed").textContent,
      wide: document.documentElement.scrollWidth <= innerWidth,
      stored: [document.cookie, localStorage.length, sessionStorage.length].join(),
    };
  });

test("impression, viewable, copy and click of a unit count once each, without errors", { skip }, async (t) => {
  const { page, errors, type, decision } = await opened(t, embedTag(server.base));
  assert.equal(type, "fill");
  await server.expectEvents(decision, "impression counted", "viewable counted");

  assert.deepEqual(await parts(page), {
    label: "Anzeige",
    shown: true,
    label_color: true,
    call: "rgb(0, 102, 68)",
    border: "1px",
    typed: "git push zahid main",
    wide: true,
    stored: ",0,0",
  });
  await page.locator("adjacent-unit >>> .adj-copy").click();
  await page.locator("adjacent-unit >>> .adj-cta").click();
  await server.expectEvents(decision, "impression counted", "viewable counted", "copy counted", "click primary counted");
  assert.deepEqual(errors, []);
});

test("a no-fill leaves the page unchanged", { skip }, async (t) => {
  const own = `<adjacent-unit placement="article-end" commercial="none"><p id="own">Ours.</p></adjacent-unit>`;
  const { page, errors, type, reason } = await opened(t, own + embedTag(server.base));
  assert.deepEqual([type, reason], ["nofill", "commercial_off"]);
  assert.equal(await page.$eval("#own", (node) => node.getBoundingClientRect().height > 0), true);
  assert.deepEqual(errors, []);
});
