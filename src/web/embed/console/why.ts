/** Why a decision ended as it did, what would have made another creative win, and what became of
 *  it. */

import { explain, type Explained } from "../explain";
import { element, factor, percent, rows } from "../show";
import { byId, moment, plain } from "./act";
import { ask, tries, words } from "./ask";
import { stacked, type Line } from "./stacks";

interface Want {
  key?: string;
  creative?: string;
  won?: boolean;
  probability?: number;
  score_factor_needed?: number;
  changes?: string[];
}

interface Told extends Explained {
  request_id?: string;
  publisher?: string;
  test?: boolean;
  page?: {
    url?: string;
    topics?: string[];
    entities?: { id?: string; role?: string }[];
    keywords?: string[];
    unknown?: string[];
    region?: string;
    language?: string;
    commercial?: string;
    sensitive?: boolean;
    viewer?: { country?: string; basis?: string };
  };
  want?: Want[];
}

interface Happened {
  kind?: string;
  cta?: string;
  at?: string;
  verdict?: string;
  reason?: string;
  billed_micros?: number;
}

/** Those that are there, with commas. */
const list = (...parts: (string | undefined)[]): string => parts.filter(Boolean).join(", ");

/** The page as the decision saw it, and how it ended. */
const page = (told: Told): HTMLElement => {
  const { page: seen, slots } = told;
  const named = seen?.entities?.map((one) => `${one.id ?? ""} (${one.role ?? ""})`).join(", ");
  const [result] = (slots ?? []).map((slot) => slot.result);
  const ended = result?.fill
    ? `${result.creative ?? ""} of ${result.flight ?? ""}`
    : `nothing: ${plain(result?.reason)}`;
  return rows([
    ["Ended with", ended],
    ["Decided", `${moment(told.decided_at)}${told.test ? ", a test" : ""}`],
    ["On", list(told.publisher, seen?.url)],
    ["Topics", seen?.topics?.join(", ")],
    ["Entities", named],
    ["Keywords", seen?.keywords?.join(", ")],
    ["Not known", seen?.unknown?.join(", ")],
    ["Page", list(seen?.language, seen?.region, seen?.sensitive ? "sensitive" : "")],
    ["Reader", list(seen?.viewer?.country, plain(seen?.viewer?.basis))],
  ]);
};

const want = (asked: Want[]): Node[] => {
  const chance = (one: Want) =>
    one.probability == null ? "not in the draw" : percent(one.probability);
  const lines = asked.map((one): Line => [
    0,
    [
      one.creative ?? "",
      one.won ? element("b", "won", "tag") : chance(one),
      one.score_factor_needed == null ? "" : factor(one.score_factor_needed),
      one.changes?.join("; ") ?? "",
    ],
  ]);
  return [
    element("h3", "What would make it win"),
    stacked(["Creative", "Chance", "Score needed", "What would have to change"], lines),
  ];
};

const events = (happened: Happened[]): Node[] => [
  element("h3", "What became of it"),
  happened.length
    ? stacked(
        ["When", "Event", "Verdict", "Billed"],
        happened.map((one): Line => [
          0,
          [
            moment(one.at),
            [one.kind, one.cta].filter(Boolean).join(" "),
            [one.verdict, plain(one.reason)].filter(Boolean).join(": "),
            one.billed_micros ? String(one.billed_micros / 1e6) : "nothing",
          ],
        ]),
      )
    : element("p", "No event of it is on record.", "dim"),
];

const show = async (): Promise<void> => {
  const id = byId<HTMLInputElement>("why-id").value.trim();
  const creative = byId<HTMLInputElement>("why-want").value.trim();
  const shown = byId("why-shown");
  shown.replaceChildren();
  const path = `/v1/decisions/${encodeURIComponent(id || "none")}`;
  await tries("Explaining it", byId("why-said"), async () => {
    const asked = creative ? `?want=${encodeURIComponent(creative)}` : "";
    const { body } = await ask<Told>(`${path}/explain${asked}`);
    const parts: Node[] = [page(body)];
    if (body.want?.length) parts.push(...want(body.want));
    parts.push(...explain(body));
    shown.replaceChildren(...parts);
    try {
      const happened = await ask<{ events?: Happened[] }>(`${path}/events`);
      shown.append(...events(happened.body.events ?? []));
    } catch (error) {
      shown.append(words("Reading its events", error));
    }
  });
};

/** Listens to the question. */
export const watchWhy = (): void => {
  byId("why-ask").addEventListener("click", () => void show());
  for (const id of ["why-id", "why-want"]) {
    byId(id).addEventListener("keydown", (event) => {
      if (event.key == "Enter") void show();
    });
  }
};
