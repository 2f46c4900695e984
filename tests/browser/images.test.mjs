// Logos and images: rendered with reserved space, and loaded from the server only.
import assert from "node:assert/strict";
import { test } from "node:test";
import { site, story, unit } from "./browser.mjs";
import { fixture } from "./fixture.mjs";

const { browser, server } = await fixture();

/** The embed tag of a page on food, read in Austria: it gets the copper pan. */
const kitchen = (styles) =>
  `<script async src="${server.base}/embed/v1/adjacent.js" data-publisher="eu-tech-news" data-styles="${styles}" ` +
  `data-placement="article-end" data-topics="food" data-viewer-region="AT"></script>`;

/** A page and its requests. */
const opened = async (t, body, options = {}) => {
  const host = await site({ "/": { body, headers: options.headers }, "/favicon.ico": " " });
  t.after(host.stop);
  const page = await browser.page(options);
  const requests = [];
  page.on("request", (request) => requests.push(request));
  await page.addInitScript(() => {
    window.shifts = [];
    new PerformanceObserver((list) => {
      window.shifts.push(...list.getEntries().map((entry) => entry.value));
    }).observe({ type: "layout-shift", buffered: true });
  });
  return { host, page, requests };
};

const loaded = (page) =>
  page.waitForFunction(() => {
    const root = document.querySelector("adjacent-unit")?.shadowRoot ?? document;
    const images = [...root.querySelectorAll(".adj-logo, .adj-image")];
    return images.length > 0 && images.every((one) => one.complete && one.naturalWidth > 0);
  });

const sizes = (page) =>
  page.evaluate(() => {
    const root = document.querySelector("adjacent-unit")?.shadowRoot ?? document;
    const of = (node) => {
      const { width, height } = node.getBoundingClientRect();
      return [width, height].map(Math.round);
    };
    const image = root.querySelector(".adj-image");
    return { image: of(image), logo: of(root.querySelector(".adj-logo")), available: of(image.parentElement)[0], height: of(image.parentElement)[1] };
  });

test("a card shows its logo and image, both loaded from the server", async (t) => {
  const { host, page, requests } = await opened(t, story(kitchen("card")));
  await page.goto(host.base);
  await loaded(page);

  const image = unit(page).locator(".adj-image");
  assert.equal(await image.getAttribute("alt"), "Eine Kupferpfanne von oben, der Griff nach rechts");
  const logo = unit(page).locator(".adj-top .adj-logo");
  assert.equal(await logo.getAttribute("alt"), "Kupferpfanne");
  const { image: shown, logo: beside } = await sizes(page);
  assert.deepEqual([shown, beside], [[640, 360], [20, 20]]);
  const origins = new Set(requests.map((request) => new URL(request.url()).origin));
  assert.deepEqual([...origins].sort(), [host.base, server.base].sort());
  const images = requests.filter((request) => request.url().includes("/embed/pictures/"));
  assert.equal(images.length, 2);
  for (const request of images) {
    const headers = await request.allHeaders();
    // Only the page's origin is sent, as for any image on it.
    assert.equal(headers.referer, host.base + "/");
    assert.equal(headers.cookie, undefined);
  }
  assert.deepEqual(page.errors, []);
});

test("space for images is reserved: loading them causes no layout shift", async (t) => {
  // The page reserves space for the unit; the images are delayed.
  const reserved = '<adjacent-unit data-placement="article-end"></adjacent-unit>';
  const head = "<style>adjacent-unit { display: block; min-height: 760px }</style>";
  const { host, page } = await opened(t, story(reserved + kitchen("card"), head));
  let release;
  const held = new Promise((done) => (release = done));
  await page.route("**/embed/pictures/**", async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(host.base);
  await unit(page).locator(".adj-image").waitFor();
  const before = await sizes(page);
  assert.deepEqual([before.image, before.logo], [[640, 360], [20, 20]]);
  release();
  await loaded(page);

  assert.deepEqual(await sizes(page), before);
  const shifts = await page.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(window.shifts), 100))),
  );
  assert.deepEqual(shifts, []);
});

test("a narrow unit shows its complete image in its aspect ratio", async (t) => {
  const options = { viewport: { width: 320, height: 800 } };
  const { host, page } = await opened(t, story(kitchen("card")), options);
  await page.goto(host.base);
  await loaded(page);

  const { image, available } = await sizes(page);
  assert.ok(image[0] <= available && image[0] > 200, `${image} in ${available}`);
  assert.ok(Math.abs(image[0] / image[1] - 640 / 360) < 0.02, `${image}`);
});

test("a line and the reference unit have no image", async (t) => {
  const reference = kitchen("terminal").replace("food", "ai-infrastructure").replace("AT", "DE");
  for (const script of [kitchen("line"), reference]) {
    const { host, page, requests } = await opened(t, story(script));
    await page.goto(host.base);
    await unit(page).waitFor();
    assert.equal(await unit(page).locator("img").count(), 0);
    assert.ok(!requests.some((request) => request.url().includes("/embed/pictures/")));
  }
});

test("the stand-alone unit page shows images without scripts", async (t) => {
  const { page } = await opened(t, "", { javaScriptEnabled: false });
  const responses = [];
  page.on("response", (response) => responses.push(response));
  const query = "publisher=eu-tech-news&placement=article-end&style=card&topic=mobility&viewer_region=NL";
  await page.goto(`${server.base}/v1/unit?${query}`, { waitUntil: "networkidle" });

  const box = async (name) => {
    const { width, height } = await page.locator(name).boundingBox();
    return [width, height].map(Math.round);
  };
  assert.deepEqual(await box(".adj-logo"), [40, 20]);
  assert.deepEqual(await box(".adj-image"), [640, 320]);
  const images = responses.filter((response) => response.url().includes("/embed/pictures/"));
  assert.deepEqual(images.map((response) => response.status()), [200, 200]);
  assert.deepEqual(page.errors, []);
});
