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

test("no script keeps anything or writes markup", () => {
  for (const name of ["adjacent.js", "demo.js", "console.js"]) {
    const text = built(name).toString();
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
  const css = built("unit.css").toString().trim().replace("→", "\\u2192");
  const start = css.slice(0, 200);
  assert.ok(built("adjacent.js").toString().includes(start));
});
