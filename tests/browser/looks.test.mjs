// How a unit looks: on any screen, in any colours, whatever is said in it, and always labelled.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, unit } from "./browser.mjs";
import { start } from "./server.mjs";
import { arabic, loud, PHONE, places, shown, STYLES } from "./style.mjs";

let browser, server, rtl, shouting;
before(async () => {
  [server, rtl, shouting] = await Promise.all([start(), start(arabic), start(loud)]);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await Promise.all([server, rtl, shouting].map((one) => one?.stop()));
});

test("nothing is wider than the page, from 320 px on and whatever is said", async (t) => {
  for (const from of [server, rtl, shouting]) {
    for (const style of STYLES) {
      const page = await shown(t, browser, { style, from, options: PHONE });
      const [page_, box] = await page.evaluate(() => {
        const parts = [...document.querySelector("adjacent-unit").shadowRoot.querySelectorAll("*")];
        const over = parts.filter((part) => part.getBoundingClientRect().right > innerWidth || part.getBoundingClientRect().left < 0);
        return [document.documentElement.scrollWidth, over.map((part) => part.className)];
      });
      assert.ok(page_ <= 320, `${style}: ${page_}`);
      assert.deepEqual(box, [], style);
    }
  }
});

test("from right to left the text begins at the right, and the command stays as it is typed", async (t) => {
  const page = await shown(t, browser, { from: rtl });
  const body = unit(page).locator(".adj-body");
  assert.equal(await body.evaluate((node) => getComputedStyle(node).direction), "rtl");
  assert.equal(await unit(page).locator(".adj-typed").evaluate((node) => getComputedStyle(node).direction), "ltr");
  const [head, whole] = await Promise.all([unit(page).locator(".adj-label").boundingBox(), unit(page).boundingBox()]);
  assert.ok(head.x > whole.x + whole.width / 2, "its label, too");
  const arrow = await unit(page).locator(".adj-cta").first().evaluate((node) => getComputedStyle(node, "::after").content);
  assert.equal(arrow, "none", "no arrow points back");
});

/** What of the label a reader can see: its size, its place, its contrast, and what stands over it. */
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

const labelled = (found, what) => {
  assert.deepEqual({ ...found, size: 13, contrast: 0 }, { text: "Anzeige", first: true, size: 13, contrast: 0, clear: true, shown: true }, what);
  assert.ok(found.size >= 11 && found.contrast >= 4.5, `${what}: ${found.size} px at ${found.contrast}`);
};

test("whatever a creative says, its label is the first that is read, whole and clear", async (t) => {
  for (const [from, some] of [[server, places()], [rtl, places().slice(0, 2)], [shouting, places().slice(0, 2)]]) {
    for (const place of some) {
      labelled(await label(await shown(t, browser, { ...place, from })), JSON.stringify(place));
    }
  }
});

test("no colour, font or part name that a site may set hides the label", async (t) => {
  const head = `<style>
    adjacent-unit { --adj-bg: #fff; --adj-fg: #fff; --adj-dim: #fff; --adj-line: #fff; --adj-accent: #fff; --adj-radius: 0; color: #fff; font-size: 0; line-height: 0; text-indent: -999px }
    adjacent-unit::part(label), adjacent-unit::part(adj-label), adjacent-unit::part(top), adjacent-unit::part(adj-top), adjacent-unit::part(adj) { display: none; font-size: 0; opacity: 0 }
    .adj-label, .adj-top, .adj { display: none !important }
  </style>`;
  for (const style of STYLES) labelled(await label(await shown(t, browser, { from: server, style, head })), style);
});

test("a site gives colours, fonts and parts its own looks", async (t) => {
  const head = `<style>
    adjacent-unit { --adj-bg: rgb(1, 2, 3); --adj-fg: rgb(250, 250, 250); --adj-font: serif; --adj-scheme: dark; --adj-radius: 9px }
    adjacent-unit::part(adj-title) { color: rgb(9, 8, 7) }
    adjacent-unit::part(adj-cta) { letter-spacing: 2px }
  </style>`;
  const page = await shown(t, browser, { from: server, style: "card", head });
  const of = (part, name) => unit(page).locator(part).first().evaluate((node, name) => getComputedStyle(node)[name], name);
  const box = await unit(page).evaluate((node) => {
    const { backgroundColor, fontFamily, borderRadius, colorScheme } = getComputedStyle(node);
    return [backgroundColor, fontFamily, borderRadius, colorScheme];
  });
  assert.deepEqual(box, ["rgb(1, 2, 3)", "serif", "9px", "dark"]);
  assert.equal(await of(".adj-title", "color"), "rgb(9, 8, 7)");
  assert.equal(await of(".adj-cta", "letterSpacing"), "2px");
});

test("a unit follows the reader's scheme, unless the site says which", async (t) => {
  const ground = (page) => unit(page).evaluate((node) => getComputedStyle(node).backgroundColor);
  const grounds = [];
  for (const colorScheme of ["light", "dark"]) {
    grounds.push(await ground(await shown(t, browser, { from: server, options: { colorScheme } })));
    const head = "<style>adjacent-unit { --adj-scheme: light }</style>";
    assert.equal(await ground(await shown(t, browser, { from: server, head, options: { colorScheme } })), grounds[0]);
  }
  assert.notEqual(grounds[0], grounds[1]);
});
