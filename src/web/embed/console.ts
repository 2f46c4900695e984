/** The operator's console: opens with a key, asks for everything, forgets the key with the page. */

import { byId } from "./console/act";
import { ask, keep, tries } from "./console/ask";
import { numbers } from "./console/numbers";
import { history, onChange, version } from "./console/served";
import { sold, watchSold } from "./console/sold";
import { watchWeights, weights, weightsAgain } from "./console/weights";
import { watchWhy } from "./console/why";

const inside = (open: boolean): void => {
  for (const part of document.querySelectorAll<HTMLElement>("[data-needs-key]")) {
    part.hidden = !open;
  }
  byId("closed").hidden = open;
  byId("opened").hidden = !open;
};

const field = (): HTMLInputElement => byId<HTMLInputElement>("key");

/** Tries the key, and shows everything when it is an operator's. */
const open = async (): Promise<void> => {
  keep(field().value);
  const button = byId<HTMLButtonElement>("open");
  button.disabled = true;
  const opened = await tries("Opening with this key", byId("door-said"), async () => {
    await ask("/v1/admin/head");
  });
  button.disabled = false;
  if (!opened) {
    keep("");
    return;
  }
  // From here on it is in memory alone.
  field().value = "";
  inside(true);
  byId("forget").focus({ preventScroll: true });
  await Promise.all([history(), numbers(), sold(), weights()]);
};

/** Forgets the key and everything that it opened. */
const forget = (): void => {
  keep("");
  field().value = "";
  inside(false);
  for (const part of document.querySelectorAll("#inside [id$='-said'], #inside [id$='-shown']")) {
    if (part.id != "weights-shown") part.replaceChildren();
  }
  for (const input of document.querySelectorAll<HTMLInputElement>("#inside input")) {
    input.value = "";
  }
  for (const said of document.querySelectorAll("[data-effect]")) said.replaceChildren();
  byId("served").replaceChildren();
};

byId("open").addEventListener("click", () => void open());
field().addEventListener("keydown", (event) => {
  if (event.key == "Enter") void open();
});
byId("forget").addEventListener("click", () => {
  forget();
  void version();
  field().focus();
});
byId("numbers-again").addEventListener("click", () => void numbers());
byId("history-again").addEventListener("click", () => void history());
// A page that a browser keeps for "back" keeps no key.
addEventListener("pagehide", forget);
addEventListener("pageshow", (event) => {
  if (event.persisted) void version();
});
watchSold();
watchWhy();
watchWeights();
onChange(sold);
onChange(weightsAgain);
void version();
