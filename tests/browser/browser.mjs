// A reader's Chromium, and sites that are not ours.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { until } from "./server.mjs";

/** As a person's browser names itself: headless ones are robots to the server. */
const AGENT =
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

/** Runs before a page's own scripts: an answer may take as long as on a machine with much else to do. */
export const patient = () => {
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  AbortSignal.timeout = (ms) => timeout(Math.max(ms, 8_000));
};

const FLAGS = ["--no-sandbox", "--disable-dev-shm-usage"];

/** Chromium with all of its windows' doings, for the little that the one without cannot do. */
const WHOLE = "/usr/bin/chromium";

/** Opens browsers; each context is a reader of its own. */
export const launch = async ({ whole = false, ...options } = {}) => {
  const browser = await chromium.launch({
    executablePath: whole ? WHOLE : process.env.ADJACENT_BROWSER,
    args: FLAGS,
    ...options,
  });
  return {
    close: () => browser.close(),
    /**
     * A page that keeps its complaints: console errors, exceptions, dialogs, broken policies. It waits
     * for an answer as long as a slow machine needs, or, `hurried`, as long as a reader's does.
     */
    async page({ hurried = false, ...options } = {}) {
      const context = await browser.newContext({
        userAgent: AGENT,
        viewport: { width: 1280, height: 800 },
        ...options,
      });
      if (!hurried) await context.addInitScript(patient);
      const page = await context.newPage();
      page.complaints = [];
      page.on("console", (said) => {
        if (said.type() === "error") page.complaints.push(said.text());
      });
      page.on("pageerror", (error) => page.complaints.push(String(error)));
      page.on("dialog", (dialog) => {
        page.complaints.push(`dialog: ${dialog.message()}`);
        return dialog.dismiss();
      });
      return page;
    },
  };
};

/** A browser that nobody drives: it opens an address, and what the page does is all that happens. */
export const undriven = (address) => {
  const folder = mkdtempSync(join(tmpdir(), "browser-"));
  const child = spawn(
    process.env.ADJACENT_BROWSER,
    [...FLAGS, "--headless=new", "--remote-debugging-port=0", "--no-first-run", `--user-agent=${AGENT}`, `--user-data-dir=${folder}`, address],
    { stdio: "ignore", detached: true },
  );
  const fails = (what) => {
    try {
      what();
      return false;
    } catch {
      return true;
    }
  };
  return async () => {
    // Debian starts it by a shell, which would leave it behind: all of the group are ended, and while one
    // of them is there it may still write.
    process.kill(-child.pid, "SIGKILL");
    await until("the browser's end", () => fails(() => process.kill(-child.pid, 0)));
    await until("its folder's end", () => !fails(() => rmSync(folder, { recursive: true, force: true })));
  };
};

/** A site: pages by path, each `{ body, headers }`, its HTML, or what answers with either. Its origin is not the server's. */
export const site = (pages) =>
  new Promise((ready) => {
    const server = createServer((request, answer) => {
      const { pathname } = new URL(request.url, "http://site");
      if (pathname === "/favicon.ico") return answer.writeHead(204).end();
      const found = pages[pathname];
      if (!found) return answer.writeHead(404).end();
      const page = typeof found === "function" ? found(new URL(request.url, "http://site")) : found;
      const { body, headers = {} } = typeof page === "string" ? { body: page } : page;
      const type = { "content-type": "text/html; charset=utf-8" };
      answer.writeHead(200, { ...type, ...headers }).end(body);
    });
    server.listen(0, "127.0.0.1", () => {
      const base = `http://127.0.0.1:${server.address().port}`;
      // A connection that a browser opened and never used would keep the test's process for ever.
      ready({ base, stop: () => (server.close(), server.closeAllConnections()) });
    });
  });

/** A port that takes connections and never answers. */
export const blackHole = () =>
  new Promise((ready) => {
    const held = new Set();
    const server = createServer().listen(0, "127.0.0.1", () => {
      ready({
        base: `http://127.0.0.1:${server.address().port}`,
        stop: () => {
          held.forEach((socket) => socket.destroy());
          server.close();
        },
      });
    });
    server.on("connection", (socket) => held.add(socket));
  });

/** The one line that a publisher pastes. */
export const line = (base, more = "") =>
  `<script async src="${base}/embed/v1/adjacent.js" data-publisher="eu-tech-news" ` +
  `data-placement="article-end" data-topics="ai-infrastructure" data-viewer-region="DE" ${more}></script>`;

/** A story with something at its end and something below it. */
export const story = (inside, head = "") =>
  `<!doctype html><html lang="en"><head><title>A story</title>${head}</head><body><main><h1>A story</h1>` +
  `<p id="before">Words.</p>${inside}<p id="after">More words.</p></main></body></html>`;

/** What the page's script was told of its units, in order: filled in by the page itself. */
export const listen = (page) =>
  page.addInitScript(() => {
    window.heard = [];
    for (const what of ["fill", "nofill", "error", "viewable"]) {
      document.addEventListener("adjacent:" + what, ({ target, detail }) => {
        const name = target.getAttribute("placement") || target.dataset.placement;
        window.heard.push({ what, name, reason: detail.decision?.reason, decision: detail.decision?.decision_id });
      });
    }
  });

/** Waits until so many events were heard, and gives them. */
export const heard = async (page, count) => {
  await page.waitForFunction((count) => window.heard?.length >= count, count);
  return page.evaluate(() => window.heard);
};

/** What a page sends to the server, as it is sent: bodies of decision calls, in order. */
export const asked = (page) => {
  const calls = [];
  page.on("request", (request) => {
    if (request.url().includes("/v1/decisions") && request.postData()) calls.push(JSON.parse(request.postData()));
  });
  return calls;
};

/** The script alone, for pages with elements of their own. */
export const script = (base, more = "") =>
  `<script async src="${base}/embed/v1/adjacent.js" data-publisher="eu-tech-news" data-viewer-region="DE" ${more}></script>`;

/** The parts of the only unit on a page. */
export const unit = (page) => page.locator("adjacent-unit .adj");
