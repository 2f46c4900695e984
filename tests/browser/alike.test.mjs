// One decision looks the same, whoever draws it: the page's script, the server's HTML, a frame.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, script, site, story, unit } from "./browser.mjs";
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

/** What stands on a page that has a unit of each kind: words and a command; a logo and an image. */
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

/** Every part in its order: what it is, where it stands in its unit, how large it is, and its looks. */
const looks = (aside) =>
  aside.evaluate(async (aside) => {
    const pictures = [...aside.querySelectorAll(".adj-logo, .adj-image")];
    await Promise.all(pictures.map((one) => one.decode()));
    // A command is copied by script, and a pixel counts where there is none: the one difference.
    aside.querySelectorAll(".adj-copy, .adj-seen").forEach((own) => own.remove());
    const origin = aside.getBoundingClientRect();
    const all = [aside, ...aside.querySelectorAll("*")];
    return all.map((node) => {
      const box = node.getBoundingClientRect();
      const said = getComputedStyle(node);
      const around = [box.x - origin.x, box.y - origin.y, box.width, box.height].map((px) => Math.round(px));
      const { color, backgroundColor, fontSize, fontWeight, fontFamily, borderTopWidth, borderRadius, textDecorationLine } = said;
      return [node.localName, node.className, ...around, color, backgroundColor, fontSize, fontWeight, fontFamily, borderTopWidth, borderRadius, textDecorationLine].join(" | ");
    });
  });

for (const style of STYLES) {
  test(`a ${style} has the same parts, boxes and colours from the script, as HTML and in a frame`, async (t) => {
    for (const [from, what] of style === "card" ? [[server, "ai"], [server, "kitchen"], [rtl, "ai"]] : [[server, "ai"]]) {
      const reply = await ask(from, PAGES[what], style);
      const { html, creative } = reply.decisions["0"];
      assert.equal(creative.style, style);
      // A card on cooking is the pan's, with its pictures.
      assert.equal(!!creative.logo, what === "kitchen");
      const head = "<style>body { margin: 0 } main { padding: 8px } iframe { border: 0; width: 100%; height: 900px }</style>";
      const frame = `<!doctype html><link rel="stylesheet" href="${from.base}/embed/v1/unit.css"><body class="adj-page">${html}`;
      const host = await site({
        "/element": story(script(from.base) + '<adjacent-unit placement="article-end"></adjacent-unit>', head),
        "/html": story(html, `<link rel="stylesheet" href="${from.base}/embed/v1/unit.css">${head}`),
        "/frame": story('<iframe title="unit" src="/framed"></iframe>', head),
        "/framed": frame,
      });
      t.after(host.stop);
      const page = await browser.page();
      t.after(() => page.context().close());
      await page.route("**/v1/decisions", (route) => route.fulfill({ headers: { "access-control-allow-origin": "*" }, json: reply }));
      for (const [colorScheme, width, ways] of [["light", 320, ["html", "frame"]], ["dark", 1280, ["html"]]]) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 900 });
        await page.goto(`${host.base}/element`);
        await unit(page).waitFor();
        const drawn = await looks(unit(page));
        assert.ok(drawn.length >= 8, drawn.join("\n"));
        assert.equal(drawn.some((part) => part.includes("adj-logo")), what === "kitchen");
        for (const way of ways) {
          await page.goto(`${host.base}/${way}`);
          const from = way === "frame" ? page.frameLocator("iframe") : page;
          assert.deepEqual(await looks(from.locator(".adj")), drawn, `${what} as ${way} in ${colorScheme} at ${width}`);
        }
      }
    }
  });
}
