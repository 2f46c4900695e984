/** Renders a decision as elements. Text is always a text node, a URL always http or https. */

import { safe, send } from "./events";
import type { Command, Creative, Decision, Picture } from "./wire";

const make = (parent: Element, tag: string, name: string, text?: string): HTMLElement => {
  const made = document.createElement(tag);
  // Pages can style the element by this class, or by `::part()` in a shadow tree.
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
  more?: object,
) =>
  text &&
  safe(url) &&
  Object.assign(make(parent, "a", name, text), { href: url, target: "_blank" }, more);

/** An image with its size, so that the layout does not shift when it loads. */
const picture = (parent: Element, name: string, from?: Picture) =>
  safe(from?.url) && Object.assign(make(parent, "img", name), from, { src: from!.url });

const command = (parent: Element, from: Command): void => {
  const box = make(parent, "figure", "cmd");
  const typed = make(box, "code", "typed", from.text);
  const button = make(box, "button", "copy", from.copy_text);
  box.ariaLabel = from.aria!;
  const copied = () => {
    // The server counts the first and marks the others as duplicates.
    send(from.copy_url);
    button.textContent = from.copied_text!;
  };
  button.ariaLive = "polite";
  // Also counts a copy by keyboard selection.
  typed.oncopy = copied;
  button.onclick = () => {
    // Also select the text: without a secure context there is no clipboard API.
    getSelection()!.selectAllChildren(typed);
    navigator.clipboard?.writeText(from.text!).then(copied, Object);
  };
  if (from.output) make(box, "samp", "out", from.output);
};

/** Light text, and so a dark page: a green channel of 130 or more, which contributes most to the lightness, or the
 *  lightness of an `oklch` or `oklab` colour, which browsers keep as written. */
const LIGHT = /, (1[3-9]|2.)., |k...\((1|0\.[6-9])/;

/** Renders the unit for `host`; undefined without a headline or a label, since nothing may be shown unlabelled.
 *  May throw on an invalid decision. */
export const draw = (decision: Decision, host: Element): HTMLElement | undefined => {
  const { label, transparency: why, rel } = decision;
  const creative = decision.creative!;
  if (!creative.headline || !label?.text) return;
  // The line style has only a label, a headline and one call to action.
  const shown: Creative = creative.style == "line" ? {} : creative;
  const { command: commandText, price } = shown;

  const box = document.createElement("aside");
  const line = (name: string, text?: string) => {
    text && make(box, "p", name, text);
  };
  box.className = "adj adj-" + creative.style;
  box.lang = creative.language!;
  box.dir = creative.direction!;
  box.ariaLabel = label.aria!;
  // Pages that declare no colour scheme may be dark all the same.
  const { color, colorScheme } = getComputedStyle(host);
  if (colorScheme == "normal" && LIGHT.test(color)) (box as { style: unknown }).style = "--s:dark";

  const top = make(box, "p", "top");
  // Around a word that the country requires, texts are in the page's language.
  top.lang = why?.language!;
  // Not the label and its line: without a part name, pages cannot restyle them in the shadow tree.
  const word = make(top, "b", "label", label.text);
  word.part = top.part = "";
  word.lang = label.language!;
  // A test's events are never counted.
  top.append(decision.test ? " TEST " : " ", label.sponsor_line || "");
  picture(top, "logo", shown.logo);
  const head = make(box, "p", "head");
  link(head, "title", creative.headline, creative.click_url, { rel }) || head.append(creative.headline);
  picture(box, "image", shown.image);
  line("proof", shown.proof?.text);
  line("kicker", shown.kicker);
  line("body", shown.body);
  if (commandText?.text) command(box, commandText);
  const go = make(box, "p", "go");
  creative.ctas
    ?.slice(0, shown.style ? 4 : 1)
    .forEach((cta) => link(go, "cta", cta.text, cta.click_url, { rel }));
  const foot = make(box, "p", "foot");
  if (price?.text) make(foot, "span", "price", price.text + (price.note ? " · " + price.note : ""));
  link(foot, "why", why?.why_text, why?.why_url, { rel: "noopener", lang: why?.language });
  return box;
};
