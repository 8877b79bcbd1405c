// Tables: sorted, filtered, with columns hidden, taken along. Part of page.js, whose helpers it uses.

const byName = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
const LEADING = /^[−-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?/i;
const isBlank = (text) => text === "" || text === "–";

/** What a column is sorted by: its numbers, or those its texts begin with, or its texts. */
function keysOf(rows, column) {
  const cells = rows.map((row) => row.cells[column]);
  const texts = cells.map((cell) => (cell ? cell.textContent.trim() : ""));
  if (cells.some((cell) => cell && "value" in cell.dataset)) {
    return cells.map((cell) => {
      const value = cell && "value" in cell.dataset ? cell.dataset.value : "nan";
      return value === "inf" ? Infinity : value === "-inf" ? -Infinity : Number(value);
    }).map((value) => (Number.isNaN(value) ? null : value));
  }
  if (texts.every((text) => isBlank(text) || LEADING.test(text))) {
    return texts.map((text) =>
      isBlank(text) ? null : Number(LEADING.exec(text)[0].replace("−", "-")));
  }
  return texts.map((text) => (isBlank(text) ? null : text));
}

function sorted(rows, column, way) {
  const keys = keysOf(rows, column);
  const compare = (a, b) => (typeof a === "string" ? byName.compare(a, b) : a < b ? -1 : +(a > b));
  const rank = ({ row, key }) => (key !== null ? 1 : "reference" in row.dataset ? 0 : 2);
  return rows.map((row, place) => ({ row, place, key: keys[place] })).sort((a, b) => {
    // what has no value is last, whichever way, but for what the others' values refer to
    if (a.key === null || b.key === null) return rank(a) - rank(b);
    return way * compare(a.key, b.key) || a.place - b.place;
  }).map((each) => each.row);
}

function sortable(box) {
  const body = $("tbody", box);
  const all = [...body.rows];
  // a row that no method made, "real data", is what others are measured by: it stays below
  const isReference = (row) => all.some((r) => r.dataset.method) && !row.dataset.method &&
    $("th", row)?.classList.contains("quiet");
  const rows = all.filter((row) => !isReference(row));
  const references = all.filter(isReference);
  const heads = $$("thead th", box);
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const now = { ascending: "descending", descending: null }[before];
      const next = now === undefined ? "ascending" : now;
      for (const other of heads) other.removeAttribute("aria-sort");
      if (next) head.setAttribute("aria-sort", next);
      const way = next === "descending" ? -1 : 1;
      body.append(...(next ? [...sorted(rows, column, way), ...references] : all));
    });
  });
  // the column that names a row cannot be hidden, so that its button is always reached
  roving($$(".sort", box), Number(box.dataset.names));
  return rows;
}

function filterable(tools, rows) {
  const field = $(".filter input", tools);
  const count = $(".count", tools);
  const plain = (text) => text.toLowerCase().replace(/\s+/g, " ").trim();
  const texts = rows.map((row) => plain(row.textContent));
  field.addEventListener("input", () => {
    const wanted = plain(field.value);
    let shown = 0;
    rows.forEach((row, place) => {
      row.hidden = !texts[place].includes(wanted);
      shown += !row.hidden;
    });
    count.textContent = wanted ? `${shown} of ${rows.length} rows` : "";
  });
}

function withColumns(box, tools, number) {
  const hide = rules();
  const hidden = new Set(box.dataset.hidden.split(" ").filter(Boolean).map(Number));
  const summary = $(".columns summary", tools);
  const apply = () => {
    const chosen = [...hidden].map((n) => `[data-table="${number}"] tr > :nth-child(${n + 1})`);
    hide(chosen.length ? `${chosen.join(", ")} { display: none; }` : "");
    summary.textContent = hidden.size ? `Columns (${hidden.size} hidden)` : "Columns";
  };
  box.dataset.table = number;
  $$("thead th", box).forEach((head, column) => {
    const choice = made("column");
    const tick = $("input", choice);
    $("span", choice).textContent = head.textContent;
    tick.checked = !hidden.has(column);
    tick.disabled = column === Number(box.dataset.names);
    tick.addEventListener("change", () => {
      if (tick.checked) hidden.delete(column); else hidden.add(column);
      apply();
    });
    $(".columns .drop", tools).append(choice);
  });
  apply();
}

function takeable(box, tools) {
  const types = { csv: ["csv", "text/csv"], latex: ["tex", "application/x-tex"] };
  $(".copy .drop", tools).addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const [what, form] = button.dataset.do.split(" ");
    const [suffix, type] = types[form];
    const name = `${box.dataset.name}.${suffix}`;
    const text = await unpacked(box.dataset[form]);
    if (what === "save") save(text, name, type);
    else await copy(text, form === "csv" ? "the table as CSV" : "the table as LaTeX", name, type);
    closeMenus();
  });
}

function closeMenus(except) {
  let closed = null;
  for (const menu of $$("details.menu[open]")) {
    if (menu !== except) { menu.open = false; closed = menu; }
  }
  return closed;
}

/** All that a table can do; ``number`` is its place on the page. */
function addTools(box, number) {
  const tools = made("tools");
  const rows = sortable(box);
  if ("filtered" in box.dataset) filterable(tools, rows);
  else $(".filter", tools).remove();
  withColumns(box, tools, number);
  takeable(box, tools);
  roving($$("summary", tools));
  box.prepend(tools);
}
