// Pictures of what people see, to look at: node shots.mjs FOLDER
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launch, unit } from "./browser.mjs";
import { start } from "./server.mjs";

const folder = process.argv[2] ?? "shots";
mkdirSync(folder, { recursive: true });
const [server, browser] = await Promise.all([start(), launch()]);
for (const width of [1280, 390]) {
  for (const colorScheme of ["light", "dark"]) {
    const page = await browser.page({ viewport: { width, height: 900 }, colorScheme });
    const shoot = (name) => page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    await page.goto(`${server.demo}?viewer=DE`);
    await page.locator("#inspector", { hasText: "The draw" }).waitFor();
    await shoot("demo");
    const why = await unit(page).locator(".adj-why").getAttribute("href");
    await page.goto(`${server.demo}?style=card&viewer=DE`);
    await unit(page).waitFor();
    await unit(page).screenshot({ path: join(folder, `card-${width}-${colorScheme}.png`) });
    await page.goto(why);
    await shoot("why");
    await page.goto(server.named("zahid-host"));
    await shoot("advertiser");
    await page.context().close();
  }
}
await browser.close();
await server.stop();
