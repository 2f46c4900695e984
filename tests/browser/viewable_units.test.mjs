// Every look of a unit that is wholly in view is viewable, in Chromium and in Firefox: a browser must not take a
// part of the unit for something that covers it. Checked by the events that the server recorded.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import puppeteer from "puppeteer-core";
import { extendTimeouts, launch, site, story } from "./browser.mjs";
import { start } from "./server.mjs";
import { STYLES } from "./style.mjs";

const FIREFOX = process.env.ADJACENT_FIREFOX ?? "/usr/bin/firefox-esr";
const noFirefox = existsSync(FIREFOX) ? false : `${FIREFOX} is missing`;

const LOOKS = [true, false].flatMap((logo) =>
  [true, false].flatMap((image) =>
    ["en", "ar"].map((language) => ({
      logo,
      image,
      language,
      id: `look-${logo ? "logo" : "plain"}-${image ? "image" : "text"}-${language}`,
    })),
  ),
);

/** One advertiser, flight and topic for each look. */
const inventory = LOOKS.map(
  ({ logo, image, language, id }) => `
[[advertisers]]
id = "${id}"
name = "${id} with a name that may need a second line"
${logo ? 'logo = "pictures/kupferpfanne.png"' : ""}
domains = ["look.example"]
currency = "EUR"
time_zone = "UTC"

[[campaigns]]
id = "${id}"
advertiser = "${id}"
name = "Look"
political = false
categories = ["household"]
budget = { lifetime_micros = 1_500_000_000 }

[[flights]]
id = "${id}"
campaign = "${id}"
tier = "standard"
pricing = "vcpm"
price_micros = 8_000_000
pacing = "asap"
targeting = { topics = { any = ["${id}"] } }

[[creatives]]
id = "${id}"
flight = "${id}"
styles = ["terminal", "card", "line"]
language = "${language}"
headline = "${language === "ar" ? "مقلاة تفهم الحرارة" : "A pan that understands heat"}"
body = "${language === "ar" ? "نحاس مطروق باليد." : "Copper, hammered by hand."}"
${image ? 'image = { file = "pictures/pfanne.png", alt = "A pan" }' : ""}
ctas = [{ id = "primary", text = "${language === "ar" ? "إلى الورشة" : "To the workshop"}", url = "https://look.example/" }]
`,
).join("");
const topics = LOOKS.map(({ id }) => `\n[[topics]]\nid = "${id}"\nname = "${id}"\n`).join("");

let server, host;
before(async () => {
  server = await start({
    "inventory/topics.toml": (text) => text + topics,
    "inventory/zahid-host.toml": (text) => text + inventory,
  });
  const page = (url) => {
    const [topic, style] = ["topic", "style"].map((name) => url.searchParams.get(name));
    return story(
      `<script async src="${server.base}/embed/v1/adjacent.js" data-publisher="eu-tech-news" data-placement="article-end" ` +
        `data-viewer-region="DE" data-topics="${topic}" data-styles="${style}"></script>`,
      "<style>h1, p { margin: 0 } main { width: 360px }</style>",
    );
  };
  host = await site({ "/": page });
});
after(async () => {
  host?.stop();
  await server?.stop();
});

const record = () =>
  document.addEventListener("adjacent:fill", ({ detail }) => (window.filled = detail.decision));

/** Shows every look with `opened`, which returns a new page, and waits for its counted events. */
const expectViewable = async (opened, atOnce) => {
  const all = STYLES.flatMap((style) => LOOKS.map((look) => ({ style, ...look })));
  const show = async ({ style, id, logo, image }) => {
    const page = await opened();
    await page.goto(`${host.base}/?topic=${id}&style=${style}`);
    await page.waitForFunction("window.filled");
    const decision = await page.evaluate("window.filled");
    assert.deepEqual(
      [decision.advertiser.id, decision.creative.style, !!decision.creative.logo, !!decision.creative.image],
      [id, style, logo, image && style !== "line"],
    );
    await server.expectEvents(decision.decision_id, "impression counted", "viewable counted");
    await page.close();
  };
  for (let at = 0; at < all.length; at += atOnce) {
    await Promise.all(all.slice(at, at + atOnce).map(show));
  }
};

test("every style, with and without logo and image, in both directions, is viewable in Chromium", async (t) => {
  const browser = await launch();
  t.after(browser.close);
  await expectViewable(async () => {
    const page = await browser.page({ viewport: { width: 400, height: 900 } });
    await page.addInitScript(record);
    return page;
  }, 6);
});

test("every style, with and without logo and image, in both directions, is viewable in Firefox", { skip: noFirefox }, async (t) => {
  const browser = await puppeteer.launch({ browser: "firefox", executablePath: FIREFOX, headless: true });
  t.after(() => browser.close());
  // A tab in the background is hidden, so one after the other.
  await expectViewable(async () => {
    const page = await browser.newPage();
    await page.setViewport({ width: 400, height: 900 });
    await page.evaluateOnNewDocument(extendTimeouts);
    await page.evaluateOnNewDocument(record);
    return page;
  }, 1);
});
