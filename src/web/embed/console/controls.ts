/** Buttons for operator actions, with in-page confirmation and error display, and small formatters. */

import { element } from "../show";
import { attempt } from "./request";

/** An element of the template by id. */
export const byId = <T extends HTMLElement = HTMLElement>(id: string): T =>
  document.getElementById(id) as T;

/** Creates a button. */
export const button = (text: string, press: () => void): HTMLButtonElement => {
  const made = element("button", text) as HTMLButtonElement;
  made.type = "button";
  made.addEventListener("click", press);
  return made;
};

/** A button that asks for confirmation before it runs `work`. Errors are shown below the button; success
 *  is reported by `work`, which usually redraws the section. `name` is the accessible name, for screen
 *  reader users who do not see the row. */
export const confirmButton = (
  text: string,
  question: () => string,
  work: () => Promise<void>,
  name = text,
): HTMLElement => {
  const around = element("div", "", "act");
  const status = element("div");
  const reset = () => {
    around.replaceChildren(first, status);
  };
  const first = button(text, () => {
    status.replaceChildren();
    const prompt = element("div", "", "confirm");
    const yes = button(`Yes, ${text.toLowerCase()}`, () => {
      yes.disabled = no.disabled = true;
      void attempt(`${text} failed`, status, work).then(() => {
        reset();
        first.focus({ preventScroll: true });
      });
    });
    const no = button("No", () => {
      reset();
      first.focus();
    });
    prompt.addEventListener("keydown", (event) => {
      if (event.key == "Escape" && !no.disabled) no.click();
    });
    prompt.append(element("p", question()), yes, no);
    around.replaceChildren(prompt, status);
    yes.focus({ preventScroll: true });
  });
  first.setAttribute("aria-label", name);
  reset();
  return around;
};

/** Shows a success message. */
export const done = (into: HTMLElement, text: string): void => {
  into.replaceChildren(element("p", text, "done"));
};

/** Replaces underscores: `no_live_creative` becomes `no live creative`. */
export const plain = (name = ""): string => name.replaceAll("_", " ");

/** Age of a timestamp in its largest unit. */
export const age = (at: string | undefined): string => {
  const seconds = Math.max(0, (Date.now() - Date.parse(at ?? "")) / 1000);
  if (Number.isNaN(seconds)) return "";
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
};

/** A timestamp without fractions: `2026-11-25 03:40:10`. */
export const moment = (at = ""): string => at.replace("T", " ").replace(/(\.\d+)?Z$/, "");
