/** The operator console: signs in with a key, loads all sections, and discards the key with the page. */

import { byId } from "./console/controls";
import { attempt, request, setKey } from "./console/request";
import { metrics } from "./console/metrics";
import { history, onChange, version } from "./console/catalog";
import { campaigns, watchCampaigns } from "./console/campaigns";
import { pending } from "./console/pending";
import { watchWeights, weights, weightsAgain } from "./console/weights";
import { watchDecision } from "./console/decision";

const setSignedIn = (open: boolean): void => {
  for (const part of document.querySelectorAll<HTMLElement>("[data-needs-key]")) {
    part.hidden = !open;
  }
  byId("signed-out").hidden = open;
  byId("signed-in").hidden = !open;
};

const field = (): HTMLInputElement => byId<HTMLInputElement>("key");

/** Checks the key and loads all sections if it is an operator's. */
const open = async (): Promise<void> => {
  setKey(field().value);
  const button = byId<HTMLButtonElement>("open");
  button.disabled = true;
  const valid = await attempt("Sign in failed", byId("sign-in-status"), async () => {
    await request("/v1/admin/head");
  });
  button.disabled = false;
  if (!valid) {
    setKey("");
    return;
  }
  // From here on the key exists only in memory.
  field().value = "";
  setSignedIn(true);
  byId("forget").focus({ preventScroll: true });
  await Promise.all([history(), metrics(), pending(), campaigns(), weights()]);
};

/** Discards the key and all data loaded with it. */
const forget = (): void => {
  setKey("");
  field().value = "";
  setSignedIn(false);
  for (const part of document.querySelectorAll("#inside [id$='-status'], #inside [id$='-content']")) {
    if (part.id != "weights-content") part.replaceChildren();
  }
  for (const input of document.querySelectorAll<HTMLInputElement>("#inside input")) {
    input.value = "";
  }
  for (const effect of document.querySelectorAll("[data-effect]")) effect.replaceChildren();
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
byId("metrics-refresh").addEventListener("click", () => void metrics());
byId("history-refresh").addEventListener("click", () => void history());
// A page in the back/forward cache must not retain the key.
addEventListener("pagehide", forget);
addEventListener("pageshow", (event) => {
  if (event.persisted) void version();
});
watchCampaigns();
watchDecision();
watchWeights();
onChange(pending);
onChange(campaigns);
onChange(weightsAgain);
void version();
