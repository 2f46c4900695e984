// The npm package, as a stranger's project has it: installed from the tarball, in Node.
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

const asked = (more = {}) => ({
  base: server.base,
  publisher: "eu-tech-news",
  page: { topics: ["ai-infrastructure"], entities: ["european-commission"], language: "en" },
  viewer: { region: "DE" },
  placements: [{ name: "article-end", styles: ["terminal", "card"] }],
  ...more,
});

/** A port that takes connections and answers the n-th by the n-th of these texts; nothing ends it. */
const answering = async (t, ...texts) => {
  let asked = 0;
  const port = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      const text = texts[asked++];
      if (text) socket.end(`HTTP/1.1 ${text.status}\r\nconnection: close\r\n\r\n${text.body}`);
      else socket.destroy();
    });
  });
  await new Promise((done) => port.listen(0, "127.0.0.1", done));
  t.after(() => port.close());
  return { base: `http://127.0.0.1:${port.address().port}`, times: () => asked };
};

const NOTHING = { "article-end": { fill: false, decision_id: "", reason: "no_answer" } };

test("the tarball holds both entries, their types and its papers, and nothing else", () => {
  const types = ["decide", "element", "index", "mount", "react", "types", "view"];
  const dist = types.map((name) => `dist/${name}.d.ts`).concat("dist/index.js", "dist/react.js");
  assert.deepEqual(project.files, [...dist, "LICENSE", "README.md", "package.json"].sort());
  assert.deepEqual(project.installed().sort(), ["LICENSE", "README.md", "dist", "package.json"]);
  assert.equal(project.manifest().dependencies, undefined, "it depends on nothing");
});

test("a project of strict types compiles with it, however its modules are resolved", () => {
  project.check();
  project.check("--module", "ESNext", "--moduleResolution", "bundler");
});

test("what a real server answers is of the types that the package declares", async () => {
  const replies = [
    await decide(asked({ render: "html", test: true })),
    await decide(asked({ page: { topics: ["cooking"], commercial: "none" } })),
    await decide(asked({ placements: [{ name: "nowhere" }, { name: "sidebar", key: "beside" }] })),
    await decide(asked({ publisher: "nobody" })),
  ];
  assert.deepEqual(
    replies.map((reply) => Object.values(reply.decisions).map((one) => one.fill)),
    [[true], [false], [false, true], [false]],
  );
  // As literals: a field that is missing, unknown or of another kind does not compile.
  const literal = `import type { DecisionReply } from "@adjacent/web";\n` +
    replies.map((reply, at) => `export const reply${at}: DecisionReply = ${JSON.stringify(reply)};\n`).join("");
  project.write("replies.ts", literal);
  project.check();
  project.write("replies.ts", literal.replaceAll('"headline":', '"heading":'));
  assert.throws(() => project.check(), /heading/);
  project.write("replies.ts", "");
});

test("a server with its key is believed about the region, and gets the unit as HTML", async () => {
  const page = asked({ key: key(server, "eu-tech-news"), render: "html", reader: { address: "192.0.2.17" } });
  const { decisions, request_id, warnings, failure } = await decide(page);

  const unit = decisions["article-end"];
  assert.equal(failure, undefined);
  assert.ok(request_id && !warnings.length);
  assert.equal(unit.advertiser.id, "zahid-host");
  assert.equal(unit.label.text, "Anzeige");
  assert.match(unit.html, /<aside class="adj adj-terminal".*<b class="adj-label">Anzeige<\/b>/s);
});

test("no fill says why, and a refusal says what was refused; neither throws", async () => {
  const none = await decide(asked({ placements: [{ name: "nowhere" }] }));
  assert.equal(none.decisions.nowhere.reason, "unknown_placement");
  assert.equal(none.failure, undefined);

  const stranger = await decide(asked({ publisher: "nobody" }));
  assert.deepEqual(stranger.decisions, NOTHING);
  assert.equal(stranger.failure.what, "refused");
  assert.equal(stranger.failure.problem.code, "unknown_publisher");

  const forged = await decide(asked({ key: "wrong" }));
  assert.deepEqual([forged.failure.status, forged.failure.problem.code], [401, "key_required"]);

  const strict = await decide(asked({ strict: true, page: { topics: Array(17).fill("cooking") } }));
  assert.deepEqual([strict.failure.status, strict.failure.problem.field], [422, "page.topics"]);
});

test("a server that never answers costs 800 ms and no more, or what the caller allows", async (t) => {
  const hole = await blackHole();
  t.after(hole.stop);
  for (const [budgetMs, least, most] of [[undefined, 780, 1300], [100, 90, 500]]) {
    const began = performance.now();
    const reply = await decide(asked({ base: hole.base, budgetMs }));
    const took = performance.now() - began;
    assert.ok(took >= least && took < most, `${took} ms`);
    assert.deepEqual(reply.decisions, NOTHING);
    assert.deepEqual(reply.failure, { what: "timeout" });
  }
});

test("a connection that breaks and a server that fails are tried once more, and no third time", async (t) => {
  const body = JSON.stringify({ request_id: "r", warnings: [], decisions: NOTHING });
  const good = { status: "200 OK", body };
  const bad = { status: "503 Service Unavailable", body: "" };
  for (const first of [undefined, bad]) {
    const once = await answering(t, first, good);
    const reply = await decide(asked({ base: once.base }));
    assert.deepEqual([reply.failure, reply.request_id, once.times()], [undefined, "r", 2]);
    const twice = await answering(t, first, first, good);
    const { what } = (await decide(asked({ base: twice.base }))).failure;
    assert.deepEqual([what, twice.times()], [first ? "refused" : "unreachable", 2]);
  }
});

test("an answer that is none of ours is a no-fill for every placement", async (t) => {
  const placements = [{ name: "article-end" }];
  for (const body of ["<html>", "null", "[]", '{"decisions": 7}', '{"decisions": {"article-end": {"fill": true}}}']) {
    const stranger = await answering(t, { status: "200 OK", body });
    const { decisions } = await decide(asked({ base: stranger.base, placements }));
    assert.deepEqual(decisions, NOTHING, body);
  }
  for (const base of ["", "nowhere", "file:///etc/passwd", "http://127.0.0.1:1"]) {
    const { decisions, failure } = await decide(asked({ base, placements }));
    assert.deepEqual([decisions, failure.what], [NOTHING, "unreachable"], base);
  }
});

test("the caller's own signal ends the call", async (t) => {
  const hole = await blackHole();
  t.after(hole.stop);
  const own = new AbortController();
  const reply = decide(asked({ base: hole.base, signal: own.signal, budgetMs: 60_000 }));
  own.abort();
  assert.equal((await reply).failure.what, "aborted");
  assert.equal((await decide(asked({ signal: own.signal }))).failure.what, "aborted");
});
