/** The live catalog versions, the change history, and rollback. */

import { element, rows } from "../show";
import { age, button, byId, confirmButton, done, moment } from "./controls";
import { attempt, request } from "./request";
import { stacked, type Line } from "./stacks";

type Parts = Partial<Record<"inventory" | "weights" | "labels", string>>;

interface Version extends Parts {
  version?: string;
  incarnation?: string;
  public_url?: string;
  state?: number;
}

export interface Head extends Parts {
  number?: number;
  at?: string;
  who?: string;
}

interface Entry {
  number: number;
  at?: string;
  who?: string;
  what?: string;
  kind?: string;
  before?: Parts;
  after?: Parts;
}

/** Number of changes shown initially. */
const SHOWN = 12;

const names = ["inventory", "weights", "labels"] as const;

/** A shortened content hash, with the full hash as its tooltip. */
const hash = (of: string | undefined): HTMLElement => {
  const made = element("code", of?.slice(0, 16));
  made.title = of ?? "";
  return made;
};

/** Shows the live versions, which need no key on this listener. */
export const version = async (head?: Head, last?: Entry): Promise<void> => {
  await attempt("Loading the live configuration failed", byId("served"), async () => {
    const { body } = await request<Version>("/version");
    const parts = names.map((name): [string, Node | undefined] => {
      const around = element("span");
      around.append(hash(body[name]));
      if (head?.[name] && body[name] != head[name]) {
        around.append(" ", element("b", "differs from the catalog head", "tag warn"));
      }
      return [name[0]!.toUpperCase() + name.slice(1), around];
    });
    const changed = head?.at && `${age(head.at)}, ${moment(head.at)}, by ${head.who ?? "unknown"}`;
    const facts = rows([
      ["Head", head?.number === undefined ? undefined : `number ${head.number}`],
      ["Changed", changed || undefined],
      ["Change", last?.number === head?.number ? last?.what : undefined],
      ...parts,
      ["State", String(body.state ?? "")],
      ["Program", `adjacent ${body.version ?? ""}, start ${body.incarnation ?? ""}`],
      ["Public URL", body.public_url],
    ]);
    byId("served").replaceChildren(facts);
  });
};

const moved = (entry: Entry): string =>
  names.filter((name) => entry.before?.[name] != entry.after?.[name]).join(", ") || "nothing";

/** The parts that a rollback restores; parts absent at that version are unchanged. */
const named = (entry: Entry): string => names.filter((name) => entry.after?.[name]).join(", ");

const line = (entry: Entry, newest: number): Line => {
  const when = element("span", moment(entry.at), "nowrap");
  when.append(element("br"), element("span", age(entry.at), "dim small"));
  const what = element("span", entry.what ?? "");
  if (entry.kind && entry.kind != "content") what.append(" ", element("b", entry.kind, "tag"));
  const back = confirmButton(
    "Roll back",
    () =>
      `Restore ${named(entry)} of head ${entry.number}? ` +
      "This is a new change and takes effect immediately. What is paused stays paused.",
    async () => {
      await request("/v1/admin/rollback", { body: { number: entry.number } });
      await changed(`Rolled back to head ${entry.number}`);
    },
    `Roll back to head ${entry.number}`,
  );
  return [
    0,
    [
      element("span", `head ${entry.number}`, "nowrap"),
      when,
      entry.who ?? "",
      what,
      moved(entry),
      entry.number == newest ? element("b", "live", "tag") : back,
    ],
  ];
};

let all = false;

/** Loads the head and the audit log, and shows the live versions with them. */
export const history = async (): Promise<void> => {
  await attempt("Loading the history failed", byId("history-status"), async () => {
    const [head, log] = await Promise.all([
      request<Head | null>("/v1/admin/head"),
      request<Entry[]>("/v1/admin/history"),
    ]);
    const newest = [...log.body].reverse();
    const shown = all ? newest : newest.slice(0, SHOWN);
    const parts: Node[] = [
      stacked(
        ["Head", "Time", "Actor", "Change", "Changed parts", ""],
        shown.map((entry) => line(entry, head.body?.number ?? 0)),
      ),
    ];
    if (shown.length < newest.length) {
      const more = button(`Show all ${newest.length}`, () => {
        all = true;
        void history();
      });
      parts.push(more);
    }
    byId("history-content").replaceChildren(...parts);
    await version(head.body ?? undefined, newest[0]);
  });
};

/** Sections that reload after a change. */
const watchers: (() => Promise<void>)[] = [];

/** Registers a section to reload after every change. */
export const onChange = (work: () => Promise<void>): void => {
  watchers.push(work);
};

/** Reloads all sections after a change, and reports it. */
export const changed = async (text: string, into = byId("history-status")): Promise<void> => {
  await history();
  for (const work of watchers) await work();
  done(into, `${text}; live: ${byId("served").querySelector("dd")?.textContent ?? ""}.`);
};
