// Runs the server-side examples as their first lines describe and opens the printed pages in a browser.
// Counts are checked by the server's metrics.
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { blackHole, launch, site } from "../browser/browser.mjs";
import { start } from "../browser/server.mjs";
import { key } from "./project.mjs";

const FOLDER = new URL("../../src/web/snippets/server/", import.meta.url).pathname;

const installed = (command) => {
  try {
    execFileSync(command, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};
const php = installed("php");
if (!php) console.log("\n!! PHP example SKIPPED: php is missing (apt-get install php-cli)\n");

const EXAMPLES = [
  ["Node", process.execPath, "page.mjs", false],
  ["Python", "python3", "page.py", false],
  ["PHP", "php", "page.php", php ? false : "php is missing: apt-get install php-cli"],
];

let browser, server, open;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());
beforeEach(async () => {
  server = await start();
});
afterEach(async () => {
  open?.stop();
  await server.stop();
});

/** Runs an example; returns the page it prints and the run time in ms. Fails on any standard error output. */
const runExample = (command, file, base) =>
  new Promise((done, fail) => {
    const began = performance.now();
    const env = { ...process.env, ADJACENT_URL: base, ADJACENT_KEY: key(server, "eu-tech-news") };
    execFile(command, [FOLDER + file], { env, timeout: 10_000 }, (error, page, stderr) =>
      error || stderr ? fail(error ?? new Error(stderr)) : done([page, performance.now() - began]),
    );
  });

for (const [name, command, file, skip] of EXAMPLES) {
  test(`${name}: the printed page contains a labelled unit, and its impression counts once`, { skip }, async () => {
    const [body] = await runExample(command, file, server.base);
    assert.equal(body.match(/<aside class="adj adj-terminal"/g).length, 1);
    assert.ok(body.includes('<b class="adj-label" lang="de">Anzeige</b>'), body);

    open = await site({ "/": body });
    const page = await browser.page();
    await page.goto(open.base);
    const unit = page.locator(".adj");
    assert.equal(await unit.locator(".adj-label").innerText(), "Anzeige");
    assert.notEqual(await unit.evaluate((node) => getComputedStyle(node).borderTopWidth), "0px", "the unit must be styled");
    await server.expectCount("impression", 1);
    assert.deepEqual(page.errors.filter((text) => !text.includes("404")), []);
  });

  test(`${name}: if the server is unreachable or does not respond, the page only lacks its unit`, { skip }, async (t) => {
    const hole = await blackHole();
    t.after(hole.stop);
    for (const base of ["http://127.0.0.1:1", hole.base]) {
      const [body, took] = await runExample(command, file, base);
      assert.ok(body.includes("<p>Words.</p>") && !body.includes("adj-label"), body);
      assert.ok(took < 3000, `${took} ms`);
    }
  });
}
