/** The weights form: live values, edits, and the effect of each edit on the odds. */

import { element, table } from "../show";
import { button, byId, confirmButton } from "./controls";
import { errorBox, request, RequestError } from "./request";
import { effect, flat, tree, type Flat } from "./effect";
import { changed } from "./catalog";

let live: { shape: unknown; values: Flat; tag: string | null } | undefined;

const fields = (): HTMLInputElement[] => [
  ...document.querySelectorAll<HTMLInputElement>("input[data-weight]"),
];

const path = (field: HTMLInputElement): string => field.dataset["weight"] ?? "";

const number = (field: HTMLInputElement): number => {
  const text = field.value.trim();
  return text == "" ? NaN : Number(text);
};

/** The values of the form; fields without a valid number keep the live value. */
const edited = (): Flat => {
  const values: Flat = { ...live?.values };
  for (const field of fields()) {
    const value = number(field);
    if (!Number.isNaN(value)) values[path(field)] = value;
  }
  return values;
};

const isEdited = (field: HTMLInputElement): boolean =>
  live !== undefined && number(field) !== live.values[path(field)];

/** Shows the change and its effect beside every edited field. */
const compare = (): void => {
  const [old, now] = [live?.values ?? {}, edited()];
  for (const field of fields()) {
    const status = document.querySelector<HTMLElement>(`[data-effect="${CSS.escape(path(field))}"]`);
    if (!status) continue;
    const broken = Number.isNaN(number(field));
    field.setAttribute("aria-invalid", String(broken && live !== undefined));
    status.replaceChildren();
    if (broken && live) status.textContent = "not a number";
    else if (isEdited(field)) {
      const change = element("b", `${old[path(field)]} → ${field.value.trim()}`);
      status.append(change, `: ${effect(path(field), old, now)}.`);
    }
  }
  const none = !fields().some(isEdited);
  for (const each of byId("weights-actions").querySelectorAll("button")) each.disabled = none;
};

const showConfirm = (shown: boolean): void => {
  byId("weights-confirm").hidden = !shown;
  byId<HTMLInputElement>("weights-sure").checked = false;
};

interface TopicShare {
  topic: string;
  slots: number;
  max_share_percent?: number;
  advertisers: { advertiser: string; share_percent: number; closed: boolean }[];
}

/** Topics shown, those with the most slots. */
const TOPICS = 15;

/** Shows which part of each topic's slots its advertisers have today. */
const shares = async (): Promise<void> => {
  const shown = byId("weights-shares");
  try {
    const { body } = await request<{ topics?: TopicShare[] }>("/v1/admin/topic-shares");
    const topics = (body.topics ?? []).slice(0, TOPICS);
    const lines = topics.map(({ topic, slots, max_share_percent: bound, advertisers }) => [
      topic,
      slots.toLocaleString("en"),
      bound === undefined ? "none" : `${bound} %`,
      advertisers
        .slice(0, 3)
        .map((one) => `${one.advertiser} ${one.share_percent.toFixed(1)} %${one.closed ? " (no more for now)" : ""}`)
        .join(", "),
    ]);
    const heads = ["Topic", "Slots", "Bound", "Largest shares"];
    shown.replaceChildren(lines.length ? table(heads, lines) : element("p", "No slots yet.", "dim"));
  } catch (error) {
    shown.replaceChildren(errorBox("Loading the shares failed", error));
  }
};

/** Fills the form with the live weights. */
export const weights = async (): Promise<void> => {
  const status = byId("weights-status");
  void shares();
  try {
    const { body, tag } = await request<unknown>("/v1/admin/weights");
    live = { shape: body, values: flat(body), tag };
  } catch (error) {
    status.replaceChildren(errorBox("Loading the weights failed", error));
    return;
  }
  for (const field of fields()) field.value = String(live.values[path(field)] ?? "");
  showConfirm(false);
  compare();
};

/** Reloads the form after a change, unless it has unsaved edits. */
export const weightsAgain = async (): Promise<void> => {
  if (!fields().some(isEdited)) await weights();
};

const send = async (): Promise<void> => {
  if (!live) throw new RequestError({ detail: "the live weights are not loaded" });
  if (fields().some((field) => Number.isNaN(number(field)))) {
    throw new RequestError({ detail: "a field is not a number" });
  }
  const count = fields().filter(isEdited).length;
  const sure = byId<HTMLInputElement>("weights-sure").checked;
  try {
    await request(`/v1/admin/weights${sure ? "?confirm=true" : ""}`, {
      method: "PUT",
      body: tree(live.shape, edited()),
      ifMatch: live.tag,
    });
  } catch (error) {
    const code = error instanceof RequestError ? error.problem.code : "";
    if (code == "confirmation_required") showConfirm(true);
    if (code != "precondition_failed") throw error;
    await rebase();
    throw new RequestError({
      detail:
        "the weights were changed by another user; your edits are preserved and compared with the new " +
        "values: review them and apply again",
      code,
    });
  }
  await weights();
  await changed(`Changed ${count} ${count == 1 ? "weight" : "weights"}`, byId("weights-status"));
};

/** After a concurrent change: reloads the live weights and reapplies the edits. */
const rebase = async (): Promise<void> => {
  const typed = new Map(fields().filter(isEdited).map((field) => [path(field), field.value]));
  await weights();
  for (const field of fields()) field.value = typed.get(path(field)) ?? field.value;
  compare();
};

const question = (): string => {
  const changes = fields()
    .filter(isEdited)
    .map((field) => `${path(field)} ${live?.values[path(field)]} → ${field.value.trim()}`);
  return `Apply these weights? ${changes.join(", ")}. They take effect immediately.`;
};

/** Attaches the form and creates its buttons. */
export const watchWeights = (): void => {
  byId("weights-content").addEventListener("input", compare);
  byId("weights-actions").append(
    confirmButton("Apply", question, send),
    button("Reset", () => {
      byId("weights-status").replaceChildren();
      void weights();
    }),
  );
  compare();
};
