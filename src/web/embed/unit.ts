/** A decision as elements. Text is only ever a text node, an address only ever http or https. */

import { safe, send } from "./events";
import type { Command, Creative, Decision, Picture } from "./wire";

const make = (parent: Element, tag: string, name: string, text?: string): HTMLElement => {
  const made = document.createElement(tag);
  // A page may give it other looks by this name, inside of HTML and of a shadow tree alike.
  made.part = made.className = "adj-" + name;
  made.textContent = text!;
  parent.append(made);
  return made;
};

const link = (
  parent: Element,
  name: string,
  text?: string,
  url?: string,
  more: object = { rel: "sponsored nofollow noopener" },
) =>
  text &&
  safe(url) &&
  Object.assign(make(parent, "a", name, text), { href: url, target: "_blank" }, more);

/** Its size comes with it, so that its room is kept free before it is there. */
const picture = (parent: Element, name: string, from?: Picture) =>
  safe(from?.url) && Object.assign(make(parent, "img", name), from, { src: from!.url });

const command = (parent: Element, said: Command): void => {
  const box = make(parent, "figure", "cmd");
  const typed = make(box, "code", "typed", said.text);
  const button = make(box, "button", "copy", said.copy_text);
  box.ariaLabel = said.aria!;
  const copied = () => {
    // The server counts the first and knows the others for what they are.
    send(said.copy_url);
    button.textContent = said.copied_text!;
  };
  button.ariaLive = "polite";
  // A reader who selects and copies by keyboard has copied, too.
  typed.oncopy = copied;
  button.onclick = () => {
    // Selected as well: without a secure context there is no clipboard, and the keyboard is left.
    getSelection()!.selectAllChildren(typed);
    navigator.clipboard?.writeText(said.text!).then(copied, Object);
  };
  if (said.output) make(box, "samp", "out", said.output);
};

/** The unit, or nothing when what came is not one (and then it may throw): without its label nothing
 *  is shown. */
export const draw = (decision: Decision): HTMLElement | undefined => {
  const { label, transparency: why } = decision;
  const creative = decision.creative!;
  if (!creative.headline || !label?.text) return;
  // A line is a label, a headline and one call.
  const whole: Creative = creative.style == "line" ? {} : creative;
  const { command: said, price } = whole;

  const box = document.createElement("aside");
  const line = (name: string, text?: string) => {
    text && make(box, "p", name, text);
  };
  box.className = "adj adj-" + creative.style;
  box.lang = creative.language!;
  box.dir = creative.direction!;
  box.ariaLabel = label.aria!;

  const top = make(box, "p", "top");
  top.lang = label.language!;
  // But not the label, nor the line that it stands in: these have no name there.
  make(top, "b", "label", label.text).part = top.part = "";
  top.append(" ", label.sponsor_line || "");
  picture(top, "logo", whole.logo);
  picture(box, "image", whole.image);
  line("proof", whole.proof?.text);
  line("kicker", whole.kicker);
  const head = make(box, "p", "head");
  link(head, "title", creative.headline, creative.click_url) || head.append(creative.headline);
  line("body", whole.body);
  if (said?.text) command(box, said);
  const go = make(box, "p", "go");
  creative.ctas
    ?.slice(0, whole.style ? 4 : 1)
    .forEach((cta) => link(go, "cta", cta.text, cta.click_url));
  const foot = make(box, "p", "foot");
  if (price?.text) make(foot, "span", "price", price.text + (price.note ? " · " + price.note : ""));
  link(foot, "why", why?.why_text, why?.why_url, { rel: "noopener", lang: why?.language });
  return box;
};
