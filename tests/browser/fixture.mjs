// A server and a browser for all tests of a file, and pages that show a unit there.
import assert from "node:assert/strict";
import { after } from "node:test";
import { launch, recordEvents, site, story, unitEvents } from "./browser.mjs";
import { start } from "./server.mjs";

/** Starts both, until the file's tests are done; `change` as in `start`. */
export const fixture = async (change) => {
  const [server, browser] = await Promise.all([start(change), launch()]);
  after(async () => {
    await browser.close();
    await server.stop();
  });
  return { server, browser };
};

/** What tests of impressions and viewability share. */
export const viewing = ({ server, browser }) => {
  /** Waits on the page's own clock. */
  const pass = (page, ms) =>
    page.evaluate((ms) => new Promise((done) => setTimeout(done, ms)), ms);

  return {
    pass,

    /** Opens a page with a filled unit; returns it with the decision id. */
    async opened(t, body, { options, init, path = "/" } = {}) {
      const host = await site({ "/": story(body), "/other": story("<p>Another page.</p>") });
      t.after(host.stop);
      const page = await browser.page(options);
      t.after(() => page.context().close());
      if (init) await page.addInitScript(init);
      await recordEvents(page);
      await page.goto(host.base + path);
      const [{ type, decision }] = await unitEvents(page, 1);
      assert.equal(type, "fill");
      return { page, decision, host };
    },

    /** Asserts that only the impression counts within 1.5 s, more than the second that makes a unit viewable. */
    async expectNotViewable(page, decision) {
      await server.expectEvents(decision, "impression counted");
      await pass(page, 1500);
      await server.expectEvents(decision, "impression counted");
    },

    expectViewable: (decision) => server.expectEvents(decision, "impression counted", "viewable counted"),
  };
};

export const TALL = '<div style="height:3000px"></div>';
