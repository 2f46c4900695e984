// Drives Chromium as a reader's browser and serves test sites of other origins.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { until } from "./server.mjs";

/** The user agent of a regular browser: the server classifies headless ones as bots. */
const USER_AGENT =
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

/** Runs before a page's own scripts: raises fetch timeouts to at least 8 s, for slow computers. */
export const extendTimeouts = () => {
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  AbortSignal.timeout = (ms) => timeout(Math.max(ms, 8_000));
};

const FLAGS = ["--no-sandbox", "--disable-dev-shm-usage"];

/** The complete Chromium, for features that the headless shell lacks. */
const FULL_CHROMIUM = "/usr/bin/chromium";

/** Starts a browser; each context is a separate reader. `full` selects the complete Chromium. */
export const launch = async ({ full = false, ...options } = {}) => {
  const browser = await chromium.launch({
    executablePath: full ? FULL_CHROMIUM : process.env.ADJACENT_BROWSER,
    args: FLAGS,
    ...options,
  });
  return {
    close: () => browser.close(),
    /**
     * Opens a page that collects `errors`: console errors, exceptions, dialogs and policy violations.
     * Fetch timeouts are raised for slow computers unless `realTimeouts` is set.
     */
    async page({ realTimeouts = false, ...options } = {}) {
      const context = await browser.newContext({
        userAgent: USER_AGENT,
        viewport: { width: 1280, height: 800 },
        ...options,
      });
      if (!realTimeouts) await context.addInitScript(extendTimeouts);
      const page = await context.newPage();
      page.errors = [];
      page.on("console", (message) => {
        if (message.type() === "error") page.errors.push(message.text());
      });
      page.on("pageerror", (error) => page.errors.push(String(error)));
      page.on("dialog", (dialog) => {
        page.errors.push(`dialog: ${dialog.message()}`);
        return dialog.dismiss();
      });
      return page;
    },
  };
};

/** Opens an address in a browser without an automation connection; returns a function that ends it. */
export const launchUndriven = (address) => {
  const folder = mkdtempSync(join(tmpdir(), "browser-"));
  const child = spawn(
    process.env.ADJACENT_BROWSER,
    [...FLAGS, "--headless=new", "--remote-debugging-port=0", "--no-first-run", `--user-agent=${USER_AGENT}`, `--user-data-dir=${folder}`, address],
    { stdio: "ignore", detached: true },
  );
  const throws = (action) => {
    try {
      action();
      return false;
    } catch {
      return true;
    }
  };
  return async () => {
    // Debian's wrapper is a shell that would leave Chromium running, so the whole process group is killed.
    // Its processes may write to the folder until they are gone.
    process.kill(-child.pid, "SIGKILL");
    await until("the browser to end", () => throws(() => process.kill(-child.pid, 0)));
    await until("its folder to be removed", () => !throws(() => rmSync(folder, { recursive: true, force: true })));
  };
};

/** Serves a site of another origin: pages by path, each HTML, `{ body, headers }`, or a function of the URL that returns either. */
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
      // Idle connections of the browser would keep the test process alive.
      ready({ base, stop: () => (server.close(), server.closeAllConnections()) });
    });
  });

/** A port that accepts connections and never responds. */
export const blackHole = () =>
  new Promise((ready) => {
    const sockets = new Set();
    const server = createServer().listen(0, "127.0.0.1", () => {
      ready({
        base: `http://127.0.0.1:${server.address().port}`,
        stop: () => {
          sockets.forEach((socket) => socket.destroy());
          server.close();
        },
      });
    });
    server.on("connection", (socket) => sockets.add(socket));
  });

/** The one-line embed tag that a publisher pastes. */
export const embedTag = (base, more = "") =>
  `<script async src="${base}/embed/v1/adjacent.js" data-publisher="eu-tech-news" ` +
  `data-placement="article-end" data-topics="ai-infrastructure" data-viewer-region="DE" ${more}></script>`;

/** An article page with `inside` at the end of the article. */
export const story = (inside, head = "") =>
  `<!doctype html><html lang="en"><head><title>A story</title>${head}</head><body><main><h1>A story</h1>` +
  `<p id="before">Words.</p>${inside}<p id="after">More words.</p></main></body></html>`;

/** Records the events of all units in `window.unitEvents`, in order. */
export const recordEvents = (page) =>
  page.addInitScript(() => {
    window.unitEvents = [];
    for (const type of ["fill", "nofill", "error", "viewable"]) {
      document.addEventListener("adjacent:" + type, ({ target, detail }) => {
        const name = target.getAttribute("placement") || target.dataset.placement;
        window.unitEvents.push({ type, name, reason: detail.decision?.reason, decision: detail.decision?.decision_id });
      });
    }
  });

/** Waits for at least `count` unit events and returns all of them. */
export const unitEvents = async (page, count) => {
  await page.waitForFunction((count) => window.unitEvents?.length >= count, count);
  return page.evaluate(() => window.unitEvents);
};

/** The bodies of the page's decision calls, in order; filled while the page runs. */
export const decisionCalls = (page) => {
  const calls = [];
  page.on("request", (request) => {
    if (request.url().includes("/v1/decisions") && request.postData()) calls.push(JSON.parse(request.postData()));
  });
  return calls;
};

/** The script tag alone, for pages with unit elements in their markup. */
export const scriptTag = (base, more = "") =>
  `<script async src="${base}/embed/v1/adjacent.js" data-publisher="eu-tech-news" data-viewer-region="DE" ${more}></script>`;

/** The root of the only unit on a page. */
export const unit = (page) => page.locator("adjacent-unit .adj");
