// Texts of advertisers and publishers are never interpreted as markup; pages pass axe.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { unitEvents, launch, embedTag, recordEvents, site, story, unit } from "./browser.mjs";
import { start } from "./server.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let browser, server, nasty;
const IMG = "<img src=x onerror=alert(1)>";
const SCRIPT = "</script></style></title><script>alert(2)</script>";
const QUOTE = "\\\"'onmouseover=alert(3) onfocus=alert(3) x=\\\"";
const SVG = "<svg/onload=alert(4)>";

const replaced = (text, pairs) =>
  pairs.reduce((text, [from, to]) => {
    assert.ok(text.includes(from), from);
    return text.replace(from, () => to);
  }, text);

/** The example inventory with an injection attempt in every field that a reader sees. */
const polyglots = {
  "inventory/zahid-host.toml": (text) =>
    replaced(text, [
      ['name = "zahid.host"', `name = "${IMG}"`],
      ['name = "Launch in Europe"', `name = "${SVG}"`],
      ['on_behalf_of = "zahid.host"', `on_behalf_of = "${SCRIPT}"`],
      ['paid_by = "Zahid Hosting GmbH"', `paid_by = "${QUOTE}"`],
      ['headline = "Run your AI side-project on zahid.host"', `headline = "${SCRIPT}${IMG}"`],
      ['body = { text = "Put', `body = { text = "${IMG}${SCRIPT}${QUOTE}${SVG} javascript:alert(5) Put`],
      ["reading about {topic}? ship yours in a single git push.\", fallback", `{topic}${IMG}${SVG}", fallback`],
      ['fallback = "reading about agents?', `fallback = "${SVG}`],
      ['output = "Live at https://your-agent.zahid.host"', `output = "${SCRIPT}"`],
      ['command = { text = "git push zahid main"', `command = { text = "git push zahid --x='onfocus=1 onmouseover=1'"`],
      ['text = "from €0/mo"', `text = "${IMG}"`],
      ['note = "no card required"', `note = "${QUOTE}"`],
      ['per = "month"', 'per = "<b>month</b>"'],
      ['text = "4,200+ EU-deployed projects"', `text = "${SCRIPT}"`],
      ['source = "zahid.host, own count of running projects"', `source = "${QUOTE}${IMG}"`],
      ['text = "Get free account"', `text = "${IMG}"`],
      ['text = "Pricing"', `text = "${SVG}"`],
      ['url = "https://zahid.host/pricing"', `url = "https://zahid.host/pricing?a='%22%3E%3Csvg/onload=alert(6)%3E"`],
    ]),
  "inventory/topics.toml": (text) => replaced(text, [['name = "AI infrastructure"', `name = "${IMG}"`]]),
  "inventory/publishers.toml": (text) => replaced(text, [['name = "EU Tech News"', `name = "${SCRIPT}"`]]),
  "labels.toml": (text) => replaced(text, [['sponsor_line = "präsentiert von {sponsor}"', `sponsor_line = "${SVG} {sponsor}"`]]),
};

before(async () => {
  server = await start();
  nasty = await start(polyglots);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
  await nasty?.stop();
});

/** Fires events on all elements; returns errors and elements that are the result of an injection. */
const provoked = async (page, within) => {
  for (const target of [page, ...page.frames().slice(1)]) {
    await target.evaluate((within) => {
      const roots = [document, ...[...document.querySelectorAll("adjacent-unit")].map((unit) => unit.shadowRoot)];
      for (const node of roots.flatMap((root) => [...root.querySelectorAll(`${within} *, .adj *`)])) {
        const how = { bubbles: true, cancelable: true, composed: true };
        node.dispatchEvent(new MouseEvent("mouseover", how));
        node.dispatchEvent(new FocusEvent("focus", how));
      }
    }, within);
  }
  await page.waitForTimeout(100);
  const injected = await page.evaluate((within) => {
    const roots = [document, ...[...document.querySelectorAll("adjacent-unit")].map((u) => u.shadowRoot)];
    const all = roots.flatMap((root) => [...root.querySelectorAll(`${within} *, .adj *`)]);
    return all
      .filter((node) => {
        const handlers = [...node.attributes].some((a) => a.name.startsWith("on"));
        const strange = ["svg", "script", "style", "b-", "title"].includes(node.localName);
        const image = node.localName === "img" && !node.className;
        return handlers || image || (strange && node.closest(".adj, aside"));
      })
      .map((node) => node.outerHTML);
  }, within);
  return [...page.errors.filter((text) => /dialog|alert|Refused|violates/.test(text)), ...injected];
};

test("no text of an advertiser is executed on any page", async (t) => {
  const parameters = "publisher=eu-tech-news&placement=article-end&topic=ai-infrastructure&viewer_region=DE";
  const reply = await (await fetch(`${nasty.base}/v1/decisions?${parameters}&render=html`)).json();
  const decision = reply.decisions["article-end"];
  assert.ok(decision.creative.headline.includes("<script>"), "the headline must be served unchanged");
  const host = await site({
    "/": story(embedTag(nasty.base)),
    "/html": story(`<div class="html">${decision.html}</div>`),
  });
  t.after(host.stop);
  const sinks = [
    [`${host.base}/`, "adjacent-unit"],
    [`${host.base}/html`, ".html"],
    [`${nasty.base}/v1/unit?${parameters}`, "body"],
    [`${nasty.demo}?viewer=DE`, "#end"],
    [decision.transparency.why_url, "main"],
    [nasty.bannerUrl("zahid-host"), "main"],
    [`${nasty.base}/`, "body"],
  ];

  for (const [address, within] of sinks) {
    const page = await browser.page();
    await page.goto(address);
    if (within === "adjacent-unit" || within === "#end") await unit(page).waitFor();
    assert.deepEqual(await provoked(page, within), [], address);
    await page.context().close();
  }
});

test("on a foreign origin a unit is shown and its events are invalid as idle", async (t) => {
  const strict = await start({
    "inventory/publishers.toml": (text) => replaced(text, [['page_urls = "path"', 'page_urls = "path"\norigins = ["https://news.example"]']]),
  });
  t.after(strict.stop);
  const host = await site({ "/": story(embedTag(strict.base)) });
  t.after(host.stop);
  const page = await browser.page();
  t.after(() => page.context().close());
  await recordEvents(page);
  await page.goto(host.base);
  const [{ type, decision }] = await unitEvents(page, 1);

  assert.equal(type, "fill", "the reader must still get a unit");
  await strict.expectEvents(decision, "impression invalid idle", "viewable invalid idle");
  const metrics = await (await fetch(strict.bannerUrl("metrics"))).text();
  assert.match(metrics, /^adjacent_invalid_events_total\{kind="impression",reason="idle"\} 1$/m);
  assert.doesNotMatch(metrics, /^adjacent_spend_micros_total\{.*\} [1-9]/m);
});

test("query parameters of the demo page are treated as text", async () => {
  const page = await browser.page();
  const evil = encodeURIComponent('"><img src=x onerror=alert(1)><script>alert(2)</script>');
  for (const name of ["topic", "entities", "subject", "viewer", "style", "commercial"]) {
    await page.goto(`${server.demo}?${name}=${evil}`);
    assert.deepEqual(await provoked(page, "#end"), [], name);
  }
});

test("axe finds no violation on public pages", async () => {
  const page = await browser.page({ bypassCSP: true });
  await page.goto(server.demo);
  await page.locator("#inspector", { hasText: "The draw" }).waitFor();
  const why = await unit(page).locator(".adj-why").getAttribute("href");

  const found = [];
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const address of [server.demo, `${server.demo}?style=card`, why, server.bannerUrl("zahid-host"), `${server.base}/`]) {
      await page.goto(address);
      if (address.startsWith(server.demo)) {
        await page.locator("#inspector", { hasText: "The draw" }).waitFor();
      }
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run());
      const messages = violations.flatMap((v) => v.nodes.map((node) => `${v.id}: ${node.html.slice(0, 120)} ${node.failureSummary}`));
      found.push(...messages.map((line) => `${scheme} ${new URL(address).pathname} ${line}`));
    }
  }
  assert.deepEqual(found, []);
});
