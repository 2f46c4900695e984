// The examples for servers, run as their first lines say, and the pages that they print, read by a
// reader's browser. The server's counts are the judge.
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
if (!php) console.log("\n!! php is missing: what is written in PHP is NOT tested (apt-get install php-cli)\n");

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

/** What an example prints, and how long it took. */
const printed = (command, file, base) =>
  new Promise((done, fail) => {
    const began = performance.now();
    const env = { ...process.env, ADJACENT_URL: base, ADJACENT_KEY: key(server, "eu-tech-news") };
    execFile(command, [FOLDER + file], { env, timeout: 10_000 }, (error, page, said) =>
      error || said ? fail(error ?? new Error(said)) : done([page, performance.now() - began]),
    );
  });

for (const [name, command, file, skip] of EXAMPLES) {
  test(`${name}: the page that it prints holds the labelled unit, and is counted once`, { skip }, async () => {
    const [body] = await printed(command, file, server.base);
    assert.equal(body.match(/<aside class="adj adj-terminal"/g).length, 1);
    assert.ok(body.includes('<b class="adj-label">Anzeige</b>'), body);

    open = await site({ "/": body });
    const page = await browser.page();
    await page.goto(open.base);
    const unit = page.locator(".adj");
    assert.equal(await unit.locator(".adj-label").innerText(), "Anzeige");
    assert.notEqual(await unit.evaluate((node) => getComputedStyle(node).borderTopWidth), "0px", "its looks are there");
    await server.counts("impression", 1);
    assert.deepEqual(page.complaints.filter((text) => !text.includes("404")), []);
  });

  test(`${name}: a server that is away, or never answers, costs the page nothing but its unit`, { skip }, async (t) => {
    const hole = await blackHole();
    t.after(hole.stop);
    for (const base of ["http://127.0.0.1:1", hole.base]) {
      const [body, took] = await printed(command, file, base);
      assert.ok(body.includes("<p>Words.</p>") && !body.includes("adj-label"), body);
      assert.ok(took < 3000, `${took} ms`);
    }
  });
}
