// The unit in Firefox: shown, counted and clicked as in Chromium. A machine without it says so.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import puppeteer from "puppeteer-core";
import { line, patient, site, story } from "./browser.mjs";
import { start } from "./server.mjs";

const FIREFOX = process.env.ADJACENT_FIREFOX ?? "/usr/bin/firefox-esr";
const skip = existsSync(FIREFOX) ? false : `${FIREFOX} is missing`;
if (skip) console.log(`\n!! ${skip}: Firefox is NOT tested (apt-get install firefox-esr)\n`);

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

/** A page with the one line, its complaints, and the decision that it shows. */
const opened = async (t, inside) => {
  const host = await site({ "/": story(inside) });
  t.after(host.stop);
  const page = await browser.newPage();
  t.after(() => page.close());
  const complaints = [];
  page.on("console", (said) => said.type() === "error" && complaints.push(said.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.evaluateOnNewDocument(patient);
  await page.evaluateOnNewDocument(() => {
    for (const what of ["fill", "nofill", "error"]) {
      document.addEventListener("adjacent:" + what, ({ detail }) => (window.heard = { what, ...detail.decision }));
    }
  });
  await page.goto(host.base);
  await page.waitForFunction(() => window.heard);
  const { what, decision_id: decision, reason } = await page.evaluate(() => window.heard);
  return { page, complaints, what, decision, reason };
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
      kept: [document.cookie, localStorage.length, sessionStorage.length].join(),
    };
  });

test("a unit is shown, seen and clicked once, and nothing complains", { skip }, async (t) => {
  const { page, complaints, what, decision } = await opened(t, line(server.base));
  assert.equal(what, "fill");
  await server.became(decision, "impression counted", "viewable counted");

  assert.deepEqual(await parts(page), {
    label: "Anzeige",
    shown: true,
    label_color: true,
    call: "rgb(0, 102, 68)",
    border: "1px",
    typed: "git push zahid main",
    wide: true,
    kept: ",0,0",
  });
  await page.locator("adjacent-unit >>> .adj-copy").click();
  await page.locator("adjacent-unit >>> .adj-cta").click();
  await server.became(decision, "impression counted", "viewable counted", "copy counted", "click primary counted");
  assert.deepEqual(complaints, []);
});

test("a page without a unit stays as it was", { skip }, async (t) => {
  const own = `<adjacent-unit placement="article-end" commercial="none"><p id="own">Ours.</p></adjacent-unit>`;
  const { page, complaints, what, reason } = await opened(t, own + line(server.base));
  assert.deepEqual([what, reason], ["nofill", "commercial_off"]);
  assert.equal(await page.$eval("#own", (node) => node.getBoundingClientRect().height > 0), true);
  assert.deepEqual(complaints, []);
});
