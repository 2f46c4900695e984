// The snippet in a real WordPress: put where its first lines say, posts as editors write them, and a
// reader's browser. The server's counts are the judge.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, beforeEach, test as plain } from "node:test";
import { asked, heard, launch, listen } from "../browser/browser.mjs";
import { start } from "../browser/server.mjs";
import { missing, wordpress } from "./wordpress.mjs";

const SNIPPET = readFileSync(new URL("../../src/web/snippets/wordpress/adjacent.php", import.meta.url), "utf8");
const PLUGIN = "wp-content/mu-plugins/adjacent.php";
/** By the publisher's country, since nobody says where the reader is. */
const LABEL = "Advertentie";
const EVIL = `"'><script>alert(1)</script>`;
const TAGS = ["AI infrastructure"];
const ALONE = '[adjacent placement="article-end"]';

const skip = missing();
if (skip) console.log(`\n!! the snippet is NOT tested in WordPress: ${skip}\n`);
const test = (name, run) => plain(name, { skip }, run);

let press, browser, server, page, calls;
before(async () => {
  if (skip) return;
  browser = await launch();
  press = await wordpress();
});
after(async () => {
  await browser?.close();
  await press?.stop();
});
beforeEach(async () => {
  if (skip) return;
  server = await start();
  press.configure(`define('ADJACENT_BASE', '${server.base}');\ndefine('ADJACENT_PUBLISHER', 'eu-tech-news');`);
  press.write(PLUGIN, SNIPPET);
  page = await browser.page();
  calls = asked(page);
  await listen(page);
});
afterEach(async () => {
  if (skip) return;
  await page.context().close();
  await server.stop();
  assert.deepEqual(press.complaints(), []);
});

/** A post as the editor of blocks keeps it. */
const blocks = (...parts) =>
  parts.map((part) => {
    const [name, text] = part.startsWith("[") ? ["shortcode", part] : ["paragraph", `<p>${part}</p>`];
    return `<!-- wp:${name} -->\n${text}\n<!-- /wp:${name} -->`;
  }).join("\n\n");

const scripts = () => page.locator('script[src*="/embed/v1/adjacent.js"]').count();

/** Opens an address, and gives what the page's units were told. */
const visit = async (url, units = 1) => {
  calls.length = 0;
  await page.goto(url);
  const told = await heard(page, units);
  assert.equal(await scripts(), 1);
  assert.deepEqual(page.complaints.filter((text) => !text.includes("404")), []);
  return told;
};

test("a post shows a labelled unit because of its terms, and it is counted once", async () => {
  const content = blocks("Words.", `${ALONE}\n\nRead our letter.\n\n[/adjacent]`, "The end.");
  const [story] = press.publish([{ content, tags: TAGS, categories: ["Uncategorized", "Policy"] }]);

  const [{ what, decision }] = await visit(story.url);
  assert.equal(what, "fill");
  const label = page.locator("adjacent-unit .adj .adj-label");
  await label.scrollIntoViewIfNeeded();
  assert.equal(await label.innerText(), LABEL);
  await server.became(decision, "impression counted");
  await server.counts("impression", 1);
  assert.equal(calls.length, 1);
  assert.deepEqual(calls[0].page.topics, ["ai-infrastructure", "policy"]);
  assert.equal(calls[0].page.language, "en-US");
});

test("two units of a post are asked for by one script in one call", async () => {
  const content = `Words.\n\n${ALONE}Our <b>letter</b>.[/adjacent]\n\nMore.\n\n[adjacent placement="sidebar" styles="card,line"]`;
  const [story] = press.publish([{ content, tags: TAGS }]);

  assert.deepEqual((await visit(story.url, 2)).map(({ what }) => what), ["fill", "fill"]);
  assert.equal(calls.length, 1);
  assert.deepEqual(calls[0].placements.map(({ name, styles }) => [name, styles]), [["article-end", []], ["sidebar", ["card", "line"]]]);
});

test("quotes that a text program made round are read as the editor meant them", async () => {
  const ways = ["[adjacent placement=“sidebar” styles=„card,line“]", "[adjacent placement=&#8220;sidebar&#8221; styles=«card,line»]"];
  const posts = press.publish(ways.flatMap((way) => [{ content: `Words.\n\n${way}`, tags: TAGS }, { content: blocks("Words.", way), tags: TAGS }]));

  for (const { url } of posts) {
    assert.deepEqual((await visit(url)).map(({ what }) => what), ["fill"]);
    assert.deepEqual(calls[0].placements.map(({ name, styles }) => [name, styles]), [["sidebar", ["card", "line"]]]);
  }
});

test("whatever editors write in and around a unit, the post's text stays outside of it", async () => {
  const ways = [
    `Some "words".\n\n${ALONE}\n\nThe "end".`,
    `Words.\n${ALONE}\nThe end.`,
    `Words.\n\n${ALONE}Our letter.[/adjacent]\n\nThe end.`,
    `Words.\n\n${ALONE}\nOur letter.\n[/adjacent]\n\nThe end.`,
    `Words.\n\n${ALONE}\n\nOur letter.\n\nOur letter.\n\n[/adjacent]\n\nThe end.`,
    `Words.\n\n${ALONE}Our letter.\n\nOur letter.[/adjacent]\n\nThe end.`,
    `Words.\n\n${ALONE}<i>Our letter.[/adjacent]\n\nThe end.`,
    `Words.\n\n[adjacent placement="sidebar"]\n\nWords.\n\n${ALONE}Our letter.[/adjacent]\n\nThe end.`,
    blocks("Words.", ALONE, "The end."),
    blocks("Words.", `${ALONE}\n\nOur letter.\n\n[/adjacent]`, "The end."),
    blocks("Words.", ALONE, "Our letter.", "[/adjacent]", "The end."),
    blocks("Words.", `Words. ${ALONE}`, "The end."),
  ];
  const posts = press.publish(ways.map((content) => ({ content, tags: TAGS })));

  for (const [index, { url }] of posts.entries()) {
    const two = ways[index].includes("sidebar");
    const told = await visit(url, two ? 2 : 1);
    assert.ok(told.every(({ what }) => what === "fill"), `${JSON.stringify(told)}: ${ways[index]}`);
    const inside = (await page.locator("adjacent-unit").allTextContents()).join("");
    assert.equal(inside.replaceAll("Our letter.", "").trim(), "", ways[index]);
    assert.equal(inside.includes("Our letter."), ways[index].includes("Our letter."), ways[index]);
    const read = await page.locator(".entry-content").innerText();
    assert.match(read, /^(Words\.|Some “words”\.).*The (end|“end”)\.$/s, ways[index]);
  }
});

test("a post's fields say what it is about and keep it free, and none becomes markup", async () => {
  const [evil, free] = press.publish([
    { content: ALONE, fields: { adjacent_topics: `${EVIL},ai-infrastructure`, adjacent_subject: EVIL }, tags: ["Policy"] },
    { content: `${ALONE}Our letter.[/adjacent]`, fields: { adjacent_commercial: "none" }, tags: TAGS },
  ]);

  assert.equal((await visit(evil.url))[0].what, "fill");
  assert.deepEqual(calls[0].page.topics, [EVIL, "ai-infrastructure"]);
  assert.deepEqual(calls[0].page.entities, [{ name: EVIL, role: "subject" }]);
  assert.equal((await visit(free.url))[0].reason, "commercial_off");
  assert.equal(await page.getByText("Our letter.").isVisible(), true);
});

test("a post without a unit has no script", async () => {
  const [story] = press.publish([{ content: blocks("Words."), tags: TAGS }]);
  await page.goto(story.url);
  assert.equal(await page.getByText("Words.").isVisible(), true);
  assert.equal(await scripts(), 0);
});

test("in a theme's functions.php it serves lists and templates by the posts that they show", async () => {
  press.remove(PLUGIN);
  const theme = (name, text) => press.write(`wp-content/themes/ours/${name}`, text);
  theme("style.css", "/* Theme Name: Ours */");
  theme("functions.php", SNIPPET);
  theme("index.php", `<!doctype html><html <?php language_attributes(); ?>><head><?php wp_head(); ?></head><body>
    <?php while (have_posts()) { the_post(); the_content(); }
    echo do_shortcode('[adjacent placement="sidebar"]'); wp_footer(); ?></body></html>`);
  // WordPress counts posts and terms apart: another post has the number of the list's tag.
  const many = Array.from({ length: 40 }, (_, index) => `T${index}`);
  const [listed] = press.publish([{ content: ALONE, tags: [...TAGS, "Shown", ...many] }], "ours");
  const number = listed.terms.t39;
  const [other, free] = press.publish([
    { number, content: ALONE, tags: ["Policy"], fields: { adjacent_commercial: "none", adjacent_topics: "rust" } },
    { content: ALONE, tags: ["Policy", "Free"], fields: { adjacent_commercial: "none" } },
  ], "ours");
  assert.ok(other.url && free.url);
  const list = (tag) => `${press.base}/?tag=${tag}`;

  const told = await visit(list("t39"), 2);
  assert.deepEqual(told.map(({ what }) => what), ["fill", "fill"]);
  assert.ok(calls[0].page.topics.includes("ai-infrastructure") && !calls[0].page.topics.includes("rust"));

  assert.deepEqual((await visit(list("free"), 2)).map(({ reason }) => reason), ["commercial_off", "commercial_off"]);
  assert.deepEqual((await visit(listed.url, 2)).map(({ what }) => what), ["fill", "fill"]);
  await visit(`${press.base}/?s=nothing-is-like-this`);
  assert.deepEqual(calls[0].page.topics, []);
});
