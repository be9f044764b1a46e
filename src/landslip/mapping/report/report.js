
// Sorts a table by a click on a column heading; unknown values stay at the end.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") === "descending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const value = (row) => row.cells[column].dataset.value;
    const known = (row) => value(row) !== undefined;
    const rows = [...table.tBodies[0].rows];
    const sorted = rows.filter(known).sort((a, b) => (Number(value(a)) - Number(value(b))) * (up ? 1 : -1));
    table.tBodies[0].append(...sorted, ...rows.filter((row) => !known(row)));
  }));
}
