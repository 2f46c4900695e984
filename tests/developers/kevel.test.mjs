// Kevel's SDKs for Python and Ruby. Python's runs as it is published; Ruby's rules are written out here.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { start } from "../browser/server.mjs";

const HERE = new URL(".", import.meta.url).pathname;
const SDK = "adzerk-decision-sdk==1.0.0b21";
const agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/** Enables the adapter and maps the names of the example. */
const adapters = {
  "adjacent.toml": (text) =>
    text
      .replace("# kevel = true", "kevel = true")
      .replace("publishers = {}", 'publishers = { "site-4242" = "eu-tech-news" }')
      .replace("placements = {}", 'placements = { "type-5" = "article-end" }')
      .replace("events = {}", 'events = { "40" = "viewable", "41" = "copy" }'),
};

/** Python with the SDK, installed once. */
const python = () => {
  const folder = join(process.env.ADJACENT_PYTHON_CACHE ?? join(tmpdir(), "adjacent-kevel-sdk"), SDK.replace(/\W+/g, "-"));
  const found = join(folder, "bin/python3");
  if (!existsSync(join(folder, "installed"))) {
    mkdirSync(folder, { recursive: true });
    execFileSync("python3", ["-m", "venv", "--clear", folder]);
    // Its own list lacks these.
    const needs = [SDK, "six", "setuptools"];
    execFileSync(found, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...needs]);
    mkdirSync(join(folder, "installed"));
  }
  return found;
};

let server;
before(async () => {
  server = await start(adapters);
});
after(() => server?.stop());

test("the Python SDK gets a unit with the fields that it reads, and fires its pixels", async () => {
  const text = execFileSync(python(), [join(HERE, "kevel.py"), server.base, agent], { encoding: "utf8" });
  const got = JSON.parse(text);

  assert.equal(got.user, "");
  for (const id of got.ids) assert.ok(Number.isInteger(id) && id > 0, String(got.ids));
  assert.deepEqual([got.content, got.title], ["html", "Run your AI side-project on zahid.host"]);
  assert.deepEqual(got.events.map(([id]) => id), [40, 41]);
  assert.deepEqual([got.impression[0], got.again[0]], [204, 204]);
  assert.deepEqual([got.empty, got.none_of_many], [[null], []]);
  // The SDK sends its pixels with its library's agent, whatever agent the decision had: they are a bot's.
  assert.equal(await server.events("impression", "invalid"), 2);
  assert.equal(await server.events("impression", "counted"), 0);
});

/** What Ruby's client does with an address: it reads the query, which must be there, and adds to it. */
const asRuby = (address, parameters) => {
  const url = new URL(address);
  if (!url.search) throw new TypeError("URI.decode_www_form(nil)");
  const query = [...url.searchParams, ...Object.entries(parameters)];
  url.search = new URLSearchParams(query).toString();
  return url.href;
};

test("addresses have the query that Ruby's client needs, and server-side clicks are not redirected", async () => {
  const body = JSON.stringify({
    placements: [{ divName: "end", siteId: "4242", adTypes: ["5"], eventIds: ["40"], count: "1" }],
    keywords: ["ai-infrastructure"],
  });
  const headers = { "user-agent": agent, "x-adzerk-apikey": "LEFT0VER" };
  const { decisions } = await (await fetch(`${server.base}/api/v2`, { method: "POST", body, headers })).json();
  const unit = decisions.end;
  const fire = (url, method = "GET") => fetch(url, { method, headers, redirect: "manual" });

  const before = await server.events("impression", "counted");
  assert.equal((await fire(asRuby(unit.impressionUrl, { override: 1, additional: 2 }), "POST")).status, 204);
  await new Promise((done) => setTimeout(done, 1_100));
  assert.equal((await fire(asRuby(unit.events[0].url, {}), "POST")).status, 204);
  assert.equal((await fire(asRuby(unit.clickUrl, { noredirect: true }))).status, 204);
  assert.equal((await fire(unit.clickUrl, "POST")).status, 204);
  assert.equal((await fire(unit.clickUrl)).status, 302);
  assert.equal(await server.events("impression", "counted"), before + 1);
  assert.equal(await server.events("viewable", "counted"), 1);
  assert.equal(await server.events("click", "counted"), 1);
});
