/** Tables whose rows become blocks on narrow screens, with the column name before each cell. */

import { table } from "../show";

/** A row and its nesting level. */
export type Line = [level: number, cells: (string | Node)[]];

/** Creates the table. */
export const stacked = (heads: string[], lines: Line[]): HTMLElement => {
  const around = table(
    heads,
    lines.map(([, cells]) => cells),
  );
  around.classList.add("stacks");
  around.querySelectorAll("tbody tr").forEach((row, at) => {
    row.className = `level-${lines[at]![0]}`;
    row.querySelectorAll("td").forEach((cell, column) => {
      cell.dataset["head"] = heads[column] ?? "";
      if (cell.textContent == "") cell.classList.add("nothing");
    });
  });
  return around;
};
