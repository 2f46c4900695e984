/** Small page elements, built from text nodes only. */

/** Creates an element with a text and a class. */
export const element = (tag: string, text = "", name = ""): HTMLElement => {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  if (name) made.className = name;
  return made;
};

/** A description list; pairs without a value are omitted. */
export const rows = (pairs: [string, string | Node | undefined][]): HTMLElement => {
  const list = element("dl", "", "facts");
  for (const [name, value] of pairs) {
    if (!value) continue;
    const what = element("dd");
    what.append(value);
    list.append(element("dt", name), what);
  }
  return list;
};

/** A table in a container that scrolls on narrow screens. */
export const table = (heads: string[], lines: (string | Node)[][]): HTMLElement => {
  const around = element("div", "", "scroll");
  around.tabIndex = 0;
  const made = element("table");
  const head = element("tr");
  for (const text of heads) {
    const cell = element("th", text) as HTMLTableCellElement;
    cell.scope = "col";
    head.append(cell);
  }
  const top = element("thead");
  top.append(head);
  const body = element("tbody");
  for (const line of lines) {
    const row = element("tr");
    for (const value of line) {
      const cell = element("td");
      cell.append(value);
      row.append(cell);
    }
    body.append(row);
  }
  made.append(top, body);
  around.append(made);
  return around;
};

/** A bar for a share from 0 to 1, with its percentage. */
export const bar = (share: number): HTMLElement => {
  const made = element("span", "", "bar");
  const fill = element("span", "", "bar-fill");
  const part = Math.max(0, Math.min(1, Number(share) || 0));
  fill.style.width = `${part * 100}%`;
  const track = element("span", "", "bar-track");
  track.append(fill);
  made.append(track, element("span", percent(part), "bar-text"));
  return made;
};

/** A share as a percentage. */
export const percent = (share: number): string =>
  `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;

/** A score factor with at most two decimals. */
export const factor = (value: number): string => `×${Number(value.toFixed(2))}`;
