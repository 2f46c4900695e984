/** Buttons that change what is served: each asks first, in the page, and says what came of it. */

import { element } from "../show";
import { tries } from "./ask";

/** An element of the page that the template has. */
export const byId = <T extends HTMLElement = HTMLElement>(id: string): T =>
  document.getElementById(id) as T;

/** A button. */
export const button = (text: string, press: () => void): HTMLButtonElement => {
  const made = element("button", text) as HTMLButtonElement;
  made.type = "button";
  made.addEventListener("click", press);
  return made;
};

/** A button that asks before it does `work`. What is refused is said under the button; what was
 *  done is for `work` to say, since it usually draws everything anew. `name` is for those who hear
 *  the button without the row it is in. */
export const act = (
  text: string,
  question: () => string,
  work: () => Promise<void>,
  name = text,
): HTMLElement => {
  const around = element("div", "", "act");
  const said = element("div");
  const rest = () => {
    around.replaceChildren(first, said);
  };
  const first = button(text, () => {
    said.replaceChildren();
    const asked = element("div", "", "asked");
    const yes = button(`Yes, ${text.toLowerCase()}`, () => {
      yes.disabled = no.disabled = true;
      void tries(text, said, work).then(() => {
        rest();
        first.focus({ preventScroll: true });
      });
    });
    const no = button("No", () => {
      rest();
      first.focus();
    });
    asked.addEventListener("keydown", (event) => {
      if (event.key == "Escape" && !no.disabled) no.click();
    });
    asked.append(element("p", question()), yes, no);
    around.replaceChildren(asked, said);
    yes.focus({ preventScroll: true });
  });
  first.setAttribute("aria-label", name);
  rest();
  return around;
};

/** A sentence about something that was done. */
export const done = (into: HTMLElement, text: string): void => {
  into.replaceChildren(element("p", text, "done"));
};

/** Words as people read them: `no_live_creative` is three. */
export const plain = (name = ""): string => name.replaceAll("_", " ");

/** How long ago something was, in its largest unit. */
export const age = (at: string | undefined): string => {
  const seconds = Math.max(0, (Date.now() - Date.parse(at ?? "")) / 1000);
  if (Number.isNaN(seconds)) return "";
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
};

/** A moment without its fractions: `2026-11-25 03:40:10`. */
export const moment = (at = ""): string => at.replace("T", " ").replace(/(\.\d+)?Z$/, "");
