/** The playground of the demo page: an editable request, its response, and the rendered units. */

import { mount } from "../package/src/mount";
import type { Decision as Typed } from "../package/src/types";
import { element } from "./show";
import type { Decision, Reply } from "./wire";

const part = <T extends HTMLElement>(name: string): T | null =>
  document.getElementById(name) as T | null;

/** Renders the decisions. A preview of what the page already shows reports no events. */
const draw = (decisions: Record<string, Decision | undefined>, preview: boolean): void => {
  const into = part("rendered");
  if (!into) return;
  into.replaceChildren();
  for (const [key, decision] of Object.entries(decisions)) {
    const host = element("div");
    const why = decision?.reason?.replaceAll("_", " ") ?? "no response";
    host.append(element("p", `Nothing is shown for ${key}: ${why}.`, "dim"));
    into.append(host);
    if (!decision?.fill) continue;
    const events = preview ? {} : decision.event_urls;
    mount(host, { ...decision, event_urls: events ?? {} } as unknown as Typed);
    const unit = host.shadowRoot?.querySelector("aside");
    // A second landmark with the same name would confuse screen reader users.
    unit?.setAttribute("aria-label", `${key}, rendered: ${unit.getAttribute("aria-label")}`);
  }
};

const write = (reply: unknown): void => {
  const into = part("decision");
  if (into) into.textContent = JSON.stringify(reply, null, 2);
};

/** Shows the response to the page's own unit, before any edit. */
export const shown = (reply: Reply | undefined, decision: Decision | undefined): void => {
  write(reply ?? decision ?? null);
  draw(reply?.decisions ?? {}, true);
};

/** Sends the edited request; calls `decided` with the first decision, to explain it. */
export const playground = (decided: (decision: Decision | undefined) => void): void => {
  const form = part<HTMLFormElement>("ask");
  const field = part<HTMLTextAreaElement>("request");
  const status = part("status");
  if (!form || !field || !status) return;
  let latest = 0;

  const send = async (): Promise<void> => {
    const own = ++latest;
    field.removeAttribute("aria-invalid");
    try {
      JSON.parse(field.value);
    } catch (error) {
      field.setAttribute("aria-invalid", "true");
      status.textContent = `Invalid JSON: ${(error as Error).message}`;
      return;
    }
    status.textContent = "Sending…";
    const began = performance.now();
    try {
      const response = await fetch("/v1/decisions", {
        method: "POST",
        body: field.value,
        credentials: "omit",
      });
      const body: unknown = await response.json();
      if (own != latest) return;
      write(body);
      status.textContent = `Response ${response.status} in ${Math.round(performance.now() - began)} ms.`;
      if (!response.ok) field.setAttribute("aria-invalid", "true");
      const decisions = (body as Reply).decisions ?? {};
      draw(decisions, false);
      decided(Object.values(decisions)[0]);
    } catch {
      if (own == latest) status.textContent = "No response.";
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
