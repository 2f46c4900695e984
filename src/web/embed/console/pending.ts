/** Changes of files that wait for confirmation. */

import { element } from "../show";
import { age, byId, confirmButton } from "./controls";
import { changed } from "./catalog";
import { attempt, request } from "./request";

interface Pending {
  part?: string;
  path?: string;
  hash?: string;
  since?: string;
  reason?: string;
  command?: string;
}

const shown = (change: Pending): HTMLElement => {
  const box = element("div", "", "problem");
  const what = `The ${change.part ?? ""} file ${change.path ?? ""} waits for confirmation since ${age(change.since)}: `;
  box.append(element("p", `${what}${change.reason ?? ""}.`));
  const command = element("p", "On the command line: ", "small");
  command.append(element("code", change.command ?? ""));
  const accept = confirmButton(
    "Accept",
    () => `Serve the ${change.part ?? ""} file as it is? ${change.reason ?? ""}.`,
    async () => {
      await request("/v1/admin/pending/accept", { body: { part: change.part, hash: change.hash } });
      await changed(`Accepted the ${change.part ?? ""} file`);
    },
    `Accept the ${change.part ?? ""} file`,
  );
  box.append(command, accept);
  return box;
};

/** Loads and shows what waits; nothing if nothing does. */
export const pending = async (): Promise<void> => {
  const loaded = await attempt("Loading pending changes failed", byId("pending-status"), async () => {
    const { body } = await request<Pending[]>("/v1/admin/pending");
    byId("pending-content").replaceChildren(...body.map(shown));
    byId("pending").hidden = !body.length;
  });
  if (!loaded) byId("pending").hidden = false;
};
