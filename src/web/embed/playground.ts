/** The playground of the demo page: a request to change, what it is answered, and how that looks. */

import { mount } from "../package/src/mount";
import type { Decision as Typed } from "../package/src/types";
import { element } from "./show";
import type { Decision, Reply } from "./wire";

const part = <T extends HTMLElement>(name: string): T | null =>
  document.getElementById(name) as T | null;

/** Draws what was decided. What the page shows already is a picture of it and reports nothing. */
const draw = (decisions: Record<string, Decision | undefined>, picture: boolean): void => {
  const into = part("rendered");
  if (!into) return;
  into.replaceChildren();
  for (const [key, decision] of Object.entries(decisions)) {
    const host = element("div");
    const why = decision?.reason?.replaceAll("_", " ") ?? "no answer";
    host.append(element("p", `Nothing is shown for ${key}: ${why}.`, "dim"));
    into.append(host);
    if (!decision?.fill) continue;
    const events = picture ? {} : decision.event_urls;
    mount(host, { ...decision, event_urls: events ?? {} } as unknown as Typed);
    const unit = host.shadowRoot?.querySelector("aside");
    // Two landmarks of one name are one too many for whoever listens to a page.
    unit?.setAttribute("aria-label", `${key}, rendered: ${unit.getAttribute("aria-label")}`);
  }
};

const write = (said: unknown): void => {
  const into = part("decision");
  if (into) into.textContent = JSON.stringify(said, null, 2);
};

/** What the page's own unit was answered, before anybody changed anything. */
export const shown = (reply: Reply | undefined, decision: Decision | undefined): void => {
  write(reply ?? decision ?? null);
  draw(reply?.decisions ?? {}, true);
};

/** Sends what is in the field; `decided` is told the first decision, to explain it. */
export const playground = (decided: (decision: Decision | undefined) => void): void => {
  const form = part<HTMLFormElement>("ask");
  const field = part<HTMLTextAreaElement>("request");
  const told = part("told");
  if (!form || !field || !told) return;
  let asked = 0;

  const send = async (): Promise<void> => {
    const own = ++asked;
    field.removeAttribute("aria-invalid");
    try {
      JSON.parse(field.value);
    } catch (error) {
      field.setAttribute("aria-invalid", "true");
      told.textContent = `This is not JSON: ${(error as Error).message}`;
      return;
    }
    told.textContent = "Asking…";
    const began = performance.now();
    try {
      const answer = await fetch("/v1/decisions", {
        method: "POST",
        body: field.value,
        credentials: "omit",
      });
      const said: unknown = await answer.json();
      if (own != asked) return;
      write(said);
      told.textContent = `Answered ${answer.status} in ${Math.round(performance.now() - began)} ms.`;
      if (!answer.ok) field.setAttribute("aria-invalid", "true");
      const decisions = (said as Reply).decisions ?? {};
      draw(decisions, false);
      decided(Object.values(decisions)[0]);
    } catch {
      if (own == asked) told.textContent = "There was no answer.";
    }
  };

  for (const button of form.querySelectorAll("button")) button.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void send();
  });
  field.addEventListener("keydown", (event) => {
    if (event.key == "Enter" && (event.ctrlKey || event.metaKey)) void send();
  });
};
