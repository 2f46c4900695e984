// Units in every style and place, and inventories that try what a unit can take.
import assert from "node:assert/strict";
import { heard, listen, script, site, story } from "./browser.mjs";

export const STYLES = ["terminal", "card", "line"];

const replaced = (text, pairs) =>
  pairs.reduce((text, [from, to]) => {
    assert.ok(text.includes(from), from);
    return text.replace(from, () => to);
  }, text);

/** The reference unit in a language that is read from right to left. */
export const arabic = {
  "inventory/zahid-host.toml": (text) =>
    replaced(text, [
      ['language = "en"\nheadline = "Run your AI side-project on zahid.host"', 'language = "ar"\nheadline = "شغّل مشروعك الجانبي على zahid.host"'],
      ['body = "Push', 'body = "ادفع المستودع واحصل على خدمة تعمل. Push'],
      ['text = "Get free account"', 'text = "حساب مجاني"'],
    ]),
};

/** A creative that does all it may to be read before its label, or instead of it. */
export const loud = {
  "inventory/zahid-host.toml": (text) =>
    replaced(text, [
      ['name = "zahid.host"', `name = "${"W".repeat(58)}"`],
      ['headline = "Run your AI side-project on zahid.host"', `headline = "${"NOT".repeat(26)} editorial"`],
      ['body = "Push', `body = "${"LongWordWithoutAnyBreak".repeat(6)} Push`],
      ['text = "Get free account"', `text = "${"Editorial".repeat(2)}"`],
    ]),
};

/** A page with a unit in a style. */
export const shown = async (t, browser, { style = "terminal", from, head = "", options, inside = "" } = {}) => {
  const one = `<adjacent-unit placement="article-end" topics="ai-infrastructure" styles="${style}"></adjacent-unit>`;
  const host = await site({ "/": story(inside + script(from.base) + one, head) });
  t.after(host.stop);
  const page = await browser.page(options);
  t.after(() => page.context().close());
  await listen(page);
  await page.goto(host.base);
  const [{ what }] = await heard(page, 1);
  assert.equal(what, "fill");
  return page;
};

export const PHONE = { viewport: { width: 320, height: 640 } };

/** Every place in which a unit may stand: style, way, scheme, width, direction. */
export const places = () => {
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
