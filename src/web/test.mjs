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
