/** Makes tables sortable by column. Without this script they keep the server's order. */

const column = (row: HTMLTableRowElement, at: number): string => row.cells[at]?.textContent?.trim() ?? "";

/** Compares numbers by value and other texts in natural order; empty cells come last. */
const compare = (one: string, other: string): number => {
  if (!one || !other) return Number(!one) - Number(!other);
  const [a, b] = [parseFloat(one), parseFloat(other)];
  // Dates, times and ids also begin with digits.
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
      // The first click sorts numbers descending and names ascending.
      const sorted = cell.getAttribute("aria-sort");
      const descending = sorted ? sorted === "ascending" : cell.classList.contains("num");
      for (const other of head.cells) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => ({ row, text: column(row, at) }));
      const empty = rows.filter(({ text }) => !text);
      const filled = rows.filter(({ text }) => text).sort((a, b) => compare(a.text, b.text));
      if (descending) filled.reverse();
      body.append(...filled.concat(empty).map(({ row }) => row));
    });
  });
};

document.querySelectorAll<HTMLTableElement>("table.sortable").forEach(sortable);
