// Accessibility of units: axe, keyboard, screen reader, motion and language.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { launch, scriptTag, site, story, unit } from "./browser.mjs";
import { start, until } from "./server.mjs";
import { arabic, variants, openUnit, STYLES } from "./style.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let browser, server, rtl;
before(async () => {
  [server, rtl] = await Promise.all([start(), start(arabic)]);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await Promise.all([server?.stop(), rtl?.stop()]);
});

const violationsOf = async (page) => {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.flatMap((v) => v.nodes.map((node) => `${v.id}: ${node.html.slice(0, 100)} ${node.failureSummary}`));
};

test("axe finds no violation in any style, colour scheme or width", async (t) => {
  const head = "<style>html { color-scheme: light dark; background: light-dark(#fff, #111) }</style>";
  for (const variant of variants()) {
    const page = await openUnit(t, browser, { from: server, ...variant, head });
    assert.deepEqual(await violationsOf(page), [], JSON.stringify(variant));
  }
});

test("axe finds no violation in a frame, in HTML or in a right-to-left language", async (t) => {
  for (const colorScheme of ["light", "dark"]) {
    const page = await browser.page({ colorScheme, bypassCSP: true });
    t.after(() => page.context().close());
    for (const style of STYLES) {
      await page.goto(`${server.base}/v1/unit?publisher=eu-tech-news&placement=article-end&topic=ai-infrastructure&viewer_region=DE&style=${style}`);
      await page.locator(`.adj-${style}`).waitFor();
      const found = (await violationsOf(page)).filter((one) => !/^(region|landmark-one-main|page-has-heading-one)/.test(one));
      assert.deepEqual(found, [], `${style} ${colorScheme}`);
    }
    assert.deepEqual(await violationsOf(await openUnit(t, browser, { from: rtl, options: { colorScheme } })), []);
  }
});

test("Tab moves from the headline to the why link with a visible focus", async (t) => {
  const page = await openUnit(t, browser, { from: server, inside: '<a href="/" id="ahead">Before</a>' });
  await page.locator("#ahead").focus();
  const focused = [];
  for (let step = 0; step < 5; step++) {
    await page.keyboard.press("Tab");
    focused.push(
      await page.evaluate(() => {
        const at = document.querySelector("adjacent-unit").shadowRoot.activeElement;
        const { outlineStyle, outlineWidth } = getComputedStyle(at);
        return [at.className, outlineStyle !== "none" && parseFloat(outlineWidth) > 0];
      }),
    );
  }
  assert.deepEqual(focused, ["adj-title", "adj-copy", "adj-cta", "adj-cta", "adj-why"].map((name) => [name, true]));
});

test("the keyboard copies the command exactly as shown, and the button announces it", async (t) => {
  const page = await openUnit(t, browser, { from: server, options: { permissions: ["clipboard-read", "clipboard-write"] } });
  const button = unit(page).getByRole("button", { name: "copy" });
  await button.focus();
  await page.keyboard.press("Enter");
  await until("copied", async () => (await unit(page).locator(".adj-copy").innerText()) === "copied");

  const typed = await unit(page).locator(".adj-typed").innerText();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), typed);
  assert.equal(await unit(page).locator(".adj-copy").getAttribute("aria-live"), "polite");
});

test("a screen reader announces the ad label, the sponsor and the command", async (t) => {
  const page = await openUnit(t, browser, { from: server });
  const spoken = await page.locator("adjacent-unit").ariaSnapshot();
  for (const text of [
    'complementary "Anzeige, Advertisement, paid content"',
    "brought to you by zahid.host",
    'figure "command for a terminal"',
    "code: git push zahid main\n",
    'button "copy"',
    'link "Run your AI side-project on zahid.host"',
    'link "Pricing"',
    'link "why this"',
  ]) {
    assert.ok(spoken.includes(text), `${text} missing in\n${spoken}`);
  }
  // The word that the country requires, in a unit that is in the page's language.
  for (const [part, language] of [[".adj-why", "en"], [".adj-top", "en"], [".adj-label", "de"]]) {
    assert.equal(await unit(page).locator(part).getAttribute("lang"), language);
  }
});

test("a unit has no animation or transition", async (t) => {
  for (const reducedMotion of ["no-preference", "reduce"]) {
    for (const style of STYLES) {
      const page = await openUnit(t, browser, { from: server, style, options: { reducedMotion } });
      const moving = await page.evaluate(() => {
        const parts = [...document.querySelector("adjacent-unit").shadowRoot.querySelectorAll("*")];
        return parts.filter((part) => getComputedStyle(part).transitionDuration !== "0s" || part.getAnimations().length).length;
      });
      assert.equal(moving, 0);
    }
  }
});

for (const [country, text, language] of [
  ["DE", "Anzeige", "de"],
  ["AT", "Werbung", "de"],
  ["FR", "Publicité", "fr"],
  ["BE", "Advertentie", "nl"],
]) {
  test(`a reader in ${country} sees “${text}” and a working why link`, async (t) => {
    const one = scriptTag(server.base).replace('viewer-region="DE"', `viewer-region="${country}"`);
    const host = await site({ "/": story(`${one}<adjacent-unit placement="article-end" topics="ai-infrastructure" language="${language}"></adjacent-unit>`) });
    t.after(host.stop);
    const page = await browser.page();
    t.after(() => page.context().close());
    await page.goto(host.base);
    assert.equal(await unit(page).locator(".adj-label").innerText(), text);
    assert.equal(await unit(page).locator(".adj-top").getAttribute("lang"), language);
    const answer = await fetch(await unit(page).locator(".adj-why").getAttribute("href"));
    assert.equal(answer.status, 200);
  });
}
