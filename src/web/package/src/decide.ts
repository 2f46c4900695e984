/** Requests decisions from a server or a browser. Returns within the time budget, with no-fills if needed. */

import type { Decision, DecisionReply, Failure, NoFill, Page, Placement, Viewer } from "./types.js";

export interface DecideOptions {
  /** The server's public URL, such as `https://units.example`. */
  base: string;
  publisher: string;
  page?: Page;
  viewer?: Viewer;
  /** At most 8. */
  placements: Placement[];
  /** `html` adds the complete unit as escaped HTML. */
  render?: "json" | "html";
  /** Test mode: a working unit whose events are never counted or billed. */
  test?: boolean;
  /** Reject values over a limit instead of truncating them. */
  strict?: boolean;
  /** The publisher's secret key; only on a server. */
  key?: string;
  /** The reader as seen by your server, for fraud detection; only trusted with the key. */
  reader?: { address?: string; agent?: string; gpc?: boolean };
  /** Total time budget in milliseconds; default 800. */
  budgetMs?: number;
  /** Aborts the call. */
  signal?: AbortSignal;
}

const BUDGET_MS = 800;

/** A failed call. */
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

/** Returns a valid decision unchanged, otherwise a no-fill. A unit without a label is not valid. */
const validated = (decision: Partial<Decision> | undefined): Decision => {
  const isValid = decision?.fill
    ? decision.creative?.headline && decision.label?.text && decision.event_urls
    : decision?.fill === false && decision.reason;
  return isValid ? (decision as Decision) : noAnswer;
};

/** What is sent. Throws if the options cannot be: no address, cyclic or unknown values, forbidden characters. */
const prepared = (options: DecideOptions): [string, RequestInit] => {
  const { base, publisher, page, viewer, placements, render, test, strict } = options;
  if (!Array.isArray(placements)) throw new TypeError("placements: must be a list");
  const path = base.replace(/\/+$/, "") + "/v1/decisions";
  // In a browser an address may be relative to the page.
  const { href, protocol } = new URL(path, globalThis.location?.href);
  if (!/^https?:$/.test(protocol)) throw new TypeError(`base: must be an http or https address (got ${base})`);
  return [
    href,
    {
      method: "POST",
      // Sent as plain text, which avoids a CORS preflight.
      body: JSON.stringify({ publisher, page, viewer, placements, render, test, strict }),
      headers: new Headers(headers(options)),
      credentials: "omit",
      keepalive: true,
    },
  ];
};

/** Sends the request; retries once after a network error or a 5xx, within the same budget. */
const request = async (url: string, init: RequestInit, isRetry = false): Promise<unknown> => {
  let reply: Response;
  try {
    reply = await fetch(url, init);
  } catch {
    if (isRetry || init.signal?.aborted) throw new NoAnswer({ what: "unreachable" });
    return request(url, init, true);
  }
  const { status } = reply;
  if (status >= 500 && !isRetry) {
    // An unread body would keep the connection open.
    void reply.body?.cancel();
    return request(url, init, true);
  }
  const body = await reply.json().catch(() => undefined);
  if (!reply.ok) throw new NoAnswer({ what: "refused", status, problem: body });
  if (typeof body?.decisions !== "object") throw new NoAnswer({ what: "unreadable", status });
  return body;
};

/** Requests a decision for every placement of a page. Never throws and never exceeds its budget: without a
 *  response every placement is a no-fill, and `failure` contains the cause. */
export const decide = async (options: DecideOptions): Promise<DecisionReply> => {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let result: Partial<DecisionReply> = {};
  try {
    if (options.key && typeof document !== "undefined") throw new NoAnswer({ what: "key_in_browser" });
    let call: [string, RequestInit];
    try {
      call = prepared(options);
    } catch (error) {
      throw new NoAnswer({ what: "invalid_request", detail: String(error) });
    }
    const { signal } = options;
    const ended = new Promise<never>((_, fail) => {
      const end = (what: Failure["what"]) => {
        fail(new NoAnswer({ what }));
        controller.abort();
      };
      timer = setTimeout(end, options.budgetMs ?? BUDGET_MS, "timeout");
      if (signal?.aborted) end("aborted");
      signal?.addEventListener("abort", () => end("aborted"), { signal: controller.signal });
    });
    result = (await Promise.race([ended, request(call[0], { ...call[1], signal: controller.signal })])) as DecisionReply;
  } catch (error) {
    const failure = error instanceof NoAnswer ? error.failure : undefined;
    result = { failure: failure ?? { what: "unreachable" } };
  }
  clearTimeout(timer);
  // Also removes the listener from the caller's signal.
  controller.abort();
  const decisions: Record<string, Decision> = {};
  const slots = Array.isArray(options.placements) ? options.placements : [];
  for (const one of slots) {
    const slot = String(one?.key ?? one?.name);
    decisions[slot] = validated(result.decisions?.[slot]);
  }
  return { request_id: "", warnings: [], ...result, decisions };
};
