// Starts the executable on free ports with its own data directory. It runs in a pseudo-terminal, so that it
// prints the banner with all addresses.
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = new URL("../..", import.meta.url).pathname;
const TIMEOUT_MS = 10_000;

/** Polls `check` until it returns a truthy value, and returns that. On timeout, the error names `what`. */
export const until = async (what, check) => {
  const end = Date.now() + TIMEOUT_MS;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`timed out waiting for: ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
};

/** Starts a server; `change` maps names of configuration files to functions that edit them first. */
export const start = async (change = {}) => {
  const folder = mkdtempSync(join(tmpdir(), "adjacent-"));
  cpSync(join(ROOT, "config"), join(folder, "config"), { recursive: true });
  for (const [name, edit] of Object.entries(change)) {
    const path = join(folder, "config", name);
    writeFileSync(path, edit(readFileSync(path, "utf8")));
  }
  const call =
    `echo $$ >pid; exec '${process.env.ADJACENT_BINARY}' --listen 127.0.0.1:0` +
    " --ops-listen 127.0.0.1:0 --inventory config/inventory";
  const env = {
    ...process.env,
    // All readers of a test share one address.
    ADJACENT__LIMITS__IMPRESSIONS: "[]",
    ADJACENT__LIMITS__CLICKS: "[]",
    ADJACENT__LIMITS__LAYERS: "{}",
    ADJACENT__LIMITS__FLOOD_PER_SECOND: "0",
    ADJACENT__LIMITS__CONNECTIONS_PER_ADDRESS: "0",
    ADJACENT__STORE__LOW_DISK_MIB: "0",
  };
  const child = spawn("script", ["-qfec", call, "/dev/null"], { cwd: folder, env });
  let output = "";
  child.stdout.on("data", (bytes) => (output += bytes));
  let ended = false;
  child.on("exit", () => (ended = true));
  const bannerUrl = (name) => output.match(new RegExp(`^ +${name} +(\\S+)\r?$`, "m"))?.[1];
  await until("the banner", () => {
    if (ended) throw new Error(output);
    return bannerUrl("lernwerk") || bannerUrl("console");
  });
  const demo = await until("the addresses", () => bannerUrl("demo page"));
  const server = {
    demo,
    base: new URL(demo).origin,
    bannerUrl,
    folder,

    /** The value of a metric series, which must exist. */
    async metric(series) {
      const text = await (await fetch(bannerUrl("metrics"))).text();
      const line = text.split("\n").find((line) => line.startsWith(series + " "));
      if (!line) throw new Error(`no series ${series}`);
      return Number(line.split(" ").at(-1));
    },

    /** The events of a decision with their verdicts, such as `impression counted`, in order of arrival. */
    async verdicts(decision) {
      const keys = readFileSync(join(folder, "data", "local-keys.toml"), "utf8");
      const headers = { authorization: `Bearer ${keys.match(/^operator = "(.+)"/m)[1]}` };
      const answer = await fetch(`${server.base}/v1/decisions/${decision}/events`, { headers });
      const { events } = await answer.json();
      return events.map(({ kind, cta, verdict, reason }) => [kind, cta, verdict, reason].filter(Boolean).join(" "));
    },

    /** Waits until a decision has as many events as `expected`, and asserts that they are the same. */
    async expectEvents(decision, ...expected) {
      let found = [];
      await until(`events ${expected} of decision ${decision}`, async () => {
        found = await server.verdicts(decision);
        return found.length >= expected.length;
      });
      if (found.sort().join() !== expected.sort().join()) throw new Error(`decision ${decision}: ${found} instead of ${expected}`);
    },

    events: (kind, verdict) =>
      server.metric(`adjacent_events_total{kind="${kind}",verdict="${verdict}"}`),

    /** Waits until `count` events of a kind are counted, and asserts that none has another verdict. */
    async expectCount(kind, count) {
      await until(`${count} counted events of kind ${kind}`, async () => (await server.events(kind, "counted")) >= count);
      const found = {};
      for (const verdict of ["counted", "duplicate", "invalid", "pending"]) {
        found[verdict] = await server.events(kind, verdict);
      }
      const expected = { counted: count, duplicate: 0, invalid: 0, pending: 0 };
      if (JSON.stringify(found) !== JSON.stringify(expected)) {
        throw new Error(`${kind}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
      }
    },

    async stop() {
      const exited = new Promise((done) => child.once("exit", done));
      process.kill(Number(readFileSync(join(folder, "pid"), "utf8")), "SIGTERM");
      await exited;
      rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
  return server;
};
