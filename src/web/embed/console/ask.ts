/** Calls of the admin API. The key is in this module's memory and nowhere else: no cookie, no
 *  storage, no address; it leaves in the `Authorization` header alone. */

import { element } from "../show";

/** Problem details, as far as a person reads them. */
export interface Problem {
  detail?: string;
  title?: string;
  code?: string;
  field?: string;
  request_id?: string;
  problems?: { field?: string; reason?: string; help?: string }[];
}

/** A call that was refused, or not answered. */
export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

/** An answer with its entity tag, which a change names as what was seen. */
export interface Answer<T> {
  body: T;
  tag: string | null;
}

let key = "";

/** Keeps a key for the calls to come; an empty one forgets it. */
export const keep = (text: string): void => {
  key = text.trim();
};

const lost = (method: string): string =>
  method == "GET"
    ? "the server did not answer"
    : "no answer came: the history says whether it was done";

const send = async (method: string, path: string, body?: unknown, seen?: string | null) => {
  const headers: Record<string, string> = {};
  if (key) headers["Authorization"] = `Bearer ${key}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (seen) headers["If-Match"] = seen;
  // A header takes no other characters, and no key of ours has any.
  if (!/^[\x21-\x7e]*$/.test(key)) throw new Refused({ detail: "this is no key" });
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
    throw new Refused({ detail: lost(method) });
  }
};

const refusal = async (reply: Response): Promise<Refused> => {
  let problem: Problem = {};
  try {
    problem = (await reply.json()) as Problem;
  } catch {
    // Not ours, such as a proxy's page: the status says what there is to say.
  }
  return new Refused({ title: `${reply.status} ${reply.statusText}`, ...problem });
};

/** A document. `body` makes it a POST unless `method` says otherwise. */
export const ask = async <T>(
  path: string,
  options: { method?: string; body?: unknown; seen?: string | null } = {},
): Promise<Answer<T>> => {
  const method = options.method ?? (options.body === undefined ? "GET" : "POST");
  const reply = await send(method, path, options.body, options.seen);
  if (!reply.ok) throw await refusal(reply);
  try {
    return { body: (await reply.json()) as T, tag: reply.headers.get("ETag") };
  } catch {
    throw new Refused({ detail: "the answer broke off" });
  }
};

/** A text, such as that of `/metrics`. */
export const text = async (path: string): Promise<string> => {
  const reply = await send("GET", path);
  if (!reply.ok) throw await refusal(reply);
  return reply.text();
};

/** A refusal in words, after what was tried. */
export const words = (tried: string, error: unknown): HTMLElement => {
  const problem: Problem =
    error instanceof Refused ? error.problem : { detail: `this page failed: ${String(error)}` };
  const box = element("div", "", "problem");
  box.setAttribute("role", "alert");
  const field = problem.field ? `${problem.field}: ` : "";
  box.append(element("p", `${tried}: ${field}${problem.detail ?? problem.title ?? "refused"}.`));
  if (problem.problems?.length) {
    const list = element("ul");
    for (const one of problem.problems) {
      const said = [one.reason, one.help].filter(Boolean).join(" — ");
      list.append(element("li", [one.field, said].filter(Boolean).join(": ")));
    }
    box.append(list);
  }
  const behind = [problem.code, problem.request_id].filter(Boolean).join(" · ");
  if (behind) box.append(element("p", behind, "dim small"));
  return box;
};

/** Does something and says beside it when it was refused; `into` is emptied first. */
export const tries = async (
  tried: string,
  into: HTMLElement,
  work: () => Promise<void>,
): Promise<boolean> => {
  into.replaceChildren();
  try {
    await work();
    return true;
  } catch (error) {
    into.replaceChildren(words(tried, error));
    return false;
  }
};
