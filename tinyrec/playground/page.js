"use strict";
// Shows what tinyrec recorded. The only arithmetic here is that of pixels and colours.

const data = JSON.parse(document.getElementById("recording").textContent);
const LAST = data.runs.correct.arrays.loss.length - 1;
const MILLISECONDS = 150; // for an epoch, while it plays
const at = (id) => document.getElementById(id);

// In the order of the computation. about: under the name; T: shown transposed; labels: of the rows, "phone": only there
const MATRICES = [
  { name: "R", about: "ratings, in stars", labels: "yes", heads: true },
  { name: "V", about: "encoder", labels: "yes", heads: true },
  { name: "mu", about: "bias" },
  { name: "Z", about: "R V + mu" },
  { name: "H", about: "σ(Z)", labels: "phone" },
  { name: "W", about: "decoder", T: true, labels: "yes", heads: true },
  { name: "b", about: "bias, in stars" },
  { name: "Y", about: "H Wᵀ + b, in stars" },
  { name: "E", about: "Y − R, where rated", labels: "phone", heads: true },
  { name: "error", title: "Σ E²", group: "losses" },
  { name: "penalty", title: "λ/2 ‖·‖²", group: "losses" },
  { name: "loss", title: "loss", group: "losses" },
  { name: "dY", about: "2 E" },
  { name: "dH", about: "dY W", labels: "phone" },
  { name: "dW", about: "dYᵀ H + λ W", T: true },
  { name: "db", about: "Σ dY" },
  { name: "dZ", about: "dH∘H∘(1−H)", labels: "yes" },
  { name: "dV", about: "Rᵀ dZ + λ V", labels: "yes" },
  { name: "dmu", about: "Σ dZ" },
  { name: "step W", T: true, about: "of RProp" },
  { name: "step b", about: "of RProp" },
  { name: "step V", about: "of RProp" },
  { name: "step mu", about: "of RProp" },
];
const SHOWN_AS = { "1-H": "H" }; // a factor that is not a matrix of its own lights up another cell
for (const name of data.params)
  Object.assign(SHOWN_AS, { [`sign ${name}`]: `d${name}`, [`eta ${name}`]: `step ${name}` });

const state = { run: "correct", epoch: 0, selected: { name: "dW", row: 2, col: 0 }, hovered: null, timer: null };
const cells = {}; // name -> row -> column -> td
const abouts = {}; // name -> the line under it

// ---- numbers and names

const minus = (text) => text.replaceAll("-", "−");

/** A number of a cell, short enough for it: never 0 unless it is 0. */
function short(value, name) {
  const size = Math.abs(value);
  if (value === 0 || name === "R") return String(value);
  if (size < 0.005) return minus(value.toExponential(0));
  return minus(value.toFixed(size < 9.995 ? 2 : size < 99.95 ? 1 : 0));
}

/** A number of the formula, as it is recorded. */
const full = (value) => minus(String(value));

const width = (name) => data.axes[name][1].length;
const value = (name, row, col, epoch = state.epoch) =>
  data.runs[state.run].arrays[name][epoch][row * width(name) + col];

function nameOf(name, row, col) {
  const [rows, cols] = data.axes[name];
  const place = [rows[row], cols[col]].filter(Boolean).join(", ");
  const [head, of] = name.split(" ");
  const text = { eta: "η", sign: `sign d${of}`, error: "Σ E²", penalty: "λ/2 ‖·‖²" }[head] ?? name;
  if (name === "1-H") return `(1 − H[${place}])`;
  return place ? `${text}[${place}]` : text;
}

/** The terms of a cell, lists of {text, value, cell}; null: it is where training starts. */
function termsOf({ name, row, col }) {
  const terms = data.runs[state.run].formulas[name]?.terms[`${row},${col}`] ?? [];
  if (state.epoch === 0 && terms.flat().some((factor) => factor[3])) return null;
  return terms.map((term) =>
    term.map(([of, ...rest]) => {
      if (rest.length === 1) return { text: of, value: rest[0] };
      const [i, j, before = 0] = rest;
      const cell = { name: SHOWN_AS[of] ?? of, row: i, col: j, earlier: before < 0 };
      return { text: nameOf(of, i, j), value: value(of, i, j, state.epoch + before), cell };
    }),
  );
}

// ---- building the page

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, its] of Object.entries(attributes)) if (its !== undefined) made.setAttribute(key, its);
  made.append(...children);
  return made;
}

function buildMatrix({ name, title, about, T, labels, heads, group }) {
  const [rows, cols] = T ? [...data.axes[name]].reverse() : data.axes[name];
  const caption = element("caption", {}, element("b", {}, title ?? (T ? `${name}ᵀ` : name)));
  if (about) caption.append((abouts[name] = element("span", {}, about)));
  const table = element("table", { role: "grid", "aria-label": about ? `${name}: ${about}` : name }, caption);
  if (heads) {
    const line = element("tr", {}, ...(labels ? [element("th", { class: "corner" })] : []));
    line.append(...cols.map((text) => element("th", { scope: "col" }, text)));
    table.append(element("thead", {}, line));
  }
  const body = element("tbody");
  rows.forEach((label, r) => {
    const line = element("tr", {}, ...(labels ? [element("th", { scope: "row" }, label)] : []));
    cols.forEach((_, c) => {
      const [row, col] = T ? [c, r] : [r, c];
      const td = element("td", { role: "gridcell", tabindex: r || c ? -1 : 0 });
      td.cell = { name, row, col };
      ((cells[name] ??= [])[row] ??= [])[col] = td;
      line.append(td);
    });
    body.append(line);
  });
  table.append(body);
  if (labels) Object.assign(table.dataset, { labels, rows: { 2: "units", 4: "users", 5: "movies" }[rows.length] });
  if (/^(d|step)/.test(name)) table.classList.add("top");
  if (!group) table.style.gridArea = name.replace(" ", "-");
  return table;
}

function build() {
  const losses = element("div", { class: "losses" });
  for (const matrix of MATRICES) {
    if (matrix.group) at("matrices").append(losses);
    (matrix.group ? losses : at("matrices")).append(buildMatrix(matrix));
  }
  at("epoch").max = LAST;
}

// ---- showing a frame

function show() {
  const { run, epoch } = state;
  const selected = state.hovered ?? state.selected;
  const terms = selected && termsOf(selected);
  const sources = (terms ?? []).flat().filter((factor) => factor.cell);
  for (const { name, about } of MATRICES) {
    cells[name].forEach((line, row) => line.forEach((td, col) => showCell(td, name, row, col)));
    if (about) abouts[name].textContent = run.includes("double λ") ? about.replace("λ", "2λ") : about;
  }
  at("matrices").classList.toggle("lit", Boolean(selected));
  for (const { cell } of sources) {
    cells[cell.name][cell.row][cell.col].classList.add("source", ...(cell.earlier ? ["earlier"] : []));
  }
  if (selected) cells[selected.name][selected.row][selected.col].classList.add("selected");
  showFormula(selected, terms);
  showLoss();
  showPath(selected);
  showCheck();
  at("epoch").value = epoch;
  const loss = short(data.runs[run].arrays.loss[epoch][0]);
  at("epoch").setAttribute("aria-valuetext", `epoch ${epoch} of ${LAST}, loss ${loss}`);
  at("now").textContent = `epoch ${epoch}\nloss ${loss}`;
}

function showCell(td, name, row, col) {
  const number = value(name, row, col);
  const isPerRating = ["R", "Y", "E", "dY"].includes(name);
  const unrated = isPerRating && !data.rated[row][col];
  const turned = name.startsWith("step") && value(name.replace("step", "eta"), row, col) === 0.5;
  td.className = "";
  td.classList.toggle("unrated", unrated && name !== "Y");
  td.classList.toggle("wanted", unrated && name === "Y");
  td.classList.toggle("negative", number < 0);
  td.classList.toggle("turned", turned);
  td.textContent = number === null ? "" : short(number, name);
  td.style.setProperty("--fill", `${75 * Math.sqrt(Math.abs(number) / data.scales[name])}%`);
  const said = number === null ? "not rated" : td.textContent;
  td.setAttribute("aria-label", `${nameOf(name, row, col)}: ${said}${turned ? ", the sign has turned" : ""}`);
}

function showFormula(cell, terms) {
  const panel = at("formula");
  if (!cell) {
    panel.replaceChildren(element("p", {}, "Point at a number to see what made it."));
    return;
  }
  const { rule, why, start } = data.runs[state.run].formulas[cell.name];
  const number = value(cell.name, cell.row, cell.col);
  const title = nameOf(cell.name, cell.row, cell.col);
  const parts = [
    element("h2", {}, element("span", {}, title), element("span", {}, number === null ? "none" : full(number))),
  ];
  parts.push(element("p", { class: "rule" }, terms ? `= ${rule}` : `= ${start}`), element("p", { class: "why" }, why));
  if (terms?.length) {
    const wrap = (text) => (cell.name === "H" ? `σ(${text})` : text);
    const rows = terms.map((term, index) => {
      const [texts, numbers] = productOf(term, index > 0);
      const line = element("tr", {}, element("td", {}, wrap(texts)), element("td", {}, wrap(numbers)));
      line.addEventListener("mouseenter", () => pair(term, true));
      line.addEventListener("mouseleave", () => pair(term, false));
      return line;
    });
    rows.push(element("tr", {}, element("td", {}, `= ${title}`), element("td", {}, full(number))));
    parts.push(element("table", {}, element("tbody", {}, ...rows)));
  }
  panel.replaceChildren(...parts);
}

/** A term as two texts, with names and with numbers: the factor −1 is a sign, and equal factors are a square. */
function productOf(term, signed) {
  const [sign, factors] = term[0].value === -1 && !term[0].cell ? ["− ", term.slice(1)] : [signed ? "+ " : "", term];
  const isSquare = factors.length > 1 && factors.at(-1).text === factors.at(-2).text;
  const its = isSquare ? factors.slice(0, -1) : factors;
  const names = its.map(({ text, cell }) => text + (cell?.earlier ? " before" : ""));
  const numbers = its.map(({ value: number }, place) => {
    const needsBrackets = number < 0 && (place > 0 || isSquare || sign);
    return needsBrackets ? `(${full(number)})` : full(number);
  });
  return [names, numbers].map((texts) => sign + texts.join(" · ") + (isSquare ? "²" : ""));
}

/** Marks the cells of one term, while the pointer is on its line. */
function pair(term, on) {
  for (const { cell } of term) if (cell) cells[cell.name][cell.row][cell.col].classList.toggle("pair", on);
}

function showCheck() {
  const { check } = data.runs[state.run];
  const wrong = data.params.filter((name) => !(check[name][state.epoch] <= data.tolerance));
  const unseen = state.run === "no mask" ? ", and sees no mistake" : "";
  at("passes").textContent = wrong.length ? `✗ fails for ${wrong.join(" and ")}` : `✓ passes${unseen}`;
  at("passes").className = wrong.length ? "bad" : "good";
  const errors = data.params.map((name) => `d${name} ${full(check[name][state.epoch])}`);
  at("errors").textContent = `Relative errors: ${errors.join(", ")}; up to ${full(data.tolerance)} is right.`;
  at("verdict").textContent = data.verdicts[state.run];
}

// ---- charts: a curve by epoch on a logarithmic axis

function svg(tag, attributes, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, its] of Object.entries(attributes)) made.setAttribute(key, its);
  made.textContent = text;
  return made;
}

/** left, right, top, bottom: of the plot in the SVG; low, high: of the axis; outside: where the ticks are named. */
function axes({ left, right, top, bottom, low, high, ticks, outside }) {
  const x = (epoch) => left + ((right - left) * epoch) / LAST;
  const y = (its) => bottom - ((bottom - top) * Math.log(its / low)) / Math.log(high / low);
  const parts = ticks.flatMap((tick) => [
    svg("line", { class: "grid", x1: left, x2: right, y1: y(tick), y2: y(tick) }),
    outside
      ? svg("text", { class: "axis", x: right + 4, y: y(tick) + 4 }, String(tick))
      : svg("text", { class: "axis", x: right, y: y(tick) - 2, "text-anchor": "end" }, String(tick)),
  ]);
  for (const epoch of [0, LAST / 2, LAST]) {
    const anchor = { 0: "start", [LAST]: "end" }[epoch] ?? "middle";
    parts.push(
      svg(
        "text",
        { class: "axis", x: x(epoch), y: bottom + 11, "text-anchor": anchor },
        epoch ? String(epoch) : "epoch 0",
      ),
    );
  }
  return { parts, x, y };
}

const line = (values, x, y) =>
  "M" + values.map((its, epoch) => `${x(epoch).toFixed(1)} ${y(its).toFixed(1)}`).join("L");

function showLoss() {
  const { arrays, baseline } = data.runs[state.run];
  const losses = arrays.loss.map(([its]) => its);
  const { parts, x, y } = axes({ left: 8, right: 258, top: 12, bottom: 98, low: 10, high: 200, ticks: [20, 50, 100] });
  parts.push(
    svg("text", { class: "axis", x: 50, y: 10 }, "loss, logarithmic"),
    svg("line", { class: "base", x1: 8, x2: 258, y1: y(baseline), y2: y(baseline) }),
    svg(
      "text",
      { class: "axis", x: 230, y: y(baseline) - 3, "text-anchor": "end" },
      `mean of each user: ${short(baseline)}`,
    ),
    svg("path", { class: "curve", d: line(losses, x, y) }),
    svg("circle", { class: "here", cx: x(state.epoch), cy: y(losses[state.epoch]), r: 5 }),
  );
  at("loss").replaceChildren(...parts);
}

/** The step of the selected weight in each epoch, with its turns. */
function showPath(cell) {
  const of = data.params.find((name) => [name, `d${name}`, `step ${name}`].includes(cell?.name));
  const { name, row, col } = of ? { ...cell, name: of } : { name: "W", row: 2, col: 0 };
  const steps = data.runs[state.run].arrays[`step ${name}`].map((frame) => frame[row * width(name) + col]);
  const turns = steps.map((_, epoch) => epoch).filter((epoch) => value(`eta ${name}`, row, col, epoch) === 0.5);
  const { parts, x, y } = axes({
    left: 4,
    right: 138,
    top: 6,
    bottom: 116,
    low: 1e-5,
    high: 1,
    ticks: [1e-4, 0.01, 1],
    outside: true,
  });
  parts.push(
    svg("line", { class: "now", x1: x(state.epoch), x2: x(state.epoch), y1: 6, y2: 116 }),
    svg("path", { class: "curve", d: line(steps, x, y) }),
    ...turns.map((epoch) => svg("path", { class: "turn", d: `M${x(epoch)} ${y(steps[epoch]) + 2}l3.5 6h-7z` })),
    svg("circle", { class: "here", cx: x(state.epoch), cy: y(steps[state.epoch]), r: 4 }),
  );
  const title = `Step of ${nameOf(name, row, col)}, ${turns.length} turns ▲`;
  at("path").querySelector("figcaption").textContent = title;
  const chart = at("path").querySelector("svg");
  chart.setAttribute("aria-label", `${title}, by epoch, logarithmic`);
  chart.replaceChildren(...parts);
}

// ---- what the reader does

function go(epoch) {
  state.epoch = Math.max(0, Math.min(LAST, epoch));
  if (state.epoch === LAST) play(false);
  show();
}

function play(on) {
  clearInterval(state.timer);
  state.timer = on ? setInterval(() => go(state.epoch + 1), MILLISECONDS) : null;
  at("play").textContent = on ? "Pause" : "Play";
  at("formula").setAttribute("aria-live", on ? "off" : "polite"); // else a screen reader would not stop
}

function chooseRun() {
  const mistakes = [at("no-mask").checked && "no mask", at("double").checked && "double λ"].filter(Boolean);
  state.run = mistakes.join(", ") || "correct";
  show();
}

/** Moves the focus within a matrix; Tab goes to the next matrix, to the cell that had the focus last. */
function moveFocus(event) {
  const [down, right] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [
    0, 0,
  ];
  const lines = [...event.target.closest("tbody").rows].map((row) => [...row.querySelectorAll("td")]);
  const r = lines.findIndex((its) => its.includes(event.target));
  const next = lines[r + down]?.[lines[r].indexOf(event.target) + right];
  if (!(down || right) || !next) return;
  event.preventDefault();
  event.target.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

function listen() {
  const matrices = at("matrices");
  const hover = (event) => {
    const cell = event.target.closest("td")?.cell ?? null;
    if (cell === state.hovered) return;
    state.hovered = cell;
    show();
  };
  matrices.addEventListener("pointerover", (event) => event.pointerType === "mouse" && hover(event));
  matrices.addEventListener("pointerleave", hover);
  matrices.addEventListener("click", (event) => event.target.closest("td")?.focus());
  matrices.addEventListener("focusin", ({ target }) => {
    if (target.cell) {
      state.selected = target.cell;
      show();
    }
  });
  matrices.addEventListener("keydown", (event) => event.target.cell && moveFocus(event));
  at("epoch").addEventListener("input", ({ target }) => go(Number(target.value)));
  at("back").addEventListener("click", () => go(state.epoch - 1));
  at("next").addEventListener("click", () => go(state.epoch + 1));
  at("play").addEventListener("click", () => {
    if (!state.timer && state.epoch === LAST) go(0);
    play(!state.timer);
  });
  at("no-mask").addEventListener("change", chooseRun);
  at("double").addEventListener("change", chooseRun);
  document.addEventListener("keydown", ({ key }) => {
    if (key === ",") go(state.epoch - 1);
    if (key === ".") go(state.epoch + 1);
    if (key === "Escape") {
      state.selected = state.hovered = null;
      show();
    }
  });
  const root = document.documentElement;
  const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemIsDark.matches);
  const nameTheme = () => (at("theme").textContent = isDark() ? "Light theme" : "Dark theme");
  at("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    nameTheme();
  });
  systemIsDark.addEventListener("change", nameTheme);
  nameTheme();
}

build();
listen();
show();
