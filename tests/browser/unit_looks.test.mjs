// How a unit looks where readers and pages change the defaults: forced colours, colour schemes of the page, larger
// type, print, small frames, test units. Colours are those that the browser computed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { embedTag, recordEvents, scriptTag, site, story, unit, unitEvents } from "./browser.mjs";
import { fixture } from "./fixture.mjs";
import { STYLES, openUnit } from "./style.mjs";

const { browser, server } = await fixture();

const opened = async (t, body, { options, path = "/" } = {}) => {
  const host = await site({ "/": body });
  t.after(host.stop);
  const page = await browser.page(options);
  t.after(() => page.context().close());
  await recordEvents(page);
  await page.goto(host.base + path);
  return page;
};

/** Contrast of text and background in WCAG's sense, from what the browser paints: the colours of a screenshot. */
const contrast = (page, selector) =>
  page.locator(`adjacent-unit ${selector}`).first().evaluate((node) => {
    const lightness = (color) => {
      const context = new OffscreenCanvas(1, 1).getContext("2d");
      context.fillStyle = color;
      context.fillRect(0, 0, 1, 1);
      const [red, green, blue] = [...context.getImageData(0, 0, 1, 1).data].map((value) => {
        const share = value / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    let back = node;
    while (/rgba\(.*, 0\)|transparent/.test(getComputedStyle(back).backgroundColor)) {
      back = back.parentElement ?? back.getRootNode().host;
    }
    const both = [getComputedStyle(node).color, getComputedStyle(back).backgroundColor].map(lightness).sort((a, b) => b - a);
    return (both[0] + 0.05) / (both[1] + 0.05);
  });

/** Whether the text of an element differs on the screen from what is behind it: browsers paint a ground of their
 *  own behind text in forced colours, which no computed style shows. */
const isDrawn = async (page, selector) => {
  const found = page.locator(`adjacent-unit ${selector}`).first();
  const box = await found.evaluate((node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    const { x, y, width, height } = range.getClientRects()[0];
    return { x: x + 2, y: y + 3, width: Math.min(width, 60) - 4, height: height - 6 };
  });
  const png = (await page.screenshot({ clip: box })).toString("base64");
  return page.evaluate(async (png) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    context.drawImage(bitmap, 0, 0);
    const greens = [...context.getImageData(0, 0, bitmap.width, bitmap.height).data].filter((_, at) => at % 4 === 1);
    return Math.max(...greens) - Math.min(...greens) > 100;
  }, png);
};

for (const style of STYLES) {
  for (const colorScheme of ["light", "dark"]) {
    test(`label, call to action and text of a ${style} are readable in forced colours, ${colorScheme}`, async (t) => {
      const page = await openUnit(t, browser, { style, from: server, options: { colorScheme, forcedColors: "active" } });
      for (const part of [".adj-label", ".adj-cta", ".adj-title"]) {
        const found = await contrast(page, part);
        assert.ok(found >= 4.5, `${part}: ${found}`);
        assert.ok(await isDrawn(page, part), `${part}: the text is invisible`);
      }
    });
  }
}

const scheme = (page) => unit(page).evaluate((node) => (getComputedStyle(node).backgroundColor === "rgb(17, 17, 17)" ? "dark" : "light"));

for (const [page, head, system, expected] of [
  ["says nothing", "", "dark", "light"],
  ["has white ground", "<style>body { background: #fff; color: #222 }</style>", "dark", "light"],
  ["is dark and says nothing", "<style>body { background: #111; color: #ddd }</style>", "light", "dark"],
  ["is dark in oklch", "<style>body { background: oklch(0.2 0.02 250); color: oklch(0.93 0.02 250) }</style>", "light", "dark"],
  ["is black and white in oklch", "<style>body { background: oklch(0 0 0); color: oklch(1 0 0) }</style>", "light", "dark"],
  ["is light in oklch", "<style>body { background: oklch(1 0 0); color: oklch(0.3 0.02 250) }</style>", "dark", "light"],
  ["is light only", "<style>:root { color-scheme: light }</style>", "dark", "light"],
  ["is dark only", "<style>:root { color-scheme: dark }</style>", "light", "dark"],
  ["follows the reader", "<style>:root { color-scheme: light dark }</style>", "dark", "dark"],
  ["follows the reader", "<style>:root { color-scheme: light dark }</style>", "light", "light"],
  ["follows the reader by its metadata", '<meta name="color-scheme" content="light dark">', "dark", "dark"],
  ["sets the unit's scheme", "<style>:root { --adj-scheme: dark }</style>", "light", "dark"],
]) {
  test(`on a page that ${page}, for a reader who prefers ${system}, the unit is ${expected}`, async (t) => {
    const host = await opened(t, story(embedTag(server.base), head), { options: { colorScheme: system } });
    await unit(host).waitFor();
    assert.equal(await scheme(host), expected);
  });
}

test("type scales with the page's root, and stays readable where a page's root is small", async (t) => {
  for (const [root, smallest, largest] of [["100%", 13, 13], ["200%", 25, 27], ["62.5%", 13, 13]]) {
    const page = await opened(t, story(embedTag(server.base), `<style>html { font-size: ${root} }</style>`));
    const size = await unit(page).locator(".adj-kicker").evaluate((node) => parseFloat(getComputedStyle(node).fontSize));
    assert.ok(size >= smallest && size <= largest, `${root}: ${size}`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
    assert.ok(wide, root);
  }
});

test("a printed unit keeps the backgrounds of its label and its call to action", async (t) => {
  const page = await opened(t, story(embedTag(server.base)));
  await unit(page).waitFor();
  await page.emulateMedia({ media: "print" });
  for (const part of [".adj-label", ".adj-cta"]) {
    assert.equal(await page.locator(`adjacent-unit ${part}`).first().evaluate((node) => getComputedStyle(node).printColorAdjust), "exact");
    assert.ok((await contrast(page, part)) >= 4.5, part);
  }
});

const frame = (width, height, style = "terminal") =>
  `<iframe width="${width}" height="${height}" style="border:0" src="${server.base}/v1/unit?publisher=eu-tech-news&placement=article-end&topic=ai-infrastructure&style=${style}&viewer_region=DE"></iframe>`;

for (const [width, height] of [[640, 420], [320, 250], [300, 250], [336, 280], [728, 90], [970, 250], [250, 600]]) {
  test(`a frame of ${width} × ${height} shows the label and the whole call to action, and counts its impression`, async (t) => {
    const before = await server.events("impression", "counted");
    const page = await opened(t, story(frame(width, height)));
    const inside = page.frameLocator("iframe");
    await inside.locator(".adj-cta").first().waitFor();
    for (const part of [".adj-label", ".adj-cta"]) {
      const box = await inside.locator(part).first().evaluate((node) => {
        const { top, bottom, left, right } = node.getBoundingClientRect();
        return { top, bottom, left, right, height: innerHeight, width: innerWidth };
      });
      assert.ok(box.top >= 0 && box.left >= 0 && box.bottom <= box.height && box.right <= box.width, `${part}: ${JSON.stringify(box)}`);
    }
    await server.expectCount("impression", before + 1);
  });
}

for (const [width, height] of [[320, 50], [120, 600], [300, 150]]) {
  test(`a frame of ${width} × ${height} is too small: it shows nothing and counts nothing`, async (t) => {
    const before = await server.events("impression", "counted");
    const requests = [];
    const page = await opened(t, story(frame(width, height) + frame(640, 420)));
    page.on("request", (request) => requests.push(request.url()));
    await page.frameLocator("iframe >> nth=1").locator(".adj").waitFor();
    assert.ok(!(await page.frameLocator("iframe >> nth=0").locator(".adj").isVisible()));
    await server.expectCount("impression", before + 1);
  });
}

test("a test unit is marked, in the embed and in HTML", async (t) => {
  const page = await opened(t, story(embedTag(server.base)));
  await page.route("**/v1/decisions", (route) =>
    route.continue({ postData: JSON.stringify({ ...route.request().postDataJSON(), test: true }) }),
  );
  await page.reload();
  await unit(page).waitFor();
  assert.match(await unit(page).locator(".adj-top").innerText(), /TEST/);

  const { decisions } = await (
    await fetch(`${server.base}/v1/decisions`, {
      method: "POST",
      body: JSON.stringify({ publisher: "eu-tech-news", page: { topics: ["ai-infrastructure"], language: "en" }, placements: [{ name: "article-end" }], test: true, render: "html" }),
    })
  ).json();
  assert.match(decisions["article-end"].html, /adj-top"[^]*TEST/);
});

test("?adjacent_debug prints what was asked, answered and reported", async (t) => {
  const page = await browser.page();
  t.after(() => page.context().close());
  const host = await site({ "/": story(scriptTag(server.base) + '<adjacent-unit placement="article-end" topics="ai-infrastructure"></adjacent-unit>') });
  t.after(host.stop);
  const lines = [];
  page.on("console", (message) => lines.push(message.text()));
  await recordEvents(page);
  await page.goto(`${host.base}/?adjacent_debug`);
  const events = await unitEvents(page, 2);
  await server.expectEvents(events[0].decision, "impression counted", "viewable counted");
  await page.waitForFunction(() => true);

  const text = lines.join("\n");
  for (const part of ["asked", "answered", "article-end: unit zahid-git-push", 'label "Anzeige"', "impression of article-end", "viewable of article-end"]) {
    assert.ok(text.includes(part), `${part} in ${text}`);
  }
});
