// What the built files must weigh and must not say. Run after a build.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const built = (name) => readFileSync(new URL(`built/${name}`, import.meta.url));
const packed = (name) => readFileSync(new URL(`package/dist/${name}`, import.meta.url));
const onTheWire = (bytes) => gzipSync(bytes, { level: 9 }).length;

test("the script of a page is 3 KiB on the wire, looks included", () => {
  const size = onTheWire(built("adjacent.js"));
  assert.ok(size <= 3 * 1024, `${size} bytes`);
});

test("the package is 4 KiB on the wire, looks included, and its wrapper for React 1 KiB more", () => {
  for (const [name, most] of [["index.js", 4 * 1024], ["react.js", 1024]]) {
    const size = onTheWire(packed(name));
    assert.ok(size <= most, `${name}: ${size} bytes`);
  }
});

test("whoever only asks carries no more than that", async () => {
  const contents = 'export { decide } from "./package/dist/index.js";';
  const resolveDir = new URL(".", import.meta.url).pathname;
  const options = { bundle: true, minify: true, format: "esm", write: false };
  const { outputFiles } = await build({ ...options, stdin: { contents, resolveDir } });
  const size = onTheWire(outputFiles[0].contents);
  assert.ok(size <= 1280, `${size} bytes`);
  assert.ok(!outputFiles[0].text.includes("adj-"), "no looks in it");
});

test("no script keeps anything or writes markup", () => {
  const own = ["adjacent.js", "reading.js", "demo.js", "console.js", "tables.js"].map((name) => [name, built(name)]);
  const theirs = ["index.js", "react.js"].map((name) => [name, packed(name)]);
  for (const [name, bytes] of own.concat(theirs)) {
    const text = bytes.toString();
    for (const word of ["cookie", "localStorage", "sessionStorage", "indexedDB", "innerHTML", "eval("]) {
      assert.ok(!text.includes(word), `${name}: ${word}`);
    }
  }
});

test("the operator's key leaves in one header alone", () => {
  const text = built("console.js").toString();
  assert.equal(text.split("Bearer ").length, 2);
  assert.ok(text.includes('credentials:"omit"') && text.includes('redirect:"error"'));
});

test("the looks inside the script are those of the stylesheet", () => {
  const css = built("unit.css").toString().trim();
  const start = css.slice(0, 200);
  assert.ok(built("adjacent.js").toString().includes(start));
});
