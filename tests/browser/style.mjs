// Pages with units in every style and setting, and inventories with extreme texts.
import assert from "node:assert/strict";
import { unitEvents, recordEvents, scriptTag, site, story } from "./browser.mjs";

export const STYLES = ["terminal", "card", "line"];

const replaced = (text, pairs) =>
  pairs.reduce((text, [from, to]) => {
    assert.ok(text.includes(from), from);
    return text.replace(from, () => to);
  }, text);

/** The reference creative in Arabic, a right-to-left language. */
export const arabic = {
  "inventory/zahid-host.toml": (text) =>
    replaced(text, [
      ['language = "en"\nheadline = "Run your AI side-project on zahid.host"', 'language = "ar"\nheadline = "شغّل مشروعك الجانبي على zahid.host"'],
      ['body = { text = "Put', 'body = { text = "ادفع المستودع واحصل على خدمة تعمل. Put'],
      ['text = "Get free account"', 'text = "حساب مجاني"'],
    ]),
};

/** A creative with the longest allowed texts, which could displace or hide the ad label. */
export const extremeTexts = {
  "inventory/zahid-host.toml": (text) =>
    replaced(text, [
      ['name = "zahid.host"', `name = "${"W".repeat(58)}"`],
      ['headline = "Run your AI side-project on zahid.host"', `headline = "${"NOT".repeat(26)} editorial"`],
      ['body = { text = "Put', `body = { text = "${"LongWordWithoutAnyBreak".repeat(6)} Put`],
      ['text = "Get free account"', `text = "${"Editorial".repeat(2)}"`],
    ]),
};

/** Opens a page with a filled unit of the given style. */
export const openUnit = async (t, browser, { style = "terminal", from, head = "", options, inside = "" } = {}) => {
  const one = `<adjacent-unit placement="article-end" topics="ai-infrastructure" styles="${style}"></adjacent-unit>`;
  const host = await site({ "/": story(inside + scriptTag(from.base) + one, head) });
  t.after(host.stop);
  const page = await browser.page(options);
  t.after(() => page.context().close());
  await recordEvents(page);
  await page.goto(host.base);
  const [{ type }] = await unitEvents(page, 1);
  assert.equal(type, "fill");
  return page;
};

export const PHONE = { viewport: { width: 320, height: 640 } };

/** All combinations of style, colour scheme and viewport. */
export const variants = () => {
  const all = [];
  for (const style of STYLES) {
    for (const colorScheme of ["light", "dark"]) {
      for (const viewport of [PHONE.viewport, { width: 1600, height: 900 }]) {
        all.push({ style, options: { colorScheme, viewport } });
      }
    }
  }
  return all;
};
