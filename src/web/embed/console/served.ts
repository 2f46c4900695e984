/** What is served, who changed it last, and the way back. */

import { element, rows } from "../show";
import { act, age, button, byId, done, moment } from "./act";
import { ask, tries } from "./ask";
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
  before?: Parts;
  after?: Parts;
}

/** How many changes are shown at first. */
const SHOWN = 12;

const names = ["inventory", "weights", "labels"] as const;

/** A content hash, as much of it as tells it from others; all of it on a closer look. */
const hash = (of: string | undefined): HTMLElement => {
  const made = element("code", of?.slice(0, 16));
  made.title = of ?? "";
  return made;
};

/** What is served, as anybody who reaches this listener may know it. */
export const version = async (head?: Head, last?: Entry): Promise<void> => {
  await tries("Asking what is served", byId("served"), async () => {
    const { body } = await ask<Version>("/version");
    const parts = names.map((name): [string, Node | undefined] => {
      const around = element("span");
      around.append(hash(body[name]));
      if (head?.[name] && body[name] != head[name]) {
        around.append(" ", element("b", "the catalog's head is another", "tag warn"));
      }
      return [name[0]!.toUpperCase() + name.slice(1), around];
    });
    const changed = head?.at && `${age(head.at)}, ${moment(head.at)}, by ${head.who ?? "nobody"}`;
    const facts = rows([
      ["Head", head?.number === undefined ? undefined : `number ${head.number}`],
      ["Changed", changed || undefined],
      ["What", last?.number === head?.number ? last?.what : undefined],
      ...parts,
      ["State", String(body.state ?? "")],
      ["Program", `adjacent ${body.version ?? ""}, start ${body.incarnation ?? ""}`],
      ["Public address", body.public_url],
    ]);
    byId("served").replaceChildren(facts);
  });
};

const moved = (entry: Entry): string =>
  names.filter((name) => entry.before?.[name] != entry.after?.[name]).join(", ") || "nothing";

/** The parts that a change named; a part that was not there yet stays as it is. */
const named = (entry: Entry): string => names.filter((name) => entry.after?.[name]).join(", ");

const line = (entry: Entry, newest: number): Line => {
  const when = element("span", moment(entry.at), "nowrap");
  when.append(element("br"), element("span", age(entry.at), "dim small"));
  const back = act(
    "Roll back to this",
    () =>
      `Serve what number ${entry.number} named again: ${named(entry)}? ` +
      "It is a new change, takes effect at once and asks for no check.",
    async () => {
      await ask("/v1/admin/rollback", { body: { number: entry.number } });
      await changed(`Rolled back to what number ${entry.number} named`);
    },
    `Roll back to number ${entry.number}`,
  );
  return [
    0,
    [
      element("span", `number ${entry.number}`, "nowrap"),
      when,
      entry.who ?? "",
      entry.what ?? "",
      moved(entry),
      entry.number == newest ? element("b", "served", "tag") : back,
    ],
  ];
};

let all = false;

/** The head and the audit log; what is served is shown with it. */
export const history = async (): Promise<void> => {
  await tries("Reading the history", byId("history-said"), async () => {
    const [head, log] = await Promise.all([
      ask<Head | null>("/v1/admin/head"),
      ask<Entry[]>("/v1/admin/history"),
    ]);
    const newest = [...log.body].reverse();
    const shown = all ? newest : newest.slice(0, SHOWN);
    const parts: Node[] = [
      stacked(
        ["Head", "When", "Who", "What", "Changed", ""],
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
    byId("history-shown").replaceChildren(...parts);
    await version(head.body ?? undefined, newest[0]);
  });
};

/** What else draws anew after a change. */
const watchers: (() => Promise<void>)[] = [];

/** Has something drawn anew after every change. */
export const onChange = (work: () => Promise<void>): void => {
  watchers.push(work);
};

/** Draws everything anew after a change, and says what was done. */
export const changed = async (text: string, into = byId("history-said")): Promise<void> => {
  await history();
  for (const work of watchers) await work();
  done(into, `${text}: ${byId("served").querySelector("dd")?.textContent ?? ""} is served.`);
};
