/** The publisher's page: with the publisher's key, which stays in this page's memory, it changes blocks and
 *  pauses. Without this script the page shows them. */

import { byId, confirmButton, done } from "./console/controls";
import { attempt, request, setKey } from "./console/request";
import { element, table } from "./show";

interface Entry {
  id: string;
  name: string;
  own: boolean;
}

interface Blocks {
  advertisers: Entry[];
  categories: Entry[];
  entities: Entry[];
}

interface Pauses {
  site: boolean;
  paths: string[];
  topics: string[];
}

const KINDS = [
  ["advertiser", "Sponsor", "advertisers"],
  ["category", "Category", "categories"],
  ["entity", "Entity", "entities"],
] as const;

const blockForm = () => byId<HTMLFormElement>("block-form");
const pauseForm = () => byId<HTMLFormElement>("pause-form");
const field = () => byId<HTMLInputElement>("key");

const named = (id: string, name: string): HTMLElement => {
  const both = element("span", "", "named");
  both.append(element("span", id), element("span", name == id ? "" : name, "dim small"));
  return both;
};

/** Sends a change and shows the lists as they are then. */
const change = async (form: HTMLFormElement, body: unknown, text: string): Promise<void> => {
  await request(form.action, { body });
  await show();
  done(byId("change-status"), text);
};

const showBlocks = (blocks: Blocks): void => {
  const lines = KINDS.flatMap(([kind, word, list]) =>
    blocks[list].map(({ id, name, own }) => [
      named(id, name),
      word,
      own
        ? confirmButton(
            "Unblock",
            () => `Show units of ${id} again?`,
            () => change(blockForm(), { [kind]: id, blocked: false }, `${id} is not blocked any more.`),
            `Unblock ${id}`,
          )
        : "set by the operator",
    ]),
  );
  byId("blocks").replaceChildren(
    lines.length ? table(["Blocked", "Kind", ""], lines) : element("p", "You block nothing.", "dim"),
  );
};

const showPauses = ({ site, paths, topics }: Pauses): void => {
  const resume = (text: string, kind: string, body: object) => [
    text,
    kind,
    confirmButton(
      "Resume",
      () => `Show units again: ${text}?`,
      () => change(pauseForm(), { ...body, paused: false }, `Resumed: ${text}.`),
      `Resume ${text}`,
    ),
  ];
  const lines = [
    ...(site ? [resume("the whole site", "Site", { site: true })] : []),
    ...paths.map((path) => resume(path, "Path", { path })),
    ...topics.map((topic) => resume(topic, "Topic", { topic })),
  ];
  byId("pauses").replaceChildren(
    lines.length ? table(["Paused", "Kind", ""], lines) : element("p", "Nothing is paused.", "dim"),
  );
};

const show = async (): Promise<void> => {
  const [blocks, pauses] = await Promise.all([
    request<Blocks>(blockForm().action),
    request<Pauses>(pauseForm().action),
  ]);
  showBlocks(blocks.body);
  showPauses(pauses.body);
};

const setSignedIn = (open: boolean): void => {
  for (const part of document.querySelectorAll<HTMLElement>("[data-needs-key]")) part.hidden = !open;
  byId("signed-out").hidden = open;
};

/** Checks the key by reading the lists with it. */
const open = async (): Promise<void> => {
  setKey(field().value);
  const isValid = await attempt("Sign in failed", byId("change-status"), show);
  if (!isValid) {
    setKey("");
    return;
  }
  // From here on the key exists only in memory.
  field().value = "";
  setSignedIn(true);
  byId("forget").focus({ preventScroll: true });
};

/** Discards the key. The lists stay as they were last read, without buttons. */
const forget = (): void => {
  setKey("");
  field().value = "";
  setSignedIn(false);
  byId("change-status").replaceChildren();
  for (const act of document.querySelectorAll("#controls .act")) act.remove();
};

/** What a form says: the chosen kind and the text. */
const said = (form: HTMLFormElement): [string, string] => {
  const kind = form.querySelector("select")!.value;
  return [kind, form.querySelector("input")!.value.trim()];
};

const submit = (form: HTMLFormElement, send: (kind: string, text: string) => Promise<void>): void => {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void attempt("The change was rejected", byId("change-status"), async () => {
      await send(...said(form));
      form.reset();
    });
  });
};

byId("sign-in").hidden = false;
byId("open").addEventListener("click", () => void open());
field().addEventListener("keydown", (event) => {
  if (event.key == "Enter") void open();
});
byId("forget").addEventListener("click", () => {
  forget();
  field().focus();
});
submit(blockForm(), (kind, id) => change(blockForm(), { [kind]: id, blocked: true }, `${id} is blocked.`));
submit(pauseForm(), (kind, text) =>
  kind == "site"
    ? change(pauseForm(), { site: true, paused: true }, "The whole site is paused.")
    : change(pauseForm(), { [kind]: text, paused: true }, `${text} is paused.`),
);
// A page in the back/forward cache must not retain the key.
addEventListener("pagehide", forget);
