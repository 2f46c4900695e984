/** Pages with code: colours by language, and a button that copies each block. Without this script a block is
 *  plain text. */

import bash from "@speed-highlight/core/languages/bash.js";
import css from "@speed-highlight/core/languages/css.js";
import html from "@speed-highlight/core/languages/html.js";
import js from "@speed-highlight/core/languages/js.js";
import json from "@speed-highlight/core/languages/json.js";
import py from "@speed-highlight/core/languages/py.js";
import rs from "@speed-highlight/core/languages/rs.js";
import toml from "@speed-highlight/core/languages/toml.js";
import xml from "@speed-highlight/core/languages/xml.js";
import { tokenizeWith } from "@speed-highlight/core/tokenize";
import { copies } from "./copy";
import { element } from "./show";

const languages = { bash, css, html, js, json, py, rs, toml, xml };

/** The text of a block as elements with the kind of each word as class; undefined for other languages. */
const coloured = (code: Element): Node[] | undefined => {
  const name = code.className.replace("language-", "");
  const language = languages[name as keyof typeof languages];
  if (!language) return;
  const parts: Node[] = [];
  tokenizeWith(
    code.textContent ?? "",
    language,
    (text, kind) => text && parts.push(kind ? element("span", text, `c-${kind}`) : new Text(text)),
    { languages },
  );
  return parts;
};

for (const block of document.querySelectorAll(".code")) {
  const code = block.querySelector("code");
  if (!code) continue;
  const parts = coloured(code);
  if (parts) code.replaceChildren(...parts);
  const button = element("button", "copy") as HTMLButtonElement;
  button.type = "button";
  copies(button, code);
  block.append(button);
}
