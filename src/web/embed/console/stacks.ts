/** Tables whose rows become blocks on a narrow screen, each cell after the name of its column. */

import { table } from "../show";

/** One row, and how deep it stands below the one it belongs to. */
export type Line = [level: number, cells: (string | Node)[]];

/** Draws them. */
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
