// Installs the snippets of the guides as their first lines describe, builds sites with their generators and opens
// them in a browser. Counts are checked by the server's metrics.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { launch, site, story } from "../browser/browser.mjs";
import { start } from "../browser/server.mjs";
import { install } from "./project.mjs";

const SNIPPETS = new URL("../../src/web/snippets/", import.meta.url).pathname;
/** The label of the page's language, which the publisher's country allows. */
const LABEL = "Advertisement";
const EVIL = `"'><script>alert(1)</script>`;

const missing = (command, ...args) => {
  try {
    execFileSync(command, args, { stdio: "ignore" });
    return false;
  } catch {
    console.log(`\n!! ${command} snippet SKIPPED: ${command} is missing (apt-get install ${command})\n`);
    return `${command} is missing`;
  }
};
const noHugo = missing("hugo", "version");
const noJekyll = missing("jekyll", "--version");

let browser, project, server, open, page, folder;
before(async () => {
  project = install();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  project?.remove();
});
beforeEach(async () => {
  server = await start();
  page = await browser.page();
  folder = mkdtempSync(join(tmpdir(), "adjacent-snippet-"));
});
afterEach(async () => {
  await page.context().close();
  open?.stop();
  open = undefined;
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A snippet with the address of the test server. */
const snippet = (name) => readFileSync(SNIPPETS + name, "utf8").replaceAll("https://units.example", server.base);
const write = (name, text) => {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
};
const run = (command, ...args) => execFileSync(command, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/** Serves pages and opens the first. */
const visit = async (pages) => {
  open?.stop();
  open = await site(pages);
  await page.goto(open.base + Object.keys(pages)[0]);
};

const label = async (from = page) => {
  const found = from.locator(".adj .adj-label").first();
  await found.waitFor();
  return found.innerText();
};

/** Front matter of pages: with a topic, without ads, with an injection attempt, with single values in place of lists,
 *  and with values that cannot be read. */
const PAGES = {
  story: { tags: ["ai-infrastructure"] },
  free: { tags: ["ai-infrastructure"], commercial: "none" },
  evil: { topics: [EVIL, "ai-infrastructure"], subject: [EVIL] },
  scalar: { topics: "ai-infrastructure", subject: "zahid-host" },
  map: { tags: ["ai-infrastructure"], subject: { name: "zahid-host" } },
  maps: { tags: ["ai-infrastructure"], subject: [{ name: "zahid-host" }] },
  off: { tags: ["ai-infrastructure"], commercial: false },
};

/** Pages that must not show a unit. */
const WITHOUT = ["free", "map", "maps", "off"];

/** Asserts a unit on the first page, none on the page without ads, and no injected script. */
const assertPages = async (pages) => {
  await visit(Object.fromEntries(Object.entries(pages).map(([name, page]) => [`/${name}`, page])));
  assert.equal(await label(), LABEL);
  await server.expectCount("impression", 1);

  await page.addInitScript(() =>
    document.addEventListener("adjacent:nofill", (event) => (window.reason = event.detail.decision.reason)),
  );
  for (const name of WITHOUT) {
    await page.goto(`${open.base}/${name}`);
    await page.waitForFunction(() => window.reason);
    assert.equal(await page.evaluate(() => window.reason), "commercial_off", name);
  }

  await page.goto(`${open.base}/scalar`);
  await label();
  const { topics, subject } = await page.locator("script[data-publisher]").evaluate(({ dataset }) => ({ ...dataset }));
  assert.deepEqual([topics, subject], ["ai-infrastructure", "zahid-host"]);
  assert.ok(!(await page.locator(".adj").first().innerText()).includes("zahid.host"));

  await page.goto(`${open.base}/evil`);
  await label();
  assert.equal(await page.locator("script:not([src])").count(), 0);
  assert.deepEqual(page.errors.filter((text) => !text.includes("404")), []);
};

test("one line, several elements and a frame show labelled units that count once each", async () => {
  await visit({ "/": story(snippet("html/script.html")) });
  assert.equal(await label(), LABEL);
  await server.expectCount("impression", 1);

  await visit({ "/": story(snippet("html/several.html")) });
  await page.locator("adjacent-unit .adj").nth(1).waitFor();
  await server.expectCount("impression", 3);

  await visit({ "/": story(snippet("html/frame.html")) });
  await label(page.frameLocator("iframe"));
  await server.expectCount("impression", 4);
});

test("Hugo: the partial shows a unit according to the page's front matter", { skip: noHugo }, async () => {
  write("hugo.toml", `title = "x"\nlanguageCode = "en"\n[params.adjacent]\nbase = "${server.base}"\npublisher = "eu-tech-news"\n`);
  write("layouts/partials/adjacent.html", snippet("hugo/adjacent.html"));
  write("layouts/_default/single.html", '<!doctype html><html lang="en"><title>x</title>{{ .Content }}{{ partial "adjacent.html" . }}</html>');
  for (const [name, front] of Object.entries(PAGES)) write(`content/${name}.md`, `${JSON.stringify(front)}\n\nWords.\n`);
  run("hugo", "--config", "hugo.toml", "--quiet");
  const built = (name) => readFileSync(join(folder, `public/${name}/index.html`), "utf8");

  await assertPages(Object.fromEntries(Object.keys(PAGES).map((name) => [name, built(name)])));
});

test("Liquid: the Jekyll include shows a unit according to the page's front matter", async () => {
  const { Liquid } = await project.load("liquid", 'export { Liquid } from "liquidjs";');
  write("adjacent.html", snippet("jekyll/adjacent.html"));
  const engine = new Liquid({ root: folder, jekyllInclude: true, dynamicPartials: false, globals: { site: { adjacent: { base: server.base, publisher: "eu-tech-news" } } } });
  const layout = '<!doctype html><html lang="en"><title>x</title>Words.{% include adjacent.html placement="article-end" %}</html>';
  const pages = {};
  for (const [name, front] of Object.entries(PAGES)) pages[name] = await engine.parseAndRender(layout, { page: front });

  await assertPages(pages);
});

test("Jekyll: the include shows a unit according to the page's front matter", { skip: noJekyll }, async () => {
  write("_config.yml", JSON.stringify({ title: "x", adjacent: { base: server.base, publisher: "eu-tech-news" } }));
  write("_includes/adjacent.html", snippet("jekyll/adjacent.html"));
  write("_layouts/post.html", '<!doctype html><html lang="en"><title>x</title>{{ content }}{% include adjacent.html placement="article-end" %}</html>');
  for (const [name, front] of Object.entries(PAGES)) {
    write(`${name}.md`, `---\n${JSON.stringify({ layout: "post", ...front })}\n---\n\nWords.\n`);
  }
  run("jekyll", "build", "--quiet", "--disable-disk-cache");
  const built = (name) => readFileSync(join(folder, `_site/${name}.html`), "utf8");

  await assertPages(Object.fromEntries(Object.keys(PAGES).map((name) => [name, built(name)])));
});

test("Eleventy: the include shows a unit according to the page's front matter", async () => {
  write("_data/adjacent.json", JSON.stringify({ base: server.base, publisher: "eu-tech-news" }));
  write("_includes/adjacent.njk", snippet("eleventy/adjacent.njk"));
  for (const [name, front] of Object.entries(PAGES)) {
    write(`${name}.njk`, `---json\n${JSON.stringify(front)}\n---\n<!doctype html><html lang="en"><title>x</title>Words.{% include "adjacent.njk" %}</html>`);
  }
  run(join(project.folder, "node_modules/.bin/eleventy"), "--quiet");
  const built = (name) => readFileSync(join(folder, `_site/${name}/index.html`), "utf8");

  await assertPages(Object.fromEntries(Object.keys(PAGES).map((name) => [name, built(name)])));
});
