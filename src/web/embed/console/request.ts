/** Admin API client. The key exists only in this module's memory: never in a cookie, in storage or in a
 *  URL. It is sent only in the `Authorization` header. */

import { element } from "../show";

/** Problem details (RFC 9457), as far as they are shown. */
export interface Problem {
  detail?: string;
  title?: string;
  code?: string;
  field?: string;
  request_id?: string;
  problems?: { field?: string; reason?: string; help?: string }[];
}

/** A call that failed or was rejected. */
export class RequestError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

/** A response with its entity tag, for `If-Match` of a change. */
export interface ApiResponse<T> {
  body: T;
  tag: string | null;
}

let key = "";

/** Sets the key for subsequent calls; an empty string discards it. */
export const setKey = (text: string): void => {
  key = text.trim();
};

const noResponse = (method: string): string =>
  method == "GET"
    ? "the server did not respond"
    : "no response; check the history to see whether the change was applied";

const send = async (method: string, path: string, body?: unknown, ifMatch?: string | null) => {
  const headers: Record<string, string> = {};
  if (key) headers["Authorization"] = `Bearer ${key}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (ifMatch) headers["If-Match"] = ifMatch;
  // Keys contain no other characters, and neither may a header.
  if (!/^[\x21-\x7e]*$/.test(key)) throw new RequestError({ detail: "this is not a valid key" });
  try {
    return await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    });
  } catch {
    throw new RequestError({ detail: noResponse(method) });
  }
};

const toError = async (reply: Response): Promise<RequestError> => {
  let problem: Problem = {};
  try {
    problem = (await reply.json()) as Problem;
  } catch {
    // Not problem details, such as a proxy's page: show the status only.
  }
  return new RequestError({ title: `${reply.status} ${reply.statusText}`, ...problem });
};

/** Requests a JSON document. With a `body` the method is POST unless `method` is given. */
export const request = async <T>(
  path: string,
  options: { method?: string; body?: unknown; ifMatch?: string | null } = {},
): Promise<ApiResponse<T>> => {
  const method = options.method ?? (options.body === undefined ? "GET" : "POST");
  const reply = await send(method, path, options.body, options.ifMatch);
  if (!reply.ok) throw await toError(reply);
  try {
    return { body: (await reply.json()) as T, tag: reply.headers.get("ETag") };
  } catch {
    throw new RequestError({ detail: "the response is incomplete or not JSON" });
  }
};

/** Requests a text, such as `/metrics`. */
export const text = async (path: string): Promise<string> => {
  const reply = await send("GET", path);
  if (!reply.ok) throw await toError(reply);
  return reply.text();
};

/** An error message box; `action` describes what failed. */
export const errorBox = (action: string, error: unknown): HTMLElement => {
  const problem: Problem =
    error instanceof RequestError ? error.problem : { detail: `error in this page: ${String(error)}` };
  const box = element("div", "", "problem");
  box.setAttribute("role", "alert");
  const field = problem.field ? `${problem.field}: ` : "";
  box.append(element("p", `${action}: ${field}${problem.detail ?? problem.title ?? "rejected"}.`));
  if (problem.problems?.length) {
    const list = element("ul");
    for (const one of problem.problems) {
      const text = [one.reason, one.help].filter(Boolean).join(" — ");
      list.append(element("li", [one.field, text].filter(Boolean).join(": ")));
    }
    box.append(list);
  }
  const reference = [problem.code, problem.request_id].filter(Boolean).join(" · ");
  if (reference) box.append(element("p", reference, "dim small"));
  return box;
};

/** Runs `work` and shows an error in `into`, which is cleared first. Returns whether it succeeded. */
export const attempt = async (
  action: string,
  into: HTMLElement,
  work: () => Promise<void>,
): Promise<boolean> => {
  into.replaceChildren();
  try {
    await work();
    return true;
  } catch (error) {
    into.replaceChildren(errorBox(action, error));
    return false;
  }
};
