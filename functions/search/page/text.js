"use strict";
/* --- highlighting: the server counts characters, a JavaScript text counts halves of some --- */
function inUnits(text, stretches) {
  if (!/[\ud800-\udfff]/.test(text)) return stretches;
  const starts = [];
  let unit = 0;
  for (const character of text) { starts.push(unit); unit += character.length; }
  starts.push(unit);
  return stretches.map(([start, end]) => [starts[start], starts[end]]);
}
// Where a short view begins: at the sentence of the densest marks, if they do not stand near the beginning anyway.
function opening(text, marks) {
  let best = 0, most = 0;
  for (const [start] of marks) {
    const near = marks.filter(([other]) => other >= start && other < start + WINDOW).length;
    if (near > most) { most = near; best = start; }
  }
  if (best < LEAD) return 0;
  const before = text.slice(0, best);
  let cut = Math.max(...["\n", "。", "！", "？", "；", ". ", "! ", "? "].map((end) => { const at = before.lastIndexOf(end); return at < 0 ? 0 : at + end.length; }));
  if (best - cut > LEAD) cut = Math.max(best - 60, before.lastIndexOf(" ", best - 40) + 1);
  const across = marks.find(([start, end]) => start < cut && cut < end);
  if (across) return across[0];
  return /[\udc00-\udfff]/.test(text[cut]) ? cut - 1 : cut;
}
function marked(text, marks, from, to) {
  const whole = make("span");
  let at = from;
  for (const [start, end] of marks) {
    if (start < from || end > to) continue;
    whole.append(text.slice(at, start), make("mark", "", text.slice(start, end)));
    at = end;
  }
  whole.append(text.slice(at, to));
  return whole;
}
function highlighted(text, stretches, snippet) {
  const marks = inUnits(text, stretches).filter(([start, end]) => start < end && end <= text.length);
  const begin = snippet ? inUnits(text, [[snippet.start, snippet.end]])[0][0] : 0;
  const cut = begin && !marks.some(([start, end]) => start < begin && begin < end) ? begin : opening(text, marks);
  const lead = marked(text, marks, 0, cut);
  lead.className = "lead";
  return cut ? [lead, marked(text, marks, cut, text.length)] : [marked(text, marks, 0, text.length)];
}
function paragraph(className, text, ...content) {
  const element = make("p", className, ...content);
  // Chinese stands on wider lines and in Chinese shapes, whatever the page's own language.
  if (CHINESE.test(text)) element.lang = "zh-CN";
  return element;
}

// The text of a chunk; rows of a table ("label: value; label: value") as a table.
function render(chunk, className) {
  const columns = chunk.location.columns || [], marks = inUnits(chunk.text, chunk.highlights || []);
  const lines = columns.length ? linesOf(chunk.text).map((line) => ({ ...line, cells: cellsOf(line, columns) })) : [];
  if (!lines.some(({ cells }) => cells)) return paragraph(`text ${className}`, chunk.text, ...(chunk.highlights ? highlighted(chunk.text, chunk.highlights, chunk.snippet) : [chunk.text]));
  const shown = make("div", `text table ${className}`);
  let rows = [];
  const close = () => { if (rows.length) shown.append(tableOf(rows, columns, marks)); rows = []; };
  for (const line of lines) {
    if (line.cells) { rows.push(line.cells); continue; }
    close();
    shown.append(make("p", "", ...markPart(line.text, line.start, marks)));
  }
  close();
  if (CHINESE.test(chunk.text)) shown.lang = "zh-CN";
  return shown;
}
// A table that is wider than the window is scrolled with the keyboard too.
function letScroll(places) {
  const tables = places.flatMap((place) => [...place.querySelectorAll(".table")]).filter((table) => table.clientWidth);
  const known = tables.map((table) => [table, table.scrollWidth > table.clientWidth]);
  for (const [table, isWide] of known) if (isWide) table.tabIndex = 0; else table.removeAttribute("tabindex");
}
function linesOf(text) {
  let start = 0;
  return text.split("\n").map((line) => { const place = start; start += line.length + 1; return { text: line, start: place }; });
}
// The cells of a row by their columns, or nothing where the line is no row.
function cellsOf({ text, start }, columns) {
  const cells = [];
  for (let column = 0, at = 0; column < columns.length && at < text.length; column++) {
    const label = `${columns[column]}: `;
    if (!text.startsWith(label, at)) continue;
    const ends = columns.slice(column + 1).map((next) => text.indexOf(`; ${next}: `, at + label.length)).filter((end) => end >= 0);
    const end = ends.length ? Math.min(...ends) : text.length;
    cells.push({ column, text: text.slice(at + label.length, end), start: start + at + label.length });
    at = end + 2;
  }
  return cells.length ? cells : null;
}
function tableOf(rows, columns, marks) {
  const used = columns.map((_, column) => column).filter((column) => rows.some((cells) => cells.some((cell) => cell.column === column)));
  const head = make("tr", "", ...used.map((column) => { const cell = make("th", "", columns[column]); cell.scope = "col"; return cell; }));
  const body = rows.map((cells) => make("tr", "", ...used.map((column) => {
    const cell = cells.find((one) => one.column === column);
    return make("td", "", ...(cell ? markPart(cell.text, cell.start, marks) : []));
  })));
  // Of a long table the rows that answer are shown first; the others appear with "Show all".
  const hits = body.filter((row) => row.querySelector("mark")), near = new Set((hits.length ? hits : body).slice(0, MOST_ROWS));
  for (const row of body) if (!near.has(row)) row.className = "far";
  return make("table", "", make("thead", "", head), make("tbody", "", ...body));
}
// A part of a text that begins at an offset of the whole, with its marks.
function markPart(text, offset, marks) {
  const parts = [];
  let at = 0;
  for (const [start, end] of marks) {
    const from = Math.max(at, start - offset), to = Math.min(text.length, end - offset);
    if (to <= from) continue;
    parts.push(text.slice(at, from), make("mark", "", text.slice(from, to)));
    at = to;
  }
  return [...parts, text.slice(at)];
}
