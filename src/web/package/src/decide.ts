/** One call to the server, from a server or a browser: an answer in time, or a no-fill in time. */

import type { Decision, DecisionReply, Failure, NoFill, Page, Placement, Viewer } from "./types.js";

export interface DecideOptions {
  /** The server's public address, such as `https://units.example`. */
  base: string;
  publisher: string;
  page?: Page;
  viewer?: Viewer;
  /** 8 at the most. */
  placements: Placement[];
  /** `html` adds a complete unit as escaped HTML. */
  render?: "json" | "html";
  /** A fully working unit that never counts. */
  test?: boolean;
  /** Refuse what is over a limit instead of cutting it. */
  strict?: boolean;
  /** The publisher's secret key: on a server alone. */
  key?: string;
  /** What your server saw of the reader, against fraud; believed with the key alone. */
  reader?: { address?: string; agent?: string; gpc?: boolean };
  /** How long to wait in all; 800 when absent. */
  budgetMs?: number;
  /** Ends the call early. */
  signal?: AbortSignal;
}

const BUDGET_MS = 800;

/** No answer, and why. */
class NoAnswer extends Error {
  constructor(readonly failure: Failure) {
    super(failure.what);
  }
}

export const noAnswer: NoFill = { fill: false, decision_id: "", reason: "no_answer" };

const headers = ({ key, reader = {} }: DecideOptions): Record<string, string> => ({
  ...(key && { authorization: `Bearer ${key}` }),
  ...(reader.address && { "adjacent-reader-address": reader.address }),
  ...(reader.agent && { "adjacent-reader-agent": reader.agent }),
  ...(reader.gpc && { "sec-gpc": "1" }),
});

/** What came under a key, if it is a decision: without its label nothing is shown. */
const checked = (said: Partial<Decision> | undefined): Decision => {
  const whole = said?.fill
    ? said.creative?.headline && said.label?.text && said.event_urls
    : said?.fill === false && said.reason;
  return whole ? (said as Decision) : noAnswer;
};

/** Asks; a connection that broke or a server that failed is tried once more, within the same budget. */
const ask = async (options: DecideOptions, signal: AbortSignal, again = false): Promise<unknown> => {
  const { base, publisher, page, viewer, placements, render, test, strict } = options;
  let reply: Response;
  try {
    reply = await fetch(base.replace(/\/+$/, "") + "/v1/decisions", {
      method: "POST",
      // Text is sent as plain text, so that no browser asks for permission first.
      body: JSON.stringify({ publisher, page, viewer, placements, render, test, strict }),
      headers: headers(options),
      credentials: "omit",
      keepalive: true,
      signal,
    });
  } catch {
    if (again || signal.aborted) throw new NoAnswer({ what: "unreachable" });
    return ask(options, signal, true);
  }
  const { status } = reply;
  if (status >= 500 && !again) {
    // Nobody reads it, and what is not read holds its connection.
    void reply.body?.cancel();
    return ask(options, signal, true);
  }
  const said = await reply.json().catch(() => undefined);
  if (!reply.ok) throw new NoAnswer({ what: "refused", status, problem: said });
  if (typeof said?.decisions !== "object") throw new NoAnswer({ what: "unreadable", status });
  return said;
};

/** Decides for every placement of a page. Never throws and never takes longer than its budget: without
 *  an answer every placement is a no-fill, and `failure` says why. */
export const decide = async (options: DecideOptions): Promise<DecisionReply> => {
  const stop = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let said: Partial<DecisionReply> = {};
  try {
    if (options.key && typeof document !== "undefined") throw new NoAnswer({ what: "key_in_browser" });
    const { signal } = options;
    const ended = new Promise<never>((_, fail) => {
      const end = (what: Failure["what"]) => {
        fail(new NoAnswer({ what }));
        stop.abort();
      };
      timer = setTimeout(end, options.budgetMs ?? BUDGET_MS, "timeout");
      if (signal?.aborted) end("aborted");
      signal?.addEventListener("abort", () => end("aborted"), { signal: stop.signal });
    });
    said = (await Promise.race([ended, ask(options, stop.signal)])) as DecisionReply;
  } catch (error) {
    const failure = error instanceof NoAnswer ? error.failure : undefined;
    said = { failure: failure ?? { what: "unreachable" } };
  }
  clearTimeout(timer);
  // Also forgets the caller's signal.
  stop.abort();
  const decisions: Record<string, Decision> = {};
  for (const { name, key = name } of options.placements) {
    decisions[key] = checked(said.decisions?.[key]);
  }
  return { request_id: "", warnings: [], ...said, decisions };
};
