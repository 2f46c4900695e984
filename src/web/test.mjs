// Size and content checks of the built files. Run after a build.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const built = (name) => readFileSync(new URL(`built/${name}`, import.meta.url));
const packaged = (name) => readFileSync(new URL(`package/dist/${name}`, import.meta.url));
const gzipped = (bytes) => gzipSync(bytes, { level: 9 }).length;

test("the embed script is at most 3.5 KiB gzipped, styles included", () => {
  const size = gzipped(built("adjacent.js"));
  assert.ok(size <= 3.5 * 1024, `${size} bytes`);
});

test("the package is at most 4.25 KiB gzipped, styles included, and the React wrapper 1 KiB", () => {
  for (const [name, limit] of [["index.js", 4.25 * 1024], ["react.js", 1024]]) {
    const size = gzipped(packaged(name));
    assert.ok(size <= limit, `${name}: ${size} bytes`);
  }
});

test("`decide` alone is at most 1.25 KiB gzipped and contains no styles", async () => {
  const contents = 'export { decide } from "./package/dist/index.js";';
  const resolveDir = new URL(".", import.meta.url).pathname;
  const options = { bundle: true, minify: true, format: "esm", write: false };
  const { outputFiles } = await build({ ...options, stdin: { contents, resolveDir } });
  const size = gzipped(outputFiles[0].contents);
  assert.ok(size <= 1280, `${size} bytes`);
  assert.ok(!outputFiles[0].text.includes("adj-"), "contains styles");
});

test("the script that colours and copies code is at most 8 KiB gzipped, the icon 500 bytes", () => {
  const [code, icon] = [gzipped(built("code.js")), built("icon.svg").length];
  assert.ok(code <= 8 * 1024, `${code} bytes`);
  assert.ok(icon <= 500, `${icon} bytes`);
});

test("no script stores data or writes markup", () => {
  const own = ["adjacent.js", "reading.js", "debug.js", "demo.js", "console.js", "publisher.js", "tables.js", "code.js"].map((name) => [name, built(name)]);
  const theirs = ["index.js", "react.js"].map((name) => [name, packaged(name)]);
  for (const [name, bytes] of own.concat(theirs)) {
    const text = bytes.toString();
    for (const word of ["cookie", "localStorage", "sessionStorage", "indexedDB", "innerHTML", "eval("]) {
      assert.ok(!text.includes(word), `${name}: ${word}`);
    }
  }
});

test("keys of operators and publishers are sent in one header only", () => {
  for (const name of ["console.js", "publisher.js"]) {
    const text = built(name).toString();
    assert.equal(text.split("Bearer ").length, 2);
    assert.ok(text.includes('credentials:"omit"') && text.includes('redirect:"error"'));
  }
});

test("the script contains the styles of the stylesheet", () => {
  const css = built("unit.css").toString().trim();
  const start = css.slice(0, 200);
  assert.ok(built("adjacent.js").toString().includes(start));
});

/** The module that makes the page context, and elements with these attributes. */
const context = async () => {
  const entryPoints = [new URL("embed/page.ts", import.meta.url).pathname];
  const { outputFiles } = await build({ entryPoints, bundle: true, format: "esm", write: false });
  globalThis.location = { href: "https://news.example/story?reader=1#top" };
  globalThis.document = { documentElement: { lang: "de" } };
  const element = (own, src) => ({ attributes: Object.entries(own).map(([name, value]) => ({ name, value })), dataset: {}, src });
  return { ...(await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`)), element };
};

test("context keys are in one attribute of any source, and in a parameter of the script's address", async () => {
  const { page, element } = await context();
  const sources = [
    element({ custom: "section=politics, section=Culture,", "my-custom": "user=1" }),
    element({ "data-custom": "section=politics,paywall=free" }, "https://units.example/embed/v1/adjacent.js?custom=series%3Dmars%2Cseries%3Dmoon"),
  ];
  const stated = ["section=politics", "section=Culture", "paywall=free", "series=mars", "series=moon"];
  assert.deepEqual(page(sources, [], []).page.custom, stated);
  assert.equal(page([element({})], [], []).page.custom, undefined);
});

test("a long list is cut between its values, so that the server says what it leaves out, and no value is cut", async () => {
  const { page, element, MAX_SENT } = await context();
  const names = Array.from({ length: 5000 }, (_, number) => `keyword ${number} ü`);
  const long = "x".repeat(10_000);
  const own = element({ keywords: names.join(), entities: names.join(), topics: `${long},last`, custom: names.join(), "data-subject": names.join() });
  const asked = page([own], [], []).page;
  assert.equal(asked.url, "https://news.example/story");
  assert.equal(asked.language, "de");
  assert.deepEqual(asked.topics, [long, "last"]);
  for (const list of [asked.keywords, asked.entities, asked.subject, asked.custom]) {
    assert.deepEqual(list, names.slice(0, MAX_SENT));
  }
  assert.equal(MAX_SENT, 65, "one more than the longest list of the server, request.keywords");
});
