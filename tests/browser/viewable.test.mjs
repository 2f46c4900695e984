// When a unit counts as seen. The server's record of each decision is the judge.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { heard, launch, line, listen, script, site, story, unit } from "./browser.mjs";
import { start } from "./server.mjs";

let browser, server;
before(async () => {
  server = await start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const TALL = '<div style="height:3000px"></div>';

/** A column in which the unit is not a large one. */
const NARROW = "<style>main { width: 480px }</style>";

/** A page with a unit, and the decision that filled it. */
const opened = async (t, body, { options, init, path = "/" } = {}) => {
  const host = await site({ "/": story(body), "/other": story("<p>Another page.</p>") });
  t.after(host.stop);
  const page = await browser.page(options);
  t.after(() => page.context().close());
  if (init) await page.addInitScript(init);
  await listen(page);
  await page.goto(host.base + path);
  const [{ what, decision }] = await heard(page, 1);
  assert.equal(what, "fill");
  return { page, decision, host };
};

/** Lets so much of the page's own time pass. */
const pass = (page, ms) =>
  page.evaluate((ms) => new Promise((done) => setTimeout(done, ms)), ms);

/** Nothing but the impression came of it within more than the second that makes a unit viewable. */
const unseen = async (page, decision) => {
  await server.became(decision, "impression counted");
  await pass(page, 1500);
  await server.became(decision, "impression counted");
};

const seen = (decision) => server.became(decision, "impression counted", "viewable counted");

/** Scrolls so that this share of the unit is in the window, at its lower edge. */
const show = (page, share) =>
  page.evaluate((share) => {
    const box = document.querySelector("adjacent-unit").getBoundingClientRect();
    scrollTo(0, scrollY + box.top + box.height * share - innerHeight);
  }, share);

/** A document that says it is hidden until it is told otherwise. */
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

/** Does this to the page, each for so long: by the page's own time, so that a machine with much else to do
 *  changes nothing. */
const meanwhile = (page, times, ...steps) =>
  page.evaluate(
    async ([times, steps]) => {
      for (let at = 0; at < times; at++) {
        for (const [what, ms] of steps) {
          eval(what);
          await new Promise((done) => setTimeout(done, ms));
        }
      }
    },
    [times, steps],
  );

const TO_IT = 'document.querySelector("adjacent-unit").scrollIntoView({ block: "center" })';

test("a reader who scrolls past sees nothing, however often", async (t) => {
  const { page, decision } = await opened(t, TALL + line(server.base) + TALL);
  await meanwhile(page, 6, [TO_IT, 400], ["scrollTo(0, 0)", 150]);
  await unseen(page, decision);
});

test("less than half of a unit is not seen, half of it is", async (t) => {
  const { page, decision } = await opened(t, NARROW + TALL + line(server.base) + TALL);
  const { width, height } = await unit(page).boundingBox();
  assert.ok(width * height < 242_500, `${width} × ${height}`);
  await show(page, 0.4);
  await unseen(page, decision);
  await show(page, 0.6);
  await seen(decision);
});

test("of a large unit thirty of a hundred are enough", async (t) => {
  const large = "<style>main { width: 1200px } adjacent-unit::part(adj-body) { padding-bottom: 600px }</style>";
  const { page, decision } = await opened(t, large + TALL + line(server.base) + TALL);
  const { width, height } = await unit(page).boundingBox();
  assert.ok(width * height > 242_500, `${width} × ${height}`);
  await show(page, 0.22);
  await unseen(page, decision);
  await show(page, 0.38);
  await seen(decision);
});

test("a second in two halves is none", async (t) => {
  const { page, decision } = await opened(t, line(server.base), { init: visible });
  await meanwhile(page, 3, ["window.hide(false)", 600], ["window.hide(true)", 600]);
  await unseen(page, decision);
  await page.evaluate(() => window.hide(false));
  await seen(decision);
});

test("what is printed from a page in the background is neither shown nor seen", async (t) => {
  const { page, decision } = await opened(t, line(server.base), { init: hidden });
  await page.pdf();
  await page.emulateMedia({ media: "print" });
  await pass(page, 1300);
  assert.deepEqual(await server.judged(decision), []);

  await page.emulateMedia({ media: "screen" });
  await page.evaluate(() => window.hide(false));
  await seen(decision);
  await page.pdf();
  await pass(page, 300);
  await seen(decision);
});

test("on a page that is enlarged the share of the unit counts, not its pixels", async (t) => {
  for (const options of [{ deviceScaleFactor: 2 }, { viewport: { width: 640, height: 600 }, deviceScaleFactor: 2 }]) {
    const { page, decision } = await opened(t, `<style>html { zoom: 1.5 } main { width: 300px }</style>${TALL}${line(server.base)}${TALL}`, { options });
    await show(page, 0.4);
    await unseen(page, decision);
    await show(page, 0.6);
    await seen(decision);
  }
});

test("what a scroller within a scroller hides is not seen", async (t) => {
  const inner = `<div id="inner" style="height:500px;overflow:auto">${TALL}${script(server.base)}<adjacent-unit placement="article-end" topics="ai-infrastructure"></adjacent-unit>${TALL}</div>`;
  const outer = `<div id="outer" style="height:700px;overflow:auto">${inner}${TALL}</div>`;
  const { page, decision } = await opened(t, outer);
  await unseen(page, decision);
  await page.evaluate(() => {
    const unit = document.querySelector("adjacent-unit");
    document.getElementById("inner").scrollTop = unit.offsetTop;
    document.getElementById("outer").scrollTop = 2000;
  });
  await unseen(page, decision);
  await page.evaluate(() => {
    document.getElementById("outer").scrollTop = 0;
    document.querySelector("adjacent-unit").scrollIntoView({ block: "center" });
  });
  await seen(decision);
});

test("a unit with something over it is not seen until it is gone", async (t) => {
  const over = '<div id="over" style="position:fixed;inset:0;background:#fff;z-index:9"></div>';
  const { page, decision } = await opened(t, line(server.base) + over);
  await unseen(page, decision);
  await page.evaluate(() => document.getElementById("over").remove());
  await seen(decision);
});

test("something that comes over a unit breaks its second", async (t) => {
  const { page, decision } = await opened(t, TALL + line(server.base) + TALL);
  const over = `const over = document.createElement("div"); over.style.cssText = "position:fixed;inset:0;background:#fff;z-index:9"; document.body.append(over)`;
  await meanwhile(page, 1, [TO_IT, 500], [over, 0]);
  await unseen(page, decision);
});

test("a unit that can be looked through is not seen", async (t) => {
  const { page, decision } = await opened(t, `<div id="pale" style="opacity:0.2">${line(server.base)}</div>`);
  await unseen(page, decision);
  await page.evaluate(() => document.getElementById("pale").removeAttribute("style"));
  await seen(decision);
});

test("a unit without a box is not shown until it has one", async (t) => {
  const { page, decision } = await opened(t, `<div id="off" style="display:none">${line(server.base)}</div>`);
  await pass(page, 1300);
  assert.deepEqual(await server.judged(decision), []);
  await page.evaluate(() => document.getElementById("off").removeAttribute("style"));
  await seen(decision);
});
