// Takes screenshots of units and pages for visual review: node screenshots.mjs FOLDER
// `units.png` and `demo.png` are the images in the README.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { unitEvents, launch, recordEvents, scriptTag, site, story, unit } from "./browser.mjs";
import { writeIndexedPng } from "./png.mjs";
import { start } from "./server.mjs";
import { arabic, STYLES } from "./style.mjs";

const folder = process.argv[2] ?? "screenshots";
mkdirSync(folder, { recursive: true });
const [server, rtl, browser] = await Promise.all([start(), start(arabic), launch()]);
let demo;
for (const width of [1280, 390]) {
  for (const colorScheme of ["light", "dark"]) {
    const page = await browser.page({ viewport: { width, height: 900 }, colorScheme });
    const shoot = (name) => page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    await page.goto(`${server.demo}?viewer=DE`);
    await page.locator("#inspector", { hasText: "The draw" }).waitFor();
    await shoot("demo");
    if (!demo) {
      // The end of the article, the unit, and the panes with request, decision and trace.
      const [{ y }, height] = [await unit(page).first().boundingBox(), await page.evaluate(() => document.documentElement.scrollHeight)];
      demo = await page.screenshot({ fullPage: true, clip: { x: 0, y: Math.round(y) - 330, width, height: Math.min(1900, height - Math.round(y) + 330) } });
    }
    const why = await unit(page).locator(".adj-why").getAttribute("href");
    await page.goto(why);
    await shoot("why");
    await page.goto(server.bannerUrl("zahid-host"));
    await shoot("advertiser");
    await page.context().close();
  }
}

// Each style alone, and all styles on one page: each in its own frame, as a separate page view.
const cell = (from) => (url) => {
  const { style, scheme } = Object.fromEntries(url.searchParams);
  const head = `<style>html { color-scheme: ${scheme} } body { margin: 0 } h1, p { display: none }
    main { padding: 12px } adjacent-unit { --adj-scheme: ${scheme} }</style>`;
  const one = `<adjacent-unit placement="article-end" topics="ai-infrastructure" styles="${style}"></adjacent-unit>`;
  return story(scriptTag(from.base) + one, head);
};
const HEIGHTS = { terminal: 520, card: 460, line: 180 };
const overview = `<!doctype html><html lang="en"><style>
  body { margin: 0; width: 1960px; display: grid; grid-template-columns: 640px 340px 640px 340px; background: #fff }
  iframe { border: 0; width: 100%; margin: 0 }
  .dark { background: #121212 }</style><body>${STYLES.flatMap((style) =>
  ["light", "dark"].flatMap((scheme) =>
    [0, 1].map(
      () => `<div class="${scheme}"><iframe title="${style}" src="/cell?style=${style}&scheme=${scheme}" height="${HEIGHTS[style]}"></iframe></div>`,
    ),
  ),
).join("")}</body></html>`;
const host = await site({ "/cell": cell(server), "/arabic": cell(rtl), "/all": overview });
for (const style of STYLES) {
  for (const scheme of ["light", "dark"]) {
    for (const width of [1280, 320]) {
      for (const path of ["cell", "arabic"]) {
        const page = await browser.page({ viewport: { width, height: 900 } });
        await recordEvents(page);
        await page.goto(`${host.base}/${path}?style=${style}&scheme=${scheme}`);
        await unitEvents(page, 1);
        await page.screenshot({ path: join(folder, `${path}-${style}-${width}-${scheme}.png`), fullPage: true });
        await page.context().close();
      }
    }
  }
}
const page = await browser.page({ viewport: { width: 1960, height: 100 } });
await page.goto(`${host.base}/all`);
for (const frame of page.frames().slice(1)) await frame.locator("adjacent-unit .adj").waitFor();
await writeIndexedPng(page, await page.screenshot({ fullPage: true }), join(folder, "units.png"));
await writeIndexedPng(page, demo, join(folder, "demo.png"));

host.stop();
await browser.close();
await Promise.all([server.stop(), rtl.stop()]);
