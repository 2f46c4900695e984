// A reader's Chromium, and sites that are not ours.
import { createServer } from "node:http";
import { chromium } from "playwright-core";

/** As a person's browser names itself: headless ones are robots to the server. */
const AGENT =
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

/** Opens browsers; each context is a reader of its own. */
export const launch = async () => {
  const browser = await chromium.launch({
    executablePath: process.env.ADJACENT_BROWSER,
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  return {
    close: () => browser.close(),
    /** A page that keeps its complaints: console errors, exceptions, dialogs, broken policies. */
    async page(options = {}) {
      const context = await browser.newContext({
        userAgent: AGENT,
        viewport: { width: 1280, height: 800 },
        ...options,
      });
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

/** A site: pages by path, each `{ body, headers }` or its HTML. Its origin is not the server's. */
export const site = (pages) =>
  new Promise((ready) => {
    const server = createServer((request, answer) => {
      const found = pages[new URL(request.url, "http://site").pathname];
      if (!found) return answer.writeHead(404).end();
      const { body, headers = {} } = typeof found === "string" ? { body: found } : found;
      const type = { "content-type": "text/html; charset=utf-8" };
      answer.writeHead(200, { ...type, ...headers }).end(body);
    });
    server.listen(0, "127.0.0.1", () => {
      const base = `http://127.0.0.1:${server.address().port}`;
      ready({ base, stop: () => server.close() });
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

/** The parts of the only unit on a page. */
export const unit = (page) => page.locator("adjacent-unit .adj");
