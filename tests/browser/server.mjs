// The executable on free ports with data of its own, started as a person starts it: at a terminal,
// so that the banner names every address.
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = new URL("../..", import.meta.url).pathname;
const PATIENCE_MS = 10_000;

/** Looks until `look` is content; says `what` when it never is. */
export const until = async (what, look) => {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`in vain waited for: ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
};

/** Starts a server; `change` rewrites files of its configuration first, by name. */
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
    // All readers of a test come from one address.
    ADJACENT__LIMITS__IMPRESSIONS: "[]",
    ADJACENT__LIMITS__CLICKS: "[]",
    ADJACENT__LIMITS__FLOOD_PER_SECOND: "0",
    ADJACENT__STORE__HOUSE_ONLY_BELOW_MIB: "0",
  };
  const child = spawn("script", ["-qfec", call, "/dev/null"], { cwd: folder, env });
  let said = "";
  child.stdout.on("data", (bytes) => (said += bytes));
  let ended = false;
  child.on("exit", () => (ended = true));
  const named = (name) => said.match(new RegExp(`^ +${name} +(\\S+)\r?$`, "m"))?.[1];
  await until("the banner", () => {
    if (ended) throw new Error(said);
    return named("lernwerk") || named("console");
  });
  const demo = await until("the addresses", () => named("demo page"));
  const server = {
    demo,
    base: new URL(demo).origin,
    named,
    folder,

    /** The value of a series, which must exist. */
    async metric(series) {
      const text = await (await fetch(named("metrics"))).text();
      const line = text.split("\n").find((line) => line.startsWith(series + " "));
      if (!line) throw new Error(`no series ${series}`);
      return Number(line.split(" ").at(-1));
    },

    /** What became of a decision: `impression counted`, in order of arrival. */
    async judged(decision) {
      const keys = readFileSync(join(folder, "data", "local-keys.toml"), "utf8");
      const headers = { authorization: `Bearer ${keys.match(/^operator = "(.+)"/m)[1]}` };
      const answer = await fetch(`${server.base}/v1/decisions/${decision}/events`, { headers });
      const { events } = await answer.json();
      return events.map(({ kind, cta, verdict, reason }) => [kind, cta, verdict, reason].filter(Boolean).join(" "));
    },

    /** Waits until exactly this became of a decision; fails as soon as something else did. */
    async became(decision, ...expected) {
      let told = [];
      await until(`${expected} of ${decision}, there is ${told}`, async () => {
        told = await server.judged(decision);
        return told.length >= expected.length;
      });
      if (told.sort().join() !== expected.sort().join()) throw new Error(`${told} instead of ${expected}`);
    },

    events: (kind, verdict) =>
      server.metric(`adjacent_events_total{kind="${kind}",verdict="${verdict}"}`),

    /** Waits until so many events of a kind are counted, and checks that nothing else came of them. */
    async counts(kind, count) {
      await until(`${count} of ${kind}`, async () => (await server.events(kind, "counted")) >= count);
      const told = {};
      for (const verdict of ["counted", "duplicate", "invalid", "pending"]) {
        told[verdict] = await server.events(kind, verdict);
      }
      const expected = { counted: count, duplicate: 0, invalid: 0, pending: 0 };
      if (JSON.stringify(told) !== JSON.stringify(expected)) {
        throw new Error(`${kind}: ${JSON.stringify(told)} instead of ${JSON.stringify(expected)}`);
      }
    },

    async stop() {
      const gone = new Promise((done) => child.once("exit", done));
      process.kill(Number(readFileSync(join(folder, "pid"), "utf8")), "SIGTERM");
      await gone;
      rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
  return server;
};
