// A decision looks the same rendered by the embed script, as HTML from the server, and in a frame.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, scriptTag, site, story, unit } from "./browser.mjs";
import { start } from "./server.mjs";
import { arabic, STYLES } from "./style.mjs";

let browser, server, rtl;
before(async () => {
  [server, rtl] = await Promise.all([start(), start(arabic)]);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await Promise.all([server, rtl].map((one) => one?.stop()));
});

/** Pages that get a unit with a command, and a unit with a logo and an image. */
const PAGES = {
  ai: { topic: "ai-infrastructure", region: "DE" },
  kitchen: { topic: "food", region: "AT" },
};

const ask = async (from, { topic, region }, style) => {
  const answer = await fetch(`${from.base}/v1/decisions`, {
    method: "POST",
    body: JSON.stringify({
      publisher: "eu-tech-news",
      page: { url: "https://news.example/x", language: "en", topics: [topic] },
      viewer: { region },
      placements: [{ name: "article-end", key: "0", styles: [style] }],
      render: "html",
    }),
  });
  return answer.json();
};

/** All elements in document order: tag, class, position in the unit, size and computed styles. */
const appearance = (aside) =>
  aside.evaluate(async (aside) => {
    const images = [...aside.querySelectorAll(".adj-logo, .adj-image")];
    await Promise.all(images.map((one) => one.decode()));
    // The only difference: a copy button needs a script, and the impression pixel replaces one.
    aside.querySelectorAll(".adj-copy, .adj-seen").forEach((node) => node.remove());
    const origin = aside.getBoundingClientRect();
    const all = [aside, ...aside.querySelectorAll("*")];
    return all.map((node) => {
      const box = node.getBoundingClientRect();
      const style = getComputedStyle(node);
      const around = [box.x - origin.x, box.y - origin.y, box.width, box.height].map((px) => Math.round(px));
      const { color, backgroundColor, fontSize, fontWeight, fontFamily, borderTopWidth, borderRadius, textDecorationLine } = style;
      return [node.localName, node.className, ...around, color, backgroundColor, fontSize, fontWeight, fontFamily, borderTopWidth, borderRadius, textDecorationLine].join(" | ");
    });
  });

for (const style of STYLES) {
  test(`a ${style} has the same elements, boxes and colours from the script, as HTML and in a frame`, async (t) => {
    for (const [from, name] of style === "card" ? [[server, "ai"], [server, "kitchen"], [rtl, "ai"]] : [[server, "ai"]]) {
      const reply = await ask(from, PAGES[name], style);
      const { html, creative } = reply.decisions["0"];
      assert.equal(creative.style, style);
      // The cooking page gets the pan, which has a logo and an image.
      assert.equal(!!creative.logo, name === "kitchen");
      const head = "<style>body { margin: 0 } main { padding: 8px } iframe { border: 0; width: 100%; height: 900px }</style>";
      const frame = `<!doctype html><link rel="stylesheet" href="${from.base}/embed/v1/unit.css"><body class="adj-page">${html}`;
      const host = await site({
        "/element": story(scriptTag(from.base) + '<adjacent-unit placement="article-end"></adjacent-unit>', head),
        "/html": story(html, `<link rel="stylesheet" href="${from.base}/embed/v1/unit.css">${head}`),
        "/frame": story('<iframe title="unit" src="/framed"></iframe>', head),
        "/framed": frame,
      });
      t.after(host.stop);
      const page = await browser.page();
      t.after(() => page.context().close());
      await page.route("**/v1/decisions", (route) => route.fulfill({ headers: { "access-control-allow-origin": "*" }, json: reply }));
      for (const [colorScheme, width, modes] of [["light", 320, ["html", "frame"]], ["dark", 1280, ["html"]]]) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 900 });
        await page.goto(`${host.base}/element`);
        await unit(page).waitFor();
        const drawn = await appearance(unit(page));
        assert.ok(drawn.length >= 8, drawn.join("\n"));
        assert.equal(drawn.some((part) => part.includes("adj-logo")), name === "kitchen");
        for (const mode of modes) {
          await page.goto(`${host.base}/${mode}`);
          const from = mode === "frame" ? page.frameLocator("iframe") : page;
          assert.deepEqual(await appearance(from.locator(".adj")), drawn, `${name} as ${mode} in ${colorScheme} at ${width}`);
        }
      }
    }
  });
}
