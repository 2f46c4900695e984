// When a unit is viewable. Checked by the events that the server recorded for each decision.
import assert from "node:assert/strict";
import { test } from "node:test";
import { embedTag, scriptTag, unit } from "./browser.mjs";
import { TALL, fixture, viewing } from "./fixture.mjs";

const own = await fixture();
const { browser, server } = own;
const { opened, pass, expectNotViewable, expectViewable } = viewing(own);

/** A column narrow enough that the unit is below the size of a large ad. */
const NARROW = "<style>main { width: 480px }</style>";

/** Scrolls until this share of the unit's height is in view at the lower edge of the window. */
const show = (page, share) =>
  page.evaluate((share) => {
    const box = document.querySelector("adjacent-unit").getBoundingClientRect();
    scrollTo(0, scrollY + box.top + box.height * share - innerHeight);
  }, share);

/** Runs in the page: reports the document as hidden or visible; `window.hide` changes it. */
const hiding = (hidden) => {
  window.hide = (now) => {
    hidden = now;
    document.dispatchEvent(new Event("visibilitychange"));
  };
  Object.defineProperty(document, "hidden", { get: () => hidden });
  Object.defineProperty(document, "visibilityState", { get: () => (hidden ? "hidden" : "visible") });
};
const hidden = `(${hiding})(true)`;
const visible = `(${hiding})(false)`;

/** Runs `[script, ms]` steps `times` times in the page, waiting `ms` after each. The page's own clock makes the
 *  timing independent of the load of the computer. */
const runSteps = (page, times, ...steps) =>
  page.evaluate(
    async ([times, steps]) => {
      for (let at = 0; at < times; at++) {
        for (const [script, ms] of steps) {
          eval(script);
          await new Promise((done) => setTimeout(done, ms));
        }
      }
    },
    [times, steps],
  );

const SCROLL_TO_UNIT = 'document.querySelector("adjacent-unit").scrollIntoView({ block: "center" })';

test("scrolling past a unit repeatedly does not make it viewable", async (t) => {
  const { page, decision } = await opened(t, TALL + embedTag(server.base) + TALL);
  await runSteps(page, 6, [SCROLL_TO_UNIT, 400], ["scrollTo(0, 0)", 150]);
  await expectNotViewable(page, decision);
});

test("40 % of a unit is not viewable, 60 % is", async (t) => {
  const { page, decision } = await opened(t, NARROW + TALL + embedTag(server.base) + TALL);
  const { width, height } = await unit(page).boundingBox();
  assert.ok(width * height < 242_500, `${width} × ${height}`);
  await show(page, 0.4);
  await expectNotViewable(page, decision);
  await show(page, 0.6);
  await expectViewable(decision);
});

test("30 % of a large unit is enough", async (t) => {
  const large = "<style>main { width: 1200px } adjacent-unit::part(adj-body) { padding-bottom: 600px }</style>";
  const { page, decision } = await opened(t, large + TALL + embedTag(server.base) + TALL);
  const { width, height } = await unit(page).boundingBox();
  assert.ok(width * height > 242_500, `${width} × ${height}`);
  await show(page, 0.22);
  await expectNotViewable(page, decision);
  await show(page, 0.38);
  await expectViewable(decision);
});

test("a second in view must be continuous", async (t) => {
  const { page, decision } = await opened(t, embedTag(server.base), { init: visible });
  await runSteps(page, 3, ["window.hide(false)", 600], ["window.hide(true)", 600]);
  await expectNotViewable(page, decision);
  await page.evaluate(() => window.hide(false));
  await expectViewable(decision);
});

test("printing a hidden page counts neither an impression nor a viewable", async (t) => {
  const { page, decision } = await opened(t, embedTag(server.base), { init: hidden });
  await page.pdf();
  await page.emulateMedia({ media: "print" });
  await pass(page, 1300);
  assert.deepEqual(await server.verdicts(decision), []);

  await page.emulateMedia({ media: "screen" });
  await page.evaluate(() => window.hide(false));
  await expectViewable(decision);
  await page.pdf();
  await pass(page, 300);
  await expectViewable(decision);
});

test("on a zoomed page the share of the unit in view counts, not its pixels", async (t) => {
  for (const options of [{ deviceScaleFactor: 2 }, { viewport: { width: 640, height: 600 }, deviceScaleFactor: 2 }]) {
    const { page, decision } = await opened(t, `<style>html { zoom: 1.5 } main { width: 300px }</style>${TALL}${embedTag(server.base)}${TALL}`, { options });
    await show(page, 0.4);
    await expectNotViewable(page, decision);
    await show(page, 0.6);
    await expectViewable(decision);
  }
});

test("a unit clipped by nested scroll containers is not viewable", async (t) => {
  const inner = `<div id="inner" style="height:500px;overflow:auto">${TALL}${scriptTag(server.base)}<adjacent-unit placement="article-end" topics="ai-infrastructure"></adjacent-unit>${TALL}</div>`;
  const outer = `<div id="outer" style="height:700px;overflow:auto">${inner}${TALL}</div>`;
  const { page, decision } = await opened(t, outer);
  await expectNotViewable(page, decision);
  await page.evaluate(() => {
    const unit = document.querySelector("adjacent-unit");
    document.getElementById("inner").scrollTop = unit.offsetTop;
    document.getElementById("outer").scrollTop = 2000;
  });
  await expectNotViewable(page, decision);
  await page.evaluate(() => {
    document.getElementById("outer").scrollTop = 0;
    document.querySelector("adjacent-unit").scrollIntoView({ block: "center" });
  });
  await expectViewable(decision);
});

test("a covered unit is not viewable until it is uncovered", async (t) => {
  const over = '<div id="over" style="position:fixed;inset:0;background:#fff;z-index:9"></div>';
  const { page, decision } = await opened(t, embedTag(server.base) + over);
  await expectNotViewable(page, decision);
  await page.evaluate(() => document.getElementById("over").remove());
  await expectViewable(decision);
});

test("covering a unit interrupts its second in view", async (t) => {
  const { page, decision } = await opened(t, TALL + embedTag(server.base) + TALL);
  const over = `const over = document.createElement("div"); over.style.cssText = "position:fixed;inset:0;background:#fff;z-index:9"; document.body.append(over)`;
  await runSteps(page, 1, [SCROLL_TO_UNIT, 500], [over, 0]);
  await expectNotViewable(page, decision);
});

test("a nearly transparent unit is not viewable", async (t) => {
  const { page, decision } = await opened(t, `<div id="pale" style="opacity:0.2">${embedTag(server.base)}</div>`);
  await expectNotViewable(page, decision);
  await page.evaluate(() => document.getElementById("pale").removeAttribute("style"));
  await expectViewable(decision);
});

test("a unit in a display: none element counts no impression until it is displayed", async (t) => {
  const { page, decision } = await opened(t, `<div id="off" style="display:none">${embedTag(server.base)}</div>`);
  await pass(page, 1300);
  assert.deepEqual(await server.verdicts(decision), []);
  await page.evaluate(() => document.getElementById("off").removeAttribute("style"));
  await expectViewable(decision);
});
