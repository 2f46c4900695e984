// The npm package in a browser. Counts are checked by the server's metrics.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { launch, site } from "../browser/browser.mjs";
import { start, until } from "../browser/server.mjs";
import { install, key } from "./project.mjs";

let browser, project, app, plain, rendered, server, open, page;
before(async () => {
  project = install();
  app = project.bundle("app.tsx", "--jsx=automatic");
  plain = project.bundle("plain.ts");
  rendered = await project.load("server.tsx");
  browser = await launch();
});
after(async () => {
  await browser?.close();
  project?.remove();
});
beforeEach(async () => {
  server = await start();
  page = await browser.page();
});
afterEach(async () => {
  await page.context().close();
  open?.stop();
  await server.stop();
});

const options = () => ({
  base: server.base,
  publisher: "eu-tech-news",
  page: { topics: ["ai-infrastructure"] },
  viewer: { region: "DE" },
});

const script = (text) => ({ body: text, headers: { "content-type": "text/javascript" } });
const globalTag = (name, value) => `<script>window.${name} = ${JSON.stringify(value).replaceAll("<", "\\u003c")}</script>`;
const shell = (head, body, source) =>
  `<!doctype html><html lang="en"><head><title>A story</title>${head}</head><body>${body}` +
  `<script type="module" src="${source}"></script></body></html>`;

/** Opens the React site. */
const react = async (scene, markup = "") => {
  const html = shell(globalTag("scene", scene), `<div id="root">${markup}</div>`, "/app.js");
  open = await site({ "/": html, "/app.js": script(app) });
  await page.goto(open.base);
};

const decided = () => server.metric('adjacent_decisions_total{outcome="filled"}');
const received = (kind) => server.metric(`adjacent_events_received_total{kind="${kind}"}`);
const unit = () => page.locator(".unit .adj");
const unitEvents = () => page.evaluate(() => window.unitEvents);

/** Errors of the page, without those about its missing favicon. */
const errors = () => page.errors.filter((text) => !text.includes("favicon") && !text.includes("404"));

test("in React's strict mode a unit is decided once and counted once", async () => {
  await react({ options: options(), placements: ["article-end"] });
  await unit().waitFor();
  assert.equal(await unit().locator(".adj-label").innerText(), "Anzeige");
  await server.expectCount("viewable", 1);

  await server.expectCount("impression", 1);
  assert.equal(await received("impression"), 1);
  assert.equal(await decided(), 1);
  assert.deepEqual(await unitEvents(), ["fill zahid-host", "viewable zahid-host"]);
  assert.deepEqual(errors(), []);
});

test("units of a page are requested in one call and have different sponsors", async () => {
  const calls = [];
  page.on("request", (request) => {
    if (request.url().includes("/v1/decisions")) calls.push(JSON.parse(request.postData()));
  });
  await react({ options: options(), placements: ["article-end", "sidebar"] });
  await unit().nth(1).waitFor();

  assert.equal(calls.length, 1);
  assert.deepEqual(calls[0].placements.map((one) => one.key), ["article-end", "sidebar"]);
  assert.equal(calls[0].page.url, open.base + "/");
  const sponsors = (await unitEvents()).filter((one) => one.startsWith("fill"));
  assert.equal(new Set(sponsors).size, 2, String(sponsors));
  await server.expectCount("impression", 2);
});

test("an unmounted unit is removed completely, and mounting it again shows the same decision", async () => {
  await react({ options: options(), placements: ["article-end"] });
  await unit().waitFor();
  await server.expectCount("impression", 1);
  const host = await page.locator(".unit").elementHandle();

  await page.locator("#leave").click();
  await page.locator(".unit").waitFor({ state: "detached" });
  assert.equal(await host.evaluate((node) => node.shadowRoot.querySelectorAll(".adj").length), 0);
  const viewable = await received("viewable");

  await page.locator("#leave").click();
  await unit().waitFor();
  await server.expectCount("viewable", viewable + 1);
  assert.equal(await received("impression"), 1);
  assert.equal(await decided(), 1);
});

test("a unit unmounted within its first second is not viewable", async () => {
  const html = shell(globalTag("site", options()), '<div id="mounted"></div>', "/plain.js");
  open = await site({ "/": html, "/plain.js": script(plain) });
  await page.goto(open.base);
  await page.waitForFunction(() => window.mount);

  await page.evaluate(async () => {
    const mounted = await window.mount("article-end");
    // In view for some frames, so that its second has started.
    for (let frame = 0; frame < 5; frame++) await new Promise(requestAnimationFrame);
    mounted.unmount();
    await window.mount("sidebar");
  });

  // The unit that stays serves as the clock: its second started later.
  await server.expectCount("viewable", 1);
  assert.equal(await received("viewable"), 1);
  await server.expectCount("impression", 2);
});

test("no space is reserved for a unit, and fallback content is shown on a no-fill", async () => {
  const nothing = { ...options(), page: { commercial: "none" } };
  await react({ options: nothing, placements: ["article-end"] });
  await page.locator(".own").waitFor();
  assert.deepEqual(await unitEvents(), ["nofill commercial_off"]);
  assert.equal(await page.locator(".unit").evaluate((node) => node.shadowRoot), null);

  const markup = rendered.render({ options: options(), placements: ["article-end"] });
  assert.match(markup, /<div class="unit"><\/div><p id="after">/);
});

test("a navigation within the document is a new page view", async () => {
  await react({ options: options(), placements: ["article-end"] });
  await unit().waitFor();
  await server.expectCount("impression", 1);

  await page.locator("#cook").click();
  await unit().getByText("Pfanne").first().waitFor();

  await server.expectCount("impression", 2);
  assert.equal(await decided(), 2);
  assert.equal(await page.locator(".unit").count(), 1);
});

test("a server-side rendered decision counts once when the reader's browser hydrates it", async () => {
  const { decide } = await project.load("node", 'export { decide } from "@adjacent/web";');
  const call = { ...options(), key: key(server, "eu-tech-news"), placements: [{ name: "article-end" }] };
  const decision = (await decide(call)).decisions["article-end"];
  const scene = { options: options(), placements: ["article-end"], decision, hydrate: true };

  await react(scene, rendered.render(scene));
  await unit().waitFor();
  await server.expectCount("viewable", 1);

  await server.expectCount("impression", 1);
  assert.equal(await decided(), 1, "the browser must not request a decision");
  assert.deepEqual(errors(), [], "hydration must match the rendered markup");
});

test("an unreachable server leaves the page unchanged", async () => {
  const unreachable = { ...options(), base: "http://127.0.0.1:1" };
  await react({ options: unreachable, placements: ["article-end"] });
  await page.locator(".own").waitFor();
  assert.deepEqual(await unitEvents(), ["nofill no_answer"]);
  assert.ok(await page.locator("#after").isVisible());
});

test("the bundled element is decided once, counted once, and can be moved in the document", async () => {
  const body =
    '<adjacent-unit placement="article-end"></adjacent-unit><div id="other"></div><div id="mounted"></div>';
  open = await site({ "/": shell(globalTag("site", options()), body, "/plain.js"), "/plain.js": script(plain) });
  await page.goto(open.base);
  const own = page.locator("adjacent-unit .adj");
  await own.waitFor();
  await page.evaluate(() => document.getElementById("other").append(document.querySelector("adjacent-unit")));
  await own.waitFor();
  await server.expectCount("viewable", 1);
  await server.expectCount("impression", 1);
  assert.equal(await decided(), 1);

  await page.evaluate(() => window.defined.refresh({ page: { topics: ["cooking"] } }));
  await own.getByText("Pfanne").first().waitFor();
  await server.expectCount("impression", 2);
  assert.equal(await received("impression"), 2);
});

test("a secret key never leaves a page", async () => {
  open = await site({ "/": shell(globalTag("site", options()), '<div id="mounted"></div>', "/plain.js"), "/plain.js": script(plain) });
  const sent = [];
  page.on("request", (request) => sent.push(request.url()));
  await page.goto(open.base);
  await page.waitForFunction(() => window.decide);
  const reply = await page.evaluate(() =>
    window.decide({ ...window.site, key: "secret", placements: [{ name: "article-end" }] }),
  );

  assert.deepEqual(reply.failure, { what: "key_in_browser" });
  assert.deepEqual(sent.filter((url) => url.startsWith(server.base)), []);
});

test("a page without viewport measurement reports an impression and nothing else", async () => {
  await page.setExtraHTTPHeaders({ "sec-gpc": "1" });
  await react({ options: { ...options(), page: { topics: ["ai-infrastructure"] } }, placements: ["article-end"] });
  await until("the decision", async () => (await unitEvents()).length > 0);
  await server.expectCount("impression", 1);
  assert.equal(await received("viewable"), 0);
});
