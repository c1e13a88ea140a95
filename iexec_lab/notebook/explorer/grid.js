// The grid of itables (DataTables), which asks the kernel for each part that it shows: rows are ordered,
// searched and counted there. The page has one part, its code comes once, and nothing is kept in the notebook.

const KEPT = "__iexec_lab_grid";

// The code and the style of itables: asked of the kernel once for a page.
function load(model) {
  const shared = globalThis[KEPT] ??= {};
  return (shared[model.get("version")] ??= new Promise((done, failed) => {
    const heard = (message) => {
      if (message.kind !== "code") return;
      model.off("msg:custom", heard);
      const url = URL.createObjectURL(new Blob([message.js], { type: "text/javascript" }));
      const dollar = globalThis.$; // itables replaces it; nbclassic has its own
      import(/* webpackIgnore: true */ url)
        .then((module) => done({ grid: module.default, css: message.css }), failed)
        .finally(() => {
          if (dollar !== undefined) globalThis.$ = dollar;
          URL.revokeObjectURL(url);
        });
    };
    model.on("msg:custom", heard);
    model.send({ kind: "code" });
  }));
}

// A style sheet for each document or shadow root that has a grid.
function dress(el, css) {
  const root = el.getRootNode();
  const place = root.head ?? root;
  if (place.querySelector?.("style[data-iexec-grid]")) return;
  const style = document.createElement("style");
  style.dataset.iexecGrid = "";
  style.textContent = css;
  place.append(style);
}

function columnsOf(model) {
  return model.get("columns").map((column, at) => ({
    title: column.title, // escaped by the kernel, as the cells are
    name: column.name,
    data: String(at),
    className: column.numeric ? "iexec-number" : "iexec-text",
    type: "string",
    columnControl: [["orderAsc", "orderDesc", "spacer", column.numeric ? "searchNumber" : "searchText"]],
  }));
}

async function render({ model, el }) {
  const page = document.createElement("div");
  page.className = "iexec-grid";
  page.dataset.lmSuppressShortcuts = "true"; // JupyterLab takes arrows and Enter before we see them
  page.textContent = "Loading the grid …";
  page.setAttribute("role", "status");
  el.append(page);
  let grid;
  try {
    const code = await load(model);
    dress(el, code.css);
    grid = code.grid;
  } catch (error) {
    page.textContent = `The grid could not be loaded: ${error}`;
    return;
  }
  page.removeAttribute("role");
  const waiting = new Map();
  let api = null, asked = 0, chosen = null, hadFocus = false, isClosed = false;

  const ask = (wanted, answer) => {
    const number = ++asked;
    waiting.clear(); // only the newest question is still of interest
    waiting.set(number, (part) => answer({ ...part, draw: wanted.draw }));
    const order = (wanted.order ?? []).map(({ column, dir }) => [column, dir]);
    const filters = {};
    wanted.columns.forEach((column, at) => {
      const { value, logic } = column.columnControl?.search ?? {};
      if (value || logic === "empty" || logic === "notEmpty") filters[at] = [logic, String(value ?? "")];
    });
    const { start, length, search } = wanted;
    model.send({ kind: "rows", number, start, length, order, search: search.value, filters });
  };

  const rowsOf = () => [...page.querySelectorAll("tbody tr[data-key]")];
  const makeReachable = (row) => {
    rowsOf().forEach((each) => each.setAttribute("tabindex", each === row ? "0" : "-1"));
  };
  const open = (row) => {
    chosen = row.dataset.key;
    rowsOf().forEach((each) => each.setAttribute("aria-selected", String(each === row)));
    makeReachable(row);
    model.send({ kind: "open", key: chosen });
  };
  const onKey = (event) => {
    const row = event.target.closest?.("tbody tr[data-key]");
    if (!row || event.target !== row) return;
    const rows = rowsOf(), at = rows.indexOf(row);
    const steps = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 };
    if (event.key === "Enter" || event.key === " ") open(row);
    else if (event.key === "PageDown") api.page("next").draw("page");
    else if (event.key === "PageUp") api.page("previous").draw("page");
    else if (event.key in steps) {
      const next = rows[Math.min(Math.max(steps[event.key], 0), rows.length - 1)];
      makeReachable(next);
      next.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation(); // Jupyter moves between cells with the same keys
  };
  const onClick = (event) => {
    const row = event.target.closest?.("tbody tr[data-key]");
    if (row && !String(globalThis.getSelection?.() ?? "")) open(row);
  };
  page.addEventListener("keydown", onKey);
  page.addEventListener("click", onClick);

  // The page keeps its height until the new rows are there: what stands below does not jump.
  const build = () => {
    page.style.minHeight = `${page.offsetHeight}px`;
    api?.destroy();
    page.replaceChildren();
    chosen = null;
    const columns = columnsOf(model);
    if (!columns.length) return void (page.style.minHeight = "");
    const told = {
      classes: "display compact nowrap hover",
      _style: "width:100%;margin:0",
      caption: "",
      selected_rows: [],
      _dt_args: {
        columns,
        table_html: `<thead><tr>${columns.map(({ title }) => `<th scope="col">${title}</th>`).join("")}</tr></thead>`,
        serverSide: true,
        ajax: (wanted, answer) => ask(wanted, answer),
        order: model.get("order"),
        pageLength: model.get("page_length"),
        lengthMenu: [15, 25, 50, 100],
        searchDelay: 300,
        autoWidth: false,
        processing: false,
        // Order and search of a column are in its menu; a click on its title orders too.
        ordering: { indicators: true, handler: true },
        layout: { topStart: "search", topEnd: "pageLength", bottomStart: "info", bottomEnd: "paging" },
        language: {
          search: "Search in these rows:",
          lengthMenu: "Rows on a page: _MENU_",
          loadingRecords: "reading …",
          columnControl: { dropdown: "Order and filter" },
          emptyTable: "no rows",
          zeroRecords: "no rows match",
          info: "_START_ to _END_ of _TOTAL_",
          infoEmpty: "0 rows",
          infoFiltered: "(of _MAX_)",
        },
        createdRow: (row, data) => {
          row.dataset.key = data.key;
          row.setAttribute("tabindex", "-1");
          row.setAttribute("aria-selected", String(data.key === chosen));
        },
        preDrawCallback() {
          api ??= this.api();
          const root = page.getRootNode();
          hadFocus = Boolean(root.activeElement?.closest?.("tbody tr[data-key]"));
        },
        drawCallback: () => {
          page.style.minHeight = "";
          page.querySelectorAll("thead th").forEach((head) => {
            const name = head.querySelector(".dt-column-title")?.textContent;
            head.querySelector(".dtcc-button_dropdown")?.setAttribute("aria-label", `Order and filter ${name}`);
          });
          const rows = rowsOf();
          const row = rows.find((each) => each.dataset.key === chosen) ?? rows[0];
          if (row) makeReachable(row);
          if (hadFocus && row) row.focus({ preventScroll: true });
        },
        initComplete() {
          api ??= this.api();
          const table = api.table().node();
          table.setAttribute("role", "grid");
          table.setAttribute("aria-label", model.get("label"));
        },
      },
    };
    // What itables' own view is given; its table asks us, so it never writes to the model.
    const stand = { get: (name) => told[name], set() {}, save_changes() {}, on() {} };
    api = null;
    grid.render({ model: stand, el: page });
  };

  // While somebody looks, the kernel is told so: it follows the market for no page that is closed or hidden.
  let missed = false;
  const isSeen = () => page.isConnected && document.visibilityState === "visible";
  const look = () => {
    if (!isSeen()) return;
    model.send({ kind: "here" });
    if (missed && api) api.ajax.reload(null, false);
    missed = false;
  };
  const ticking = setInterval(look, 25_000);
  const leave = () => model.send({ kind: "gone" }); // a tab that is closed disposes of nothing
  document.addEventListener("visibilitychange", look);
  globalThis.addEventListener("pagehide", leave);
  globalThis.addEventListener("pageshow", look);
  look();

  // What was opened below is brought into view once it is drawn: as little as it takes, or to the top.
  const reveal = (name, block, tries = 30) => {
    const target = page.closest(".iexec-lab-form")?.querySelector(`.${CSS.escape(name)}`);
    if (target?.offsetHeight > 20) {
      const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      target.scrollIntoView({ block, behavior: isCalm ? "auto" : "smooth" });
    } else if (tries && !isClosed) setTimeout(reveal, 100, name, block, tries - 1);
  };

  const heard = (message) => {
    if (isClosed) return;
    if (message.kind === "rows") {
      const answer = waiting.get(message.number);
      waiting.delete(message.number);
      answer?.({ recordsTotal: message.total, recordsFiltered: message.found, data: message.rows });
    } else if (message.kind === "changed") {
      missed = !isSeen();
      if (!missed) api?.ajax.reload(null, false);
    } else if (message.kind === "reveal") {
      setTimeout(reveal, 100, String(message.name), message.top ? "start" : "nearest");
    }
  };
  model.on("msg:custom", heard);
  model.on("change:turn", build);
  build();
  return () => {
    isClosed = true;
    clearInterval(ticking);
    document.removeEventListener("visibilitychange", look);
    globalThis.removeEventListener("pagehide", leave);
    globalThis.removeEventListener("pageshow", look);
    leave();
    model.off("msg:custom", heard);
    model.off("change:turn", build);
    api?.destroy();
  };
}

export default { render };
