// What the built files must weigh and must not say. Run after a build.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

const built = (name) => readFileSync(new URL(`built/${name}`, import.meta.url));

test("the script of a page is 3 KiB on the wire, looks included", () => {
  const size = gzipSync(built("adjacent.js"), { level: 9 }).length;
  assert.ok(size <= 3 * 1024, `${size} bytes`);
});

test("the script keeps nothing and writes no markup", () => {
  const text = built("adjacent.js").toString();
  for (const word of ["cookie", "localStorage", "sessionStorage", "indexedDB", "innerHTML", "eval("]) {
    assert.ok(!text.includes(word), word);
  }
});

test("the looks inside the script are those of the stylesheet", () => {
  const css = built("unit.css").toString().trim().replace("→", "\\u2192");
  const start = css.slice(0, 200);
  assert.ok(built("adjacent.js").toString().includes(start));
});
