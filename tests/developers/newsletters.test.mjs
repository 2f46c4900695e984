// Runs the programs for newsletters and feeds as their first lines describe. Counts are checked by the server's metrics.
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { afterEach, beforeEach, test } from "node:test";
import { start } from "../browser/server.mjs";
import { key } from "./project.mjs";

const FOLDER = new URL("../../src/web/snippets/server/", import.meta.url).pathname;
const CTA = /\/c\/[\w-]+/g;

/** Parses a mail or a feed with Python's own parsers and prints its parts as JSON. */
const PARSERS = {
  mail: `
import email, email.policy, json, sys
mail = email.message_from_string(sys.stdin.read(), policy=email.policy.default)
print(json.dumps({part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}))`,
  atom: `
import json, sys, xml.etree.ElementTree as xml
entry = xml.fromstring(sys.stdin.read().encode()).find("{http://www.w3.org/2005/Atom}entry")
print(json.dumps({"html": entry.find("{http://www.w3.org/2005/Atom}content").text}))`,
  rss: `
import json, sys, xml.etree.ElementTree as xml
item = xml.fromstring(sys.stdin.read().encode()).find("channel/item")
print(json.dumps({"html": item.find("{http://purl.org/rss/1.0/modules/content/}encoded").text}))`,
};
const parts = (kind, input) => JSON.parse(execFileSync("python3", ["-c", PARSERS[kind]], { input, encoding: "utf8" }));

let server;
beforeEach(async () => {
  // A program clicks at once.
  server = await start({ "adjacent.toml": (text) => text.replace(/click_after_ms = \d+/, "click_after_ms = 0") });
});
afterEach(() => server.stop());

/** Runs a program; returns what it prints. Fails on any standard error output. */
const printed = (base, command, ...args) =>
  new Promise((done, fail) => {
    const env = { ...process.env, ADJACENT_URL: base, ADJACENT_KEY: key(server, "eu-tech-news") };
    execFile(command, args, { cwd: FOLDER, env, timeout: 20_000 }, (error, text, stderr) =>
      error || stderr ? fail(error ?? new Error(stderr)) : done(text),
    );
  });

/** Asserts a labelled unit whose links count, that nothing in it loads by itself from an event address, and that its
 *  impression was counted once. */
const assertUnit = async (text) => {
  assert.match(text, /Advertisement|Anzeige|Advertising|Sponsored/);
  assert.ok(text.match(CTA)?.length > 0, text);
  assert.doesNotMatch(text, /<script|\/e\/|adj-seen/);
  for (const [, address] of text.matchAll(/<img[^>]* src="([^"]+)"/g)) assert.match(address, /\/embed\/pictures\//);
  await server.expectCount("impression", 1);
  assert.equal(await server.metric('adjacent_decisions_total{outcome="filled"}'), 1);
};

/** Clicks the first link, which must lead to a landing page and count. */
const assertClick = async (text) => {
  const answer = await fetch(server.base + text.match(CTA)[0], { redirect: "manual", headers: BROWSER });
  assert.equal(answer.status, 302);
  await server.expectCount("click", 1);
};
const BROWSER = {
  "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
  accept: "text/html",
  "accept-language": "en",
};

test("a mail has the same unit as HTML and as text, without a pixel, and counts once", async () => {
  const mail = parts("mail", await printed(server.base, "python3", "newsletter.py"));
  assert.deepEqual(Object.keys(mail), ["text/plain", "text/html"]);

  await assertUnit(mail["text/html"]);
  await assertUnit(mail["text/plain"]);
  const links = (text) => [...new Set(text.match(CTA))].sort();
  for (const link of links(mail["text/plain"])) assert.ok(links(mail["text/html"]).includes(link));
  await assertClick(mail["text/plain"]);
});

test("a newsletter in Markdown has a labelled unit and counts once", async () => {
  const text = await printed(server.base, process.execPath, "newsletter.mjs");

  assert.ok(text.startsWith("# A story\n\nWords.\n\n---\n\n**"), text);
  await assertUnit(text);
  await assertClick(text);
});

for (const kind of ["atom", "rss"]) {
  test(`a feed in ${kind} is well formed, has a labelled unit without a pixel, and counts once`, async () => {
    const { html } = parts(kind, await printed(server.base, "python3", "feed.py", kind));

    assert.ok(html.startsWith("<p>Words.</p><aside"), html);
    await assertUnit(html);
    await assertClick(html);
  });
}

test("if the server is unreachable, newsletters and feeds only lack their unit", async () => {
  const nowhere = "http://127.0.0.1:1";
  const mail = parts("mail", await printed(nowhere, "python3", "newsletter.py"));
  assert.equal(mail["text/plain"].trim(), "A story\n\nWords.");
  assert.equal((await printed(nowhere, process.execPath, "newsletter.mjs")).trim(), "# A story\n\nWords.");
  for (const kind of ["atom", "rss"]) {
    assert.equal(parts(kind, await printed(nowhere, "python3", "feed.py", kind)).html, "<p>Words.</p>");
  }
});
