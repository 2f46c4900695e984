/** A decision as elements. Text is only ever a text node, an address only ever http or https. */

import { safe, send } from "./events";
import type { Command, Decision } from "./wire";

const make = (parent: Element, tag: string, name: string, text?: string): HTMLElement => {
  const made = document.createElement(tag);
  made.className = "adj-" + name;
  if (text) made.textContent = text;
  parent.append(made);
  return made;
};

const link = (parent: Element, name: string, text?: string, url?: string, rel?: string): void => {
  if (text && safe(url)) {
    const made = make(parent, "a", name, text) as HTMLAnchorElement;
    made.href = url;
    made.rel = rel || "sponsored nofollow noopener";
    made.target = "_blank";
  }
};

const command = (parent: Element, said: Command): void => {
  const box = make(parent, "div", "cmd");
  const typed = make(box, "code", "typed", said.text);
  const button = make(box, "button", "copy", "copy");
  const copied = () => {
    // The server counts the first and knows the others for what they are.
    send(said.copy_url);
    button.textContent = "copied";
  };
  button.ariaLive = "polite";
  // A reader who selects and copies by keyboard has copied, too.
  typed.oncopy = copied;
  button.onclick = () => {
    // Selected as well: without a secure context there is no clipboard, and the keyboard is left.
    getSelection()?.selectAllChildren(typed);
    navigator.clipboard?.writeText(said.text!).then(copied, () => {});
  };
  if (said.output) make(box, "samp", "out", said.output);
};

/** The unit, or nothing when what came is not one: without its label nothing is shown. */
export const draw = (decision: Decision): HTMLElement | undefined => {
  const { creative, label, transparency: why } = decision;
  if (!decision.fill || !creative?.headline || !label?.text) return;
  const { rel } = decision;
  const whole = creative.style != "line";
  const { command: typed, price, proof } = creative;

  const box = document.createElement("aside");
  const line = (name: string, text?: string) => {
    if (text && whole) make(box, "p", name, text);
  };
  box.className = "adj adj-" + creative.style;
  box.lang = creative.language || "";
  box.dir = creative.direction || "auto";
  box.setAttribute("aria-label", label.aria || label.text);

  const top = make(box, "p", "top");
  top.lang = label.language || "";
  make(top, "b", "label", label.text);
  top.append(" " + (label.sponsor_line || ""));
  line("proof", proof?.text);
  line("kicker", creative.kicker);
  const head = make(box, "p", "head", safe(creative.click_url) ? "" : creative.headline);
  link(head, "title", creative.headline, creative.click_url, rel);
  line("body", creative.body);
  if (typed?.text && whole) command(box, typed);
  const go = make(box, "p", "go");
  for (const cta of (creative.ctas || []).slice(0, whole ? 4 : 1)) {
    link(go, "cta", cta.text, cta.click_url, rel);
  }
  const foot = make(box, "p", "foot");
  if (price?.text && whole) {
    make(foot, "span", "price", price.text + (price.note ? " · " + price.note : ""));
  }
  link(foot, "why", why?.why_text || "why this", why?.why_url, "noopener");
  return box;
};
