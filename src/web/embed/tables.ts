/** Tables that sort by the column that is chosen. Without this they stand in the order they came in. */

const column = (row: HTMLTableRowElement, at: number): string => row.cells[at]?.textContent?.trim() ?? "";

/** Numbers by their size, everything else as people sort it; what is empty comes last. */
const compare = (one: string, other: string): number => {
  if (!one || !other) return Number(!one) - Number(!other);
  const [a, b] = [parseFloat(one), parseFloat(other)];
  // A date, a time and an id begin with digits, too.
  const amounts = [one, other].every((text) => /^-?\d+(\.\d+)?( |$)/.test(text));
  return amounts ? a - b : one.localeCompare(other, undefined, { numeric: true });
};

const sortable = (table: HTMLTableElement) => {
  const [head, body] = [table.tHead?.rows[0], table.tBodies[0]];
  if (!head || !body || body.rows.length < 2) return;
  [...head.cells].forEach((cell, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...cell.childNodes);
    cell.append(button);
    button.addEventListener("click", () => {
      // Numbers are asked for from the top, names from the beginning.
      const sorted = cell.getAttribute("aria-sort");
      const falls = sorted ? sorted === "ascending" : cell.classList.contains("num");
      for (const other of head.cells) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", falls ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => ({ row, text: column(row, at) }));
      const empty = rows.filter(({ text }) => !text);
      const filled = rows.filter(({ text }) => text).sort((a, b) => compare(a.text, b.text));
      if (falls) filled.reverse();
      body.append(...filled.concat(empty).map(({ row }) => row));
    });
  });
};

document.querySelectorAll<HTMLTableElement>("table.sortable").forEach(sortable);
