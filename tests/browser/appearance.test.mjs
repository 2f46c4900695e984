// Appearance of units: widths, colour schemes, extreme texts, publisher styles, and an ad label that is always
// visible.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, unit } from "./browser.mjs";
import { start } from "./server.mjs";
import { arabic, extremeTexts, PHONE, variants, openUnit, STYLES } from "./style.mjs";

let browser, server, rtl, extreme;
before(async () => {
  [server, rtl, extreme] = await Promise.all([start(), start(arabic), start(extremeTexts)]);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await Promise.all([server, rtl, extreme].map((one) => one?.stop()));
});

test("no part of a unit is wider than a 320 px page, even with extreme texts", async (t) => {
  for (const from of [server, rtl, extreme]) {
    for (const style of STYLES) {
      const page = await openUnit(t, browser, { style, from, options: PHONE });
      const [width, overflowing] = await page.evaluate(() => {
        const parts = [...document.querySelector("adjacent-unit").shadowRoot.querySelectorAll("*")];
        const over = parts.filter((part) => part.getBoundingClientRect().right > innerWidth || part.getBoundingClientRect().left < 0);
        return [document.documentElement.scrollWidth, over.map((part) => part.className)];
      });
      assert.ok(width <= 320, `${style}: ${width}`);
      assert.deepEqual(overflowing, [], style);
    }
  }
});

test("right-to-left text starts at the right, and the command stays left-to-right", async (t) => {
  const page = await openUnit(t, browser, { from: rtl });
  const body = unit(page).locator(".adj-body");
  assert.equal(await body.evaluate((node) => getComputedStyle(node).direction), "rtl");
  assert.equal(await unit(page).locator(".adj-typed").evaluate((node) => getComputedStyle(node).direction), "ltr");
  const [head, whole] = await Promise.all([unit(page).locator(".adj-label").boundingBox(), unit(page).boundingBox()]);
  assert.ok(head.x > whole.x + whole.width / 2, "the label must be on the right");
  const arrow = await unit(page).locator(".adj-cta").first().evaluate((node) => getComputedStyle(node, "::after").content);
  assert.equal(arrow, "none", "the arrow must be omitted");
});

/** Visibility of the label: text, position, size, contrast, and whether it is covered. */
const label = (page) =>
  page.evaluate(() => {
    const root = document.querySelector("adjacent-unit").shadowRoot;
    const label = root.querySelector(".adj-label");
    const box = label.getBoundingClientRect();
    const style = getComputedStyle(label);
    const light = (color) => {
      const [r, g, b] = color.match(/[\d.]+/g).map((part) => {
        const share = part / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const [dark, bright] = [light(style.color), light(style.backgroundColor)].sort((a, b) => a - b);
    const points = [0.1, 0.5, 0.9].map((share) => root.elementFromPoint(box.x + box.width * share, box.y + box.height / 2));
    return {
      text: label.textContent,
      first: root.querySelector(".adj").textContent.trim().startsWith(label.textContent),
      size: parseFloat(style.fontSize),
      contrast: (bright + 0.05) / (dark + 0.05),
      clear: points.every((at) => at === label),
      shown: style.visibility === "visible" && style.opacity === "1" && box.width > 20 && box.height > 10,
    };
  });

const assertLabelVisible = (found, variant) => {
  assert.deepEqual({ ...found, size: 13, contrast: 0 }, { text: "Anzeige", first: true, size: 13, contrast: 0, clear: true, shown: true }, variant);
  assert.ok(found.size >= 11 && found.contrast >= 4.5, `${variant}: ${found.size} px at ${found.contrast}`);
};

test("the label of any creative comes first, complete and uncovered", async (t) => {
  for (const [from, some] of [[server, variants()], [rtl, variants().slice(0, 2)], [extreme, variants().slice(0, 2)]]) {
    for (const variant of some) {
      assertLabelVisible(await label(await openUnit(t, browser, { ...variant, from })), JSON.stringify(variant));
    }
  }
});

test("no colour, font or part style of a site hides the label", async (t) => {
  const head = `<style>
    adjacent-unit { --adj-bg: #fff; --adj-fg: #fff; --adj-dim: #fff; --adj-line: #fff; --adj-accent: #fff; --adj-radius: 0; color: #fff; font-size: 0; line-height: 0; text-indent: -999px }
    adjacent-unit::part(label), adjacent-unit::part(adj-label), adjacent-unit::part(top), adjacent-unit::part(adj-top), adjacent-unit::part(adj) { display: none; font-size: 0; opacity: 0 }
    .adj-label, .adj-top, .adj { display: none !important }
  </style>`;
  for (const style of STYLES) assertLabelVisible(await label(await openUnit(t, browser, { from: server, style, head })), style);
});

test("a site can style colours, fonts and parts", async (t) => {
  const head = `<style>
    adjacent-unit { --adj-bg: rgb(1, 2, 3); --adj-fg: rgb(250, 250, 250); --adj-font: serif; --adj-scheme: dark; --adj-radius: 9px }
    adjacent-unit::part(adj-title) { color: rgb(9, 8, 7) }
    adjacent-unit::part(adj-cta) { letter-spacing: 2px }
  </style>`;
  const page = await openUnit(t, browser, { from: server, style: "card", head });
  const of = (part, name) => unit(page).locator(part).first().evaluate((node, name) => getComputedStyle(node)[name], name);
  const box = await unit(page).evaluate((node) => {
    const { backgroundColor, fontFamily, borderRadius, colorScheme } = getComputedStyle(node);
    return [backgroundColor, fontFamily, borderRadius, colorScheme];
  });
  assert.deepEqual(box, ["rgb(1, 2, 3)", "serif", "9px", "dark"]);
  assert.equal(await of(".adj-title", "color"), "rgb(9, 8, 7)");
  assert.equal(await of(".adj-cta", "letterSpacing"), "2px");
});

test("on a page that follows the reader's colour scheme a unit follows it, too, unless the site sets one", async (t) => {
  const follows = '<meta name="color-scheme" content="light dark">';
  const background = (page) => unit(page).evaluate((node) => getComputedStyle(node).backgroundColor);
  const backgrounds = [];
  for (const colorScheme of ["light", "dark"]) {
    backgrounds.push(await background(await openUnit(t, browser, { from: server, head: follows, options: { colorScheme } })));
    const head = follows + "<style>adjacent-unit { --adj-scheme: light }</style>";
    assert.equal(await background(await openUnit(t, browser, { from: server, head, options: { colorScheme } })), backgrounds[0]);
  }
  assert.notEqual(backgrounds[0], backgrounds[1]);
});
