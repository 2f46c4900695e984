// The npm package in Node, installed from its tarball into another project.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { blackHole } from "../browser/browser.mjs";
import { start } from "../browser/server.mjs";
import { install, key } from "./project.mjs";

let project, server, decide;
before(async () => {
  project = install();
  server = await start();
  ({ decide } = await project.load("node", 'export { decide } from "@adjacent/web";'));
});
after(async () => {
  await server?.stop();
  project?.remove();
});

const options = (more = {}) => ({
  base: server.base,
  publisher: "eu-tech-news",
  page: { topics: ["ai-infrastructure"], entities: ["european-commission"], language: "en" },
  viewer: { region: "DE" },
  placements: [{ name: "article-end", styles: ["terminal", "card"] }],
  ...more,
});

/** A port that answers its n-th connection with the n-th response, and closes it if there is none. */
const respondWith = async (t, ...responses) => {
  let requests = 0;
  const port = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      const response = responses[requests++];
      if (response) socket.end(`HTTP/1.1 ${response.status}\r\nconnection: close\r\n\r\n${response.body}`);
      else socket.destroy();
    });
  });
  await new Promise((done) => port.listen(0, "127.0.0.1", done));
  t.after(() => port.close());
  return { base: `http://127.0.0.1:${port.address().port}`, requests: () => requests };
};

const NO_FILL = { "article-end": { fill: false, decision_id: "", reason: "no_answer" } };

test("the tarball contains both entry points, their types and its documents, and nothing else", () => {
  const types = ["api", "decide", "element", "index", "mount", "react", "types", "view"];
  const dist = ["ts", "cts"].flatMap((ending) => types.map((name) => `dist/${name}.d.${ending}`));
  const code = ["index", "react"].flatMap((name) => [`dist/${name}.js`, `dist/${name}.cjs`]);
  const others = ["LICENSE", "README.md", "package.json", "react/package.json"];
  assert.deepEqual(project.files, [...dist, ...code, ...others].sort());
  assert.deepEqual(project.installed().sort(), ["LICENSE", "README.md", "dist", "package.json", "react"]);
  assert.equal(project.manifest().dependencies, undefined, "it must have no dependencies");
});

test("a strict TypeScript project compiles with node and bundler module resolution", () => {
  project.check();
  project.check("--module", "ESNext", "--moduleResolution", "bundler");
});

test("a project with older module resolution gets the code and the types", () => {
  const source = 'import { decide, type Failure } from "@adjacent/web";\n' +
    'import { AdjacentUnit } from "@adjacent/web/react";\n' +
    'export const what: Failure["what"] = "invalid_request";\nexport const all = [decide, AdjacentUnit];\n';
  const wrong = source.replace('"invalid_request"', "7");
  for (const [module, resolution] of [
    ["commonjs", "node10"],
    ["esnext", "bundler"],
    ["esnext", "node10"],
    ["node16", "node16"],
  ]) {
    const check = (text) => project.checkOld(text, "--module", module, "--moduleResolution", resolution);
    check(source);
    assert.throws(() => check(wrong), /not assignable/, `${module} ${resolution}`);
  }
});

test("CommonJS loads both entry points", () => {
  const names = project.run(
    'const { decide, mount } = require("@adjacent/web"); const { AdjacentUnit } = require("@adjacent/web/react");' +
      "console.log(typeof decide, typeof mount, typeof AdjacentUnit);",
  );
  assert.equal(names.trim(), "function function function");
});

test("options that cannot be sent are an invalid request, and nothing is thrown", async () => {
  const cyclic = {};
  cyclic.self = cyclic;
  for (const [more, reason] of [
    [{ base: "units.example" }, /URL/],
    [{ base: "" }, /URL/],
    [{ base: "ftp://units.example" }, /http/],
    [{ base: undefined }, /base|undefined/],
    [{ page: cyclic }, /circular|cyclic/i],
    [{ page: { topics: [1n] } }, /BigInt/i],
    [{ key: "schlüssel\u2028" }, /./],
    [{ reader: { agent: "a\nb" } }, /./],
    [{ placements: undefined }, /placements/],
    [{ placements: "article-end" }, /placements/],
  ]) {
    const reply = await decide(options(more));
    assert.equal(reply.failure.what, "invalid_request", JSON.stringify(reply));
    assert.match(reply.failure.detail, reason);
    if (Array.isArray(options(more).placements)) assert.deepEqual(reply.decisions, NO_FILL);
    else assert.deepEqual(reply.decisions, {});
  }
});

test("replies of a real server match the declared types", async () => {
  const replies = [
    await decide(options({ render: "html", test: true })),
    await decide(options({ page: { topics: ["cooking"], commercial: "none" } })),
    await decide(options({ placements: [{ name: "nowhere" }, { name: "sidebar", key: "beside" }] })),
    await decide(options({ publisher: "unknown-site" })),
  ];
  assert.deepEqual(
    replies.map((reply) => Object.values(reply.decisions).map((one) => one.fill)),
    [[true], [false], [false, true], [false]],
  );
  // As literals: a field that is missing, unknown or of another type does not compile.
  const literal = `import type { DecisionReply } from "@adjacent/web";\n` +
    replies.map((reply, at) => `export const reply${at}: DecisionReply = ${JSON.stringify(reply)};\n`).join("");
  project.write("replies.ts", literal);
  project.check();
  project.write("replies.ts", literal.replaceAll('"headline":', '"heading":'));
  assert.throws(() => project.check(), /heading/);
  project.write("replies.ts", "");
});

test("a caller with a key can set the region and gets the unit as HTML", async () => {
  const page = options({ key: key(server, "eu-tech-news"), render: "html", reader: { address: "192.0.2.17" } });
  const { decisions, request_id, warnings, failure } = await decide(page);

  const unit = decisions["article-end"];
  assert.equal(failure, undefined);
  assert.ok(request_id && !warnings.length);
  assert.equal(unit.advertiser.id, "zahid-host");
  assert.equal(unit.label.text, "Anzeige");
  assert.match(unit.html, /<aside class="adj adj-terminal".*<b class="adj-label" lang="de">Anzeige<\/b>/s);
});

test("a no-fill has a reason and a rejected call has an error code; neither throws", async () => {
  const none = await decide(options({ placements: [{ name: "nowhere" }] }));
  assert.equal(none.decisions.nowhere.reason, "unknown_placement");
  assert.equal(none.failure, undefined);

  const unknown = await decide(options({ publisher: "unknown-site" }));
  assert.deepEqual(unknown.decisions, NO_FILL);
  assert.equal(unknown.failure.what, "refused");
  assert.equal(unknown.failure.problem.code, "unknown_publisher");

  const forged = await decide(options({ key: "wrong" }));
  assert.deepEqual([forged.failure.status, forged.failure.problem.code], [401, "unauthorized"]);

  const strict = await decide(options({ strict: true, page: { topics: Array(17).fill("cooking") } }));
  assert.deepEqual([strict.failure.status, strict.failure.problem.field], [422, "page.topics"]);
});

test("a server that never responds costs 800 ms, or the budget that the caller sets", async (t) => {
  const hole = await blackHole();
  t.after(hole.stop);
  for (const [budgetMs, least, most] of [[undefined, 780, 1300], [100, 90, 500]]) {
    const began = performance.now();
    const reply = await decide(options({ base: hole.base, budgetMs }));
    const took = performance.now() - began;
    assert.ok(took >= least && took < most, `${took} ms`);
    assert.deepEqual(reply.decisions, NO_FILL);
    assert.deepEqual(reply.failure, { what: "timeout" });
  }
});

test("a failed connection and a server error are each retried once", async (t) => {
  const body = JSON.stringify({ request_id: "r", warnings: [], decisions: NO_FILL });
  const good = { status: "200 OK", body };
  const bad = { status: "503 Service Unavailable", body: "" };
  for (const first of [undefined, bad]) {
    const once = await respondWith(t, first, good);
    const reply = await decide(options({ base: once.base }));
    assert.deepEqual([reply.failure, reply.request_id, once.requests()], [undefined, "r", 2]);
    const twice = await respondWith(t, first, first, good);
    const { what } = (await decide(options({ base: twice.base }))).failure;
    assert.deepEqual([what, twice.requests()], [first ? "refused" : "unreachable", 2]);
  }
});

test("an invalid response or address is a no-fill for every placement", async (t) => {
  const placements = [{ name: "article-end" }];
  for (const body of ["<html>", "null", "[]", '{"decisions": 7}', '{"decisions": {"article-end": {"fill": true}}}']) {
    const { base } = await respondWith(t, { status: "200 OK", body });
    const { decisions } = await decide(options({ base, placements }));
    assert.deepEqual(decisions, NO_FILL, body);
  }
  for (const [base, what] of [
    ["", "invalid_request"],
    ["nowhere", "invalid_request"],
    ["file:///etc/passwd", "invalid_request"],
    ["http://127.0.0.1:1", "unreachable"],
  ]) {
    const { decisions, failure } = await decide(options({ base, placements }));
    assert.deepEqual([decisions, failure.what], [NO_FILL, what], base);
  }
});

test("an abort signal of the caller ends the call", async (t) => {
  const hole = await blackHole();
  t.after(hole.stop);
  const own = new AbortController();
  const reply = decide(options({ base: hole.base, signal: own.signal, budgetMs: 60_000 }));
  own.abort();
  assert.equal((await reply).failure.what, "aborted");
  assert.equal((await decide(options({ signal: own.signal }))).failure.what, "aborted");
});
