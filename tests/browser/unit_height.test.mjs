// How much of a phone's screen the reference unit takes, and that nothing of it is lost for that.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture } from "./fixture.mjs";
import { openUnit, STYLES } from "./style.mjs";
import { unit } from "./browser.mjs";

const { browser, server } = await fixture();

/** Margins of an article on a phone. */
const HEAD = '<meta name="viewport" content="width=device-width"><style>body { margin: 0 16px }</style>';

const opened = (t, style, width, height) =>
  openUnit(t, browser, { from: server, style, head: HEAD, options: { viewport: { width, height } } });

/** The most of the screen's height, by style, screen and share. */
for (const [style, width, height, most] of [
  ["card", 390, 844, 0.5],
  ["terminal", 390, 844, 0.5],
  ["card", 320, 568, 0.76],
]) {
  test(`a ${style} takes at most ${most * 100} % of a screen of ${width} × ${height}`, async (t) => {
    const page = await opened(t, style, width, height);
    const box = await unit(page).boundingBox();
    t.diagnostic(`${box.height.toFixed(0)} px, ${((100 * box.height) / height).toFixed(1)} %`);
    assert.ok(box.height <= most * height, `${box.height} px of ${height}`);
  });
}

test("every text of the reference unit is shown, the label first, then the sponsor and the headline", async (t) => {
  for (const [width, height] of [[390, 844], [320, 568]]) {
    const page = await opened(t, "card", width, height);
    const parts = await unit(page).evaluate((aside) => {
      const shown = {};
      for (const name of ["label", "top", "head", "proof", "kicker", "body", "typed", "out", "copy", "price", "why"]) {
        const part = aside.querySelector(`.adj-${name}`);
        const { y, width, height } = part.getBoundingClientRect();
        shown[name] = { y, seen: part.textContent.trim() !== "" && width > 10 && height > 10 && part.scrollWidth <= part.clientWidth + 1 };
      }
      return shown;
    });
    for (const [name, { seen }] of Object.entries(parts)) assert.ok(seen, `${name} at ${width}`);
    const order = ["label", "head", "proof", "kicker", "body", "typed", "out", "price"].map((name) => parts[name].y);
    assert.deepEqual(order, [...order].sort((a, b) => a - b), `order at ${width}`);
    const { height: top } = await unit(page).locator(".adj-top").boundingBox();
    assert.ok(top < 24, `label and sponsor share one line at ${width}: ${top}`);
  }
});

test("a call to action is at least 44 px high in every style, and what can be pressed at least 24", async (t) => {
  for (const style of STYLES) {
    const page = await opened(t, style, 390, 844);
    const sizes = await unit(page).evaluate((aside) =>
      [...aside.querySelectorAll(".adj-cta, .adj-copy")].map((part) => [part.className, part.getBoundingClientRect().height]),
    );
    assert.ok(sizes.length >= 1);
    for (const [name, height] of sizes) assert.ok(height >= (name === "adj-cta" ? 44 : 24), `${style} ${name}: ${height}`);
  }
});
