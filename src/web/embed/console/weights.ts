/** The weights: what is served, what is wanted instead, and what that does to the odds. */

import { element } from "../show";
import { act, button, byId } from "./act";
import { ask, Refused, words } from "./ask";
import { effect, flat, tree, type Flat } from "./effect";
import { changed } from "./served";

let served: { shape: unknown; values: Flat; tag: string | null } | undefined;

const fields = (): HTMLInputElement[] => [
  ...document.querySelectorAll<HTMLInputElement>("input[data-weight]"),
];

const path = (field: HTMLInputElement): string => field.dataset["weight"] ?? "";

const number = (field: HTMLInputElement): number => {
  const text = field.value.trim();
  return text == "" ? NaN : Number(text);
};

/** What the fields say; a field that is no number says what is served. */
const wanted = (): Flat => {
  const values: Flat = { ...served?.values };
  for (const field of fields()) {
    const value = number(field);
    if (!Number.isNaN(value)) values[path(field)] = value;
  }
  return values;
};

const isOther = (field: HTMLInputElement): boolean =>
  served !== undefined && number(field) !== served.values[path(field)];

/** Says beside every field that is another than what is served what it was and what it does. */
const compare = (): void => {
  const [old, now] = [served?.values ?? {}, wanted()];
  for (const field of fields()) {
    const said = document.querySelector<HTMLElement>(`[data-effect="${CSS.escape(path(field))}"]`);
    if (!said) continue;
    const broken = Number.isNaN(number(field));
    field.setAttribute("aria-invalid", String(broken && served !== undefined));
    said.replaceChildren();
    if (broken && served) said.textContent = "this is no number";
    else if (isOther(field)) {
      const change = element("b", `${old[path(field)]} → ${field.value.trim()}`);
      said.append(change, `: ${effect(path(field), old, now)}.`);
    }
  }
  const none = !fields().some(isOther);
  for (const each of byId("weights-acts").querySelectorAll("button")) each.disabled = none;
};

const insist = (shown: boolean): void => {
  byId("weights-insist").hidden = !shown;
  byId<HTMLInputElement>("weights-force").checked = false;
};

/** Fills the form with what is served. */
export const weights = async (): Promise<void> => {
  const said = byId("weights-said");
  try {
    const { body, tag } = await ask<unknown>("/v1/admin/weights");
    served = { shape: body, values: flat(body), tag };
  } catch (error) {
    said.replaceChildren(words("Reading the weights", error));
    return;
  }
  for (const field of fields()) field.value = String(served.values[path(field)] ?? "");
  insist(false);
  compare();
};

/** Fills it after somebody's change, unless something is being typed into it. */
export const weightsAgain = async (): Promise<void> => {
  if (!fields().some(isOther)) await weights();
};

const send = async (): Promise<void> => {
  if (!served) throw new Refused({ detail: "nothing is known of what is served" });
  if (fields().some((field) => Number.isNaN(number(field)))) {
    throw new Refused({ detail: "a field is no number" });
  }
  const others = fields().filter(isOther).length;
  const force = byId<HTMLInputElement>("weights-force").checked;
  try {
    await ask(`/v1/admin/weights${force ? "?force=true" : ""}`, {
      method: "PUT",
      body: tree(served.shape, wanted()),
      seen: served.tag,
    });
  } catch (error) {
    const code = error instanceof Refused ? error.problem.code : "";
    if (code == "needs_force") insist(true);
    if (code != "version_changed") throw error;
    await rebase();
    throw new Refused({
      detail:
        "somebody else changed them first; what you typed is kept and compared with theirs: " +
        "look at it, and serve it again",
      code,
    });
  }
  await weights();
  await changed(`Changed ${others} ${others == 1 ? "weight" : "weights"}`, byId("weights-said"));
};

/** Somebody else was first: what was typed stays, and is compared with what they made of it. */
const rebase = async (): Promise<void> => {
  const typed = new Map(fields().filter(isOther).map((field) => [path(field), field.value]));
  await weights();
  for (const field of fields()) field.value = typed.get(path(field)) ?? field.value;
  compare();
};

const question = (): string => {
  const changes = fields()
    .filter(isOther)
    .map((field) => `${path(field)} ${served?.values[path(field)]} → ${field.value.trim()}`);
  return `Serve these weights? ${changes.join(", ")}. They take effect at once.`;
};

/** Listens to the form and gives it its buttons. */
export const watchWeights = (): void => {
  byId("weights-shown").addEventListener("input", compare);
  byId("weights-acts").append(
    act("Serve these", question, send),
    button("As served", () => {
      byId("weights-said").replaceChildren();
      void weights();
    }),
  );
  compare();
};
