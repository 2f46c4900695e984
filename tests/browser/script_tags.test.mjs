// Script tags as sites really load them: replaced by a framework, in the head, without their attributes, run by a
// loader, below a path; and what a page says when there is no unit.
import assert from "node:assert/strict";
import { createServer, request as forward } from "node:http";
import { test } from "node:test";
import { blackHole, decisionCalls, embedTag, recordEvents, scriptTag, site, story, unit, unitEvents } from "./browser.mjs";
import { fixture } from "./fixture.mjs";

const { browser, server } = await fixture();

const opened = async (t, body, { path = "/", options, pages = {}, before } = {}) => {
  const host = await site({ "/": body, ...pages });
  t.after(host.stop);
  const page = await browser.page(options);
  t.after(() => page.context().close());
  page.said = [];
  page.on("console", (message) => message.text().startsWith("adjacent:") && page.said.push(message.text()));
  await recordEvents(page);
  await page.addInitScript(() => {
    window.codes = [];
    document.addEventListener("adjacent:error", ({ detail }) => window.codes.push(detail.code));
  });
  const calls = decisionCalls(page);
  await before?.(page, host);
  await page.goto(host.base + path, { waitUntil: "domcontentloaded" });
  return { page, calls, host };
};

const SRC = `${server.base}/embed/v1/adjacent.js`;
const line = (attributes) => `<script async src="${SRC}" data-publisher="eu-tech-news" data-placement="article-end" data-viewer-region="DE" ${attributes}></script>`;

/** Runs in the page: a navigation as Turbo and htmx make it. They replace the body with the one of the next page,
 *  and insert its scripts anew, so that they run. */
const visit = async (url) => {
  const next = new DOMParser().parseFromString(await (await fetch(url)).text(), "text/html");
  history.pushState({}, "", url);
  document.documentElement.lang = next.documentElement.lang;
  document.body.replaceWith(document.adoptNode(next.body));
  for (const old of document.body.querySelectorAll("script")) {
    const script = document.createElement("script");
    for (const { name, value } of old.attributes) script.setAttribute(name, value);
    script.textContent = old.textContent;
    old.replaceWith(script);
  }
};

test("on a second page of a framework its own script tag speaks, and a line evaluated again makes its unit", async (t) => {
  const second = line('data-topics="cooking" data-subject="zahid-host"');
  const { page, calls } = await opened(t, story(line('data-topics="ai-infrastructure" data-subject="@alibaba cloud"')), {
    pages: { "/second": story(second), "/third": story(line('data-topics="ai-infrastructure" data-commercial="none"')) },
  });
  await unitEvents(page, 1);

  await page.evaluate(visit, "/second");
  await unitEvents(page, 2);
  assert.deepEqual(calls[1].page.topics, ["cooking"]);
  assert.deepEqual(calls[1].page.subject, ["zahid-host"]);
  assert.equal(await page.locator("adjacent-unit").count(), 1);

  await page.evaluate(visit, "/third");
  const events = await unitEvents(page, 3);
  assert.deepEqual([events[2].type, events[2].reason], ["nofill", "commercial_off"]);
  assert.equal(calls.length, 3);
});

test("unit elements of a second page are described by its script tag before that is run", async (t) => {
  const END = '<adjacent-unit placement="article-end"></adjacent-unit>';
  const { page, calls } = await opened(t, story(scriptTag(server.base, 'data-topics="ai-infrastructure"') + END), {
    pages: { "/second": story(END + scriptTag(server.base, 'data-topics="ai-infrastructure" data-subject="zahid-host"')) },
  });
  await unitEvents(page, 1);
  await page.route("**/embed/**", () => {});
  await page.evaluate(visit, "/second");
  await unitEvents(page, 2);

  assert.notEqual(await unit(page).locator(".adj-title").innerText(), "Run your AI side-project on zahid.host");
  assert.deepEqual(calls[1].page.subject, ["zahid-host"]);
});

test("script tags that a framework leaves in the head keep units away, but do not describe the next page", async (t) => {
  const tag = (more) => scriptTag(server.base, more);
  const END = '<adjacent-unit placement="article-end"></adjacent-unit>';
  const { page, calls } = await opened(t, story(END, tag('data-topics="cooking" data-subject="zahid-host"')));
  await unitEvents(page, 1);
  await page.evaluate((tag) => {
    history.pushState({}, "", "/second");
    const next = new DOMParser().parseFromString(tag, "text/html").querySelector("script");
    const script = document.createElement("script");
    for (const { name, value } of next.attributes) script.setAttribute(name, value);
    document.head.append(script);
    document.querySelector("adjacent-unit").replaceWith(document.createElement("adjacent-unit"));
    document.querySelector("adjacent-unit").setAttribute("placement", "article-end");
  }, tag('data-topics="ai-infrastructure"'));
  await unitEvents(page, 2);

  assert.deepEqual(calls[1].page.topics, ["ai-infrastructure"]);
  assert.deepEqual(calls[1].page.subject, ["zahid-host"]);
});

test("a line in the head asks for nothing, and says where a unit belongs", async (t) => {
  const { page, calls } = await opened(t, story("<p>No element.</p>", line('data-topics="ai-infrastructure"')));
  await page.waitForFunction(() => window.codes.length);

  assert.deepEqual(await page.evaluate(() => window.codes), ["no_place"]);
  assert.equal(page.said.length, 1);
  assert.match(page.said[0], /no_place.*<adjacent-unit>/);
  assert.deepEqual(calls, []);
  assert.equal(await page.locator("adjacent-unit").count(), 0);
});

test("an element has a place, wherever the script tag is", async (t) => {
  const { page } = await opened(t, story('<adjacent-unit placement="article-end" topics="ai-infrastructure"></adjacent-unit>', line("")));
  const events = await unitEvents(page, 1);
  assert.deepEqual(events.map(({ type }) => type), ["fill"]);
  assert.deepEqual(page.said, []);
});

for (const [how, tag] of [
  ["whose attributes a tag manager has removed", `<script async src="${SRC}?publisher=eu-tech-news&placement=article-end&topics=ai-infrastructure&viewer-region=DE"></script>`],
  ["that is a module", line('data-topics="ai-infrastructure" type="module"')],
  ["that is imported", `<script data-src="${SRC}" data-publisher="eu-tech-news" data-placement="article-end" data-topics="ai-infrastructure" data-viewer-region="DE">import(document.currentScript.dataset.src).catch(Object)</script>`],
  // Rocket Loader and its like: the tag is inert, and the text is run by another script.
  [
    "that a loader runs",
    `<script type="f00-text/javascript" data-src="${SRC}" data-publisher="eu-tech-news" data-placement="article-end" data-topics="ai-infrastructure" data-viewer-region="DE"></script>` +
      `<script>fetch("${SRC}").then((reply) => reply.text()).then((text) => setTimeout(text))</script>`,
  ],
]) {
  test(`a script tag ${how} makes its unit`, async (t) => {
    const { page, calls } = await opened(t, story(tag));
    const [event] = await unitEvents(page, 1);

    assert.equal(event.type, "fill");
    assert.deepEqual(calls[0].page.topics, ["ai-infrastructure"]);
    assert.equal(calls[0].publisher, "eu-tech-news");
    await unit(page).waitFor();
    assert.equal(await page.locator("main adjacent-unit").count(), 1);
    assert.deepEqual(page.errors, []);
    assert.deepEqual(page.said, []);
  });
}

test("the publisher may stand on the unit", async (t) => {
  const { page, calls } = await opened(
    t,
    story(`<script async src="${SRC}"></script><adjacent-unit publisher="eu-tech-news" placement="article-end" topics="ai-infrastructure" viewer-region="DE"></adjacent-unit>`),
  );
  const [event] = await unitEvents(page, 1);
  assert.equal(event.type, "fill");
  assert.equal(calls[0].publisher, "eu-tech-news");
});

test("an unknown publisher is one console line and an event with the server's code", async (t) => {
  const inside = embedTag(server.base).replace("eu-tech-news", "unknown-site");
  const { page } = await opened(t, story(inside));
  await page.waitForFunction(() => window.codes.length);

  assert.deepEqual(await page.evaluate(() => window.codes), ["unknown_publisher"]);
  assert.equal(page.said.length, 1);
  assert.match(page.said[0], /unknown_publisher.*unknown-site/);
});

test("children of a unit stay visible until there is a unit", async (t) => {
  const inside = scriptTag(server.base) + '<adjacent-unit placement="article-end" topics="ai-infrastructure"><p id="own">Ours.</p></adjacent-unit>';
  let release;
  const released = new Promise((done) => (release = done));
  const { page } = await opened(t, story(inside), {
    before: (page) => page.route("**/v1/decisions", async (route) => (await released, route.continue())),
  });
  await page.waitForFunction(() => document.querySelector("adjacent-unit").shadowRoot);
  assert.ok(await page.locator("#own").isVisible());
  release();
  await unitEvents(page, 1);
  assert.ok(!(await page.locator("#own").isVisible()));
  assert.ok(await unit(page).isVisible());
});

test("a line in an element that keeps its height free causes no layout shift", async (t) => {
  const { page } = await opened(t, story(`<div style="min-height: 420px">${embedTag(server.base)}</div>`));
  await unit(page).waitFor();
  const shifts = await page.evaluate(
    () =>
      new Promise((done) => {
        const seen = [];
        new PerformanceObserver((list) => seen.push(...list.getEntries().map(({ value }) => value))).observe({ type: "layout-shift", buffered: true });
        requestAnimationFrame(() => setTimeout(() => done(seen), 100));
      }),
  );
  assert.deepEqual(shifts, []);
});

test("the imported script does not hold the page's load event when the server never answers", async (t) => {
  const hole = await blackHole();
  t.after(hole.stop);
  const tag = `<script data-src="${hole.base}/embed/v1/adjacent.js" data-publisher="eu-tech-news" data-placement="article-end">import(document.currentScript.dataset.src).catch(Object)</script>`;
  const { page } = await opened(t, story(tag));
  await page.waitForLoadState("load");
  assert.ok(await page.locator("#after").isVisible());
});

test("the time that the script itself took is part of the 800 ms", async (t) => {
  const text = await (await fetch(SRC)).text();
  const hole = await blackHole();
  t.after(hole.stop);
  const { page } = await opened(t, "", {
    options: { realTimeouts: true },
    path: "/page",
    before: async (page, host) => {
      await page.addInitScript(() => {
        const timeout = AbortSignal.timeout.bind(AbortSignal);
        AbortSignal.timeout = (ms) => timeout((window.budget = ms));
      });
      await page.route(`${host.base}/page`, (route) =>
        route.fulfill({ contentType: "text/html", body: story(`<script async src="/slow/embed/v1/adjacent.js" data-publisher="eu-tech-news" data-placement="article-end"></script>`) }),
      );
      await page.route("**/slow/embed/**", async (route) => {
        await new Promise((done) => setTimeout(done, 500));
        await route.fulfill({ contentType: "text/javascript", body: text });
      });
    },
  });
  await page.waitForFunction(() => window.codes.length);
  const budget = await page.evaluate(() => window.budget);
  assert.ok(budget <= 300 && budget >= 0, `${budget} ms`);
});

test("a server below a path of the site serves its script, decisions and events there", async (t) => {
  const asked = [];
  const target = new URL(server.base);
  const proxy = createServer((request, answer) => {
    const path = request.url;
    asked.push(path);
    if (path === "/") return answer.writeHead(200, { "content-type": "text/html" }).end(story(`<script async src="/units/embed/v1/adjacent.js" data-publisher="eu-tech-news" data-placement="article-end" data-topics="ai-infrastructure" data-viewer-region="DE"></script>`));
    if (!path.startsWith("/units/")) return answer.writeHead(404).end();
    const onward = forward({ host: target.hostname, port: target.port, path: path.slice(6), method: request.method, headers: { ...request.headers, host: target.host } }, (reply) => {
      answer.writeHead(reply.statusCode, reply.headers);
      reply.pipe(answer);
    });
    request.pipe(onward);
  });
  await new Promise((done) => proxy.listen(0, "127.0.0.1", done));
  t.after(() => (proxy.close(), proxy.closeAllConnections()));
  const page = await browser.page();
  t.after(() => page.context().close());
  await recordEvents(page);
  await page.goto(`http://127.0.0.1:${proxy.address().port}/`);
  const [event] = await unitEvents(page, 1);

  assert.equal(event.type, "fill");
  assert.ok(asked.includes("/units/v1/decisions"), asked.join());
  assert.ok(!asked.some((path) => !/^\/($|units\/|favicon)/.test(path)), asked.join());
});
