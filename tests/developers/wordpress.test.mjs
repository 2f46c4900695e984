// The snippet in WordPress: installed as its first lines describe, with posts as editors write them, opened in a
// browser. Counts are checked by the server.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, beforeEach, test as plain } from "node:test";
import { decisionCalls, unitEvents, launch, recordEvents } from "../browser/browser.mjs";
import { start } from "../browser/server.mjs";
import { missing, wordpress } from "./wordpress.mjs";

const SNIPPET = readFileSync(new URL("../../src/web/snippets/wordpress/adjacent.php", import.meta.url), "utf8");
const PLUGIN = "wp-content/mu-plugins/adjacent.php";
/** The label of the page's language, which the publisher's country allows. */
const LABEL = "Advertisement";
const EVIL = `"'><script>alert(1)</script>`;
const TAGS = ["AI infrastructure"];
const ALONE = '[adjacent placement="article-end"]';

const skip = missing();
if (skip) console.log(`\n!! WordPress tests SKIPPED: ${skip}\n`);
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
  calls = decisionCalls(page);
  await recordEvents(page);
});
afterEach(async () => {
  if (skip) return;
  await page.context().close();
  await server.stop();
  assert.deepEqual(press.errors(), []);
});

/** The content of a post as the block editor stores it. */
const blocks = (...parts) =>
  parts.map((part) => {
    const [name, text] = part.startsWith("[") ? ["shortcode", part] : ["paragraph", `<p>${part}</p>`];
    return `<!-- wp:${name} -->\n${text}\n<!-- /wp:${name} -->`;
  }).join("\n\n");

const scripts = () => page.locator('script[src*="/embed/v1/adjacent.js"]').count();

/** Opens a URL and returns the events of its units. */
const visit = async (url, units = 1) => {
  calls.length = 0;
  await page.goto(url);
  const events = await unitEvents(page, units);
  assert.equal(await scripts(), 1);
  assert.deepEqual(page.errors.filter((text) => !text.includes("404")), []);
  return events;
};

test("a post gets a labelled unit by its terms, and its impression counts once", async () => {
  const content = blocks("Words.", `${ALONE}\n\nRead our letter.\n\n[/adjacent]`, "The end.");
  const [story] = press.publish([{ content, tags: TAGS, categories: ["Uncategorized", "Policy"] }]);

  const [{ type, decision }] = await visit(story.url);
  assert.equal(type, "fill");
  const label = page.locator("adjacent-unit .adj .adj-label");
  await label.scrollIntoViewIfNeeded();
  assert.equal(await label.innerText(), LABEL);
  await server.expectEvents(decision, "impression counted");
  await server.expectCount("impression", 1);
  assert.equal(calls.length, 1);
  assert.deepEqual(calls[0].page.topics, ["ai-infrastructure", "policy"]);
  assert.equal(calls[0].page.language, "en-US");
});

test("two units of a post are requested by one script in one call", async () => {
  const content = `Words.\n\n${ALONE}Our <b>letter</b>.[/adjacent]\n\nMore.\n\n[adjacent placement="sidebar" styles="card,line"]`;
  const [story] = press.publish([{ content, tags: TAGS }]);

  assert.deepEqual((await visit(story.url, 2)).map(({ type }) => type), ["fill", "fill"]);
  assert.equal(calls.length, 1);
  assert.deepEqual(calls[0].placements.map(({ name, styles = [] }) => [name, styles]), [["article-end", []], ["sidebar", ["card", "line"]]]);
});

test("typographic quotes in a shortcode are accepted", async () => {
  const variants = ["[adjacent placement=“sidebar” styles=„card,line“]", "[adjacent placement=&#8220;sidebar&#8221; styles=«card,line»]"];
  const posts = press.publish(variants.flatMap((variant) => [{ content: `Words.\n\n${variant}`, tags: TAGS }, { content: blocks("Words.", variant), tags: TAGS }]));

  for (const { url } of posts) {
    assert.deepEqual((await visit(url)).map(({ type }) => type), ["fill"]);
    assert.deepEqual(calls[0].placements.map(({ name, styles }) => [name, styles]), [["sidebar", ["card", "line"]]]);
  }
});

test("the text of a post stays outside its unit, in any mix of shortcodes and paragraphs", async () => {
  const variants = [
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
  const posts = press.publish(variants.map((content) => ({ content, tags: TAGS })));

  for (const [index, { url }] of posts.entries()) {
    const two = variants[index].includes("sidebar");
    const events = await visit(url, two ? 2 : 1);
    assert.ok(events.every(({ type }) => type === "fill"), `${JSON.stringify(events)}: ${variants[index]}`);
    const inside = (await page.locator("adjacent-unit").allTextContents()).join("");
    assert.equal(inside.replaceAll("Our letter.", "").trim(), "", variants[index]);
    assert.equal(inside.includes("Our letter."), variants[index].includes("Our letter."), variants[index]);
    const read = await page.locator(".entry-content").innerText();
    assert.match(read, /^(Words\.|Some “words”\.).*The (end|“end”)\.$/s, variants[index]);
  }
});

test("custom fields of a post set its topics or disable ads, and are never interpreted as markup", async () => {
  const [evil, free] = press.publish([
    { content: ALONE, fields: { adjacent_topics: `${EVIL},ai-infrastructure`, adjacent_subject: EVIL }, tags: ["Policy"] },
    { content: `${ALONE}Our letter.[/adjacent]`, fields: { adjacent_commercial: "none" }, tags: TAGS },
  ]);

  assert.equal((await visit(evil.url))[0].type, "fill");
  assert.deepEqual(calls[0].page.topics, [EVIL, "ai-infrastructure"]);
  assert.deepEqual(calls[0].page.subject, [EVIL]);
  assert.equal((await visit(free.url))[0].reason, "commercial_off");
  assert.equal(await page.getByText("Our letter.").isVisible(), true);
});

test("a post without a unit has no script", async () => {
  const [story] = press.publish([{ content: blocks("Words."), tags: TAGS }]);
  await page.goto(story.url);
  assert.equal(await page.getByText("Words.").isVisible(), true);
  assert.equal(await scripts(), 0);
});

test("in a theme's functions.php the snippet serves lists and templates by the posts they show", async () => {
  press.remove(PLUGIN);
  const theme = (name, text) => press.write(`wp-content/themes/ours/${name}`, text);
  theme("style.css", "/* Theme Name: Ours */");
  theme("functions.php", SNIPPET);
  theme("index.php", `<!doctype html><html <?php language_attributes(); ?>><head><?php wp_head(); ?></head><body>
    <?php while (have_posts()) { the_post(); the_content(); }
    echo do_shortcode('[adjacent placement="sidebar"]'); wp_footer(); ?></body></html>`);
  // Posts and terms have separate ids in WordPress: give another post the id of the list's tag.
  const many = Array.from({ length: 40 }, (_, index) => `T${index}`);
  const [listed] = press.publish([{ content: ALONE, tags: [...TAGS, "Shown", ...many] }], "ours");
  const number = listed.terms.t39;
  const [other, free] = press.publish([
    { number, content: ALONE, tags: ["Policy"], fields: { adjacent_commercial: "none", adjacent_topics: "rust" } },
    { content: ALONE, tags: ["Policy", "Free"], fields: { adjacent_commercial: "none" } },
  ], "ours");
  assert.ok(other.url && free.url);
  const list = (tag) => `${press.base}/?tag=${tag}`;

  const events = await visit(list("t39"), 2);
  assert.deepEqual(events.map(({ type }) => type), ["fill", "fill"]);
  assert.ok(calls[0].page.topics.includes("ai-infrastructure") && !calls[0].page.topics.includes("rust"));

  assert.deepEqual((await visit(list("free"), 2)).map(({ reason }) => reason), ["commercial_off", "commercial_off"]);
  assert.deepEqual((await visit(listed.url, 2)).map(({ type }) => type), ["fill", "fill"]);
  await visit(`${press.base}/?s=nothing-is-like-this`);
  assert.deepEqual(calls[0].page.topics ?? [], []);
});
