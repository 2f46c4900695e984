/** Explains a decision: its page and result, what another creative would have needed to win, and its
 *  events. */

import type { Want as ApiWant } from "../../package/src/api";
import { explain, type Trace } from "../explain";
import { element, factor, percent, rows } from "../show";
import type { Tolerant } from "../wire";
import { byId, moment, plain } from "./controls";
import { attempt, errorBox, request } from "./request";
import { stacked, type Line } from "./stacks";

type Want = Tolerant<ApiWant>;

interface EventRecord {
  kind?: string;
  cta?: string;
  at?: string;
  verdict?: string;
  reason?: string;
  billed_micros?: number;
}

/** Joins non-empty texts with commas. */
const list = (...parts: (string | undefined)[]): string => parts.filter(Boolean).join(", ");

/** The page context and result of the decision. */
const page = (trace: Trace): HTMLElement => {
  const { page: context = {}, slots } = trace;
  const { url, topics, entities, keywords, unknown, region, language, commercial, sensitive, viewer, ...facts } = context;
  const named = entities?.map((one) => `${one.id ?? ""} (${one.role ?? ""})`).join(", ");
  const [result] = (slots ?? []).map((slot) => slot.result);
  const outcome = result?.fill
    ? `${result.creative ?? ""} of ${result.flight ?? ""}`
    : `no fill: ${plain(result?.reason)}`;
  return rows([
    ["Result", outcome],
    ["Decided", `${moment(trace.decided_at)}${trace.test ? ", test" : ""}`],
    ["Page", list(trace.publisher, url)],
    ["Topics", topics?.join(", ")],
    ["Entities", named],
    ["Keywords", keywords?.join(", ")],
    ["Unknown names", unknown?.join(", ")],
    ["Language, region", list(language, region, sensitive ? "sensitive" : "")],
    ["Stated facts", list(commercial && `commercial ${plain(commercial)}`, ...Object.entries(facts).map(([name, value]) => `${name} ${String(value)}`))],
    ["Reader", list(viewer?.country, plain(viewer?.basis))],
  ]);
};

const want = (wants: Want[]): Node[] => {
  const probability = (one: Want) =>
    one.probability == null ? "not in the draw" : percent(one.probability);
  const lines = wants.map((one): Line => [
    0,
    [
      one.creative ?? "",
      one.won ? element("b", "won", "tag") : probability(one),
      one.score_factor_needed == null ? "" : factor(one.score_factor_needed),
      one.changes?.join("; ") ?? "",
    ],
  ]);
  return [
    element("h3", "Needed to win"),
    stacked(["Creative", "Probability", "Score factor needed", "Required changes"], lines),
  ];
};

const events = (records: EventRecord[]): Node[] => [
  element("h3", "Events"),
  records.length
    ? stacked(
        ["Time", "Event", "Verdict", "Billed"],
        records.map((one): Line => [
          0,
          [
            moment(one.at),
            [one.kind, one.cta].filter(Boolean).join(" "),
            [one.verdict, plain(one.reason)].filter(Boolean).join(": "),
            one.billed_micros ? String(one.billed_micros / 1e6) : "0",
          ],
        ]),
      )
    : element("p", "No events recorded.", "dim"),
];

const show = async (): Promise<void> => {
  const id = byId<HTMLInputElement>("why-id").value.trim();
  const creative = byId<HTMLInputElement>("why-want").value.trim();
  const shown = byId("why-content");
  shown.replaceChildren();
  const path = `/v1/decisions/${encodeURIComponent(id || "none")}`;
  await attempt("Explaining the decision failed", byId("why-status"), async () => {
    const query = creative ? `?want=${encodeURIComponent(creative)}` : "";
    const { body } = await request<Trace>(`${path}/explain${query}`);
    const parts: Node[] = [page(body)];
    if (body.want?.length) parts.push(...want(body.want));
    parts.push(...explain(body));
    shown.replaceChildren(...parts);
    try {
      const records = await request<{ events?: EventRecord[] }>(`${path}/events`);
      shown.append(...events(records.body.events ?? []));
    } catch (error) {
      shown.append(errorBox("Loading the events failed", error));
    }
  });
};

/** Attaches the form. */
export const watchDecision = (): void => {
  byId("why-explain").addEventListener("click", () => void show());
  for (const id of ["why-id", "why-want"]) {
    byId(id).addEventListener("keydown", (event) => {
      if (event.key == "Enter") void show();
    });
  }
};
