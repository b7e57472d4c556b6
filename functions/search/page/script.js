"use strict";
const WORDS = Object.fromEntries(
  ["en", "zh"].map((name) => [name, readWords(JSON.parse(document.getElementById("words-" + name).textContent))]));
// A text with {1} becomes a function of its arguments; of a text with forms the first argument chooses none, one or other.
function readWords(words) {
  const fill = (text, values) => text.replace(/\{(\d)\}/g, (_, place) => values[place - 1]);
  const choose = (forms, count) => (count === 0 && forms.none) || (count === 1 && forms.one) || forms.other;
  return Object.fromEntries(Object.entries(words).map(([name, word]) => {
    if (typeof word === "string") return [name, /\{\d\}/.test(word) ? (...values) => fill(word, values) : word];
    return [name, word.other ? (...values) => fill(choose(word, values[0]), values) : word];
  }));
}
const CHINESE = /[\u3400-\u9fff]/;
const METADATA = /^metadata\.[\p{L}_][\p{L}\p{M}\p{N}_]{0,63}$/u;
const $ = (selector) => document.querySelector(selector);
const $$ = (selector) => [...document.querySelectorAll(selector)];
const PAGE = 10, MOST_ROWS = 5, MOST_AT_ONCE = 100, REACH = 1000, LISTED = 1000;
const TYPING_MS = 300, COSTLY_MS = 1000, REFRESH_MS = 3000;
const LONGEST_ADDRESS = 3000; // servers refuse longer ones; what follows # is not sent
const WINDOW = 240, LEAD = 160;
const MOST_TAGS = 8, MOST_VALUE = 1024;

/* --- what is remembered: storage may be forbidden, and then nothing is --- */
function recall(storage, name) { try { return window[storage].getItem(name) || ""; } catch { return ""; } }
function remember(storage, name, value) { try { window[storage].setItem(name, value); } catch { /* this visit only */ } }

let language = recall("localStorage", "language") || ((navigator.language || "").toLowerCase().startsWith("zh") ? "zh" : "en");
let theme = recall("localStorage", "theme");
let key = recall("sessionStorage", "key");
let say = WORDS[language] || WORDS.en;
let redraw = { results: () => {}, documents: () => {} };
let health = null;
let asking = null;
let asked = null;
let found = null;
let watching = 0;
let listing = 0;
let documentCards = new Map();
let typing = 0;
let composing = false;

/* --- elements: data only ever becomes text --- */
function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}
function button(className, text, action) {
  const element = make("button", className, text);
  element.type = "button";
  element.onclick = action;
  return element;
}
function inside(panel, selector) { return $(`#${panel} ${selector}`); }
function announce(panel, status) {
  const place = inside(panel, ".status");
  if (place.textContent !== status) place.textContent = status;
}
function show(panel, status, ...content) {
  $("#" + panel).removeAttribute("aria-busy");
  inside(panel, ".list").classList.remove("stale");
  if (panel === "results") $("#grouping").hidden = $("#write").hidden = true;
  announce(panel, status);
  inside(panel, ".list").replaceChildren(...content);
}
function message([title, text], ...more) { return make("div", "message", make("strong", "", title), text, ...more); }
// What is there stays until something newer comes; only where nothing is, bones stand.
function loading(panel) {
  const list = inside(panel, ".list");
  $("#" + panel).setAttribute("aria-busy", "true");
  if (list.querySelector(".card:not(.bone)")) return list.classList.add("stale");
  show(panel, say.loading, ...[1, 2, 3].map(() => make("div", "card bone")));
  $("#" + panel).setAttribute("aria-busy", "true");
}

/* --- the server --- */
class Refused extends Error {
  constructor(status, error) { super(error.message || ""); Object.assign(this, { status, code: error.code || "", requestId: error.request_id || "" }); }
}
async function call(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: { ...(options.body && { "content-type": "application/json" }), ...(key && { "x-api-key": key }) } });
  const text = await answer.text();
  let content = null;
  try { content = JSON.parse(text); } catch { /* a proxy's page, not ours */ }
  if (!answer.ok || content === null) throw new Refused(answer.ok ? 0 : answer.status, (content && content.error) || {});
  return content;
}
function explain(panel, error, title, retry) {
  const refused = error instanceof Refused;
  if (error.status === 401) {
    $("#access").hidden = false;
    $("#key").focus();
    return show(panel, "", key ? message([title, say.keyWrong]) : "");
  }
  const reason = !refused ? say.offline[1] : say.reasons[error.code] || error.message || (error.status >= 500 || error.status === 429 ? say.busy : say.strange);
  const id = make("small", "", refused ? [error.code, error.requestId].filter(Boolean).join(" · ") : "");
  const box = message([refused ? title : say.offline[0], reason], id, button("quiet", say.retry, retry));
  box.className = "message error";
  box.setAttribute("role", "alert");
  show(panel, "", box);
}

/* --- the address is the state: ?q=… &view=documents &mode= &flat=1 &rerank= &format= &prefix= &since= &tenant= &metadata.NAME=JSON &state= &n= --- */
function address() { return new URLSearchParams(location.search || location.hash.slice(1)); }
function put(wanted, name, value) { if (value) wanted.set(name, value); else wanted.delete(name); }
function go(change, live = false) {
  const wanted = address();
  change(wanted);
  wanted.delete("n");
  travel(wanted, live);
  follow();
}
// What comes while one types is one step of the browser's way back, not one a letter.
function travel(wanted, live, replace = false) {
  const text = String(wanted);
  const target = location.pathname + (text && (text.length > LONGEST_ADDRESS ? "#" : "?") + text);
  const state = live ? { live } : null;
  const before = history.state && history.state.live;
  if (target === location.pathname + location.search + location.hash) return history.replaceState(replace ? history.state : state, "", target);
  history[replace || (live && before) ? "replaceState" : "pushState"](replace ? history.state : state, "", target);
}
function startOf(day) {
  const moment = /^\d{4}-\d\d-\d\d$/.test(day || "") ? new Date(day + "T00:00") : NaN;
  return isNaN(moment) ? null : Math.floor(moment / 1000);
}
function read(json) { try { return JSON.parse(json); } catch { return undefined; } }
// The filters in force: what each is called, its condition, and the pair of the address it stands for.
function filters(wanted) {
  const active = [];
  const add = (name, value, label, condition) => active.push({ name, value, label, condition });
  for (const [name, value] of wanted) {
    if (name === "format" && value) add(name, value, say.chip(say.format, say.formats[value] || value), { eq: { format: value } });
    if (name === "prefix" && value) add(name, value, say.chip(say.chipPrefix, value), { prefix: { key: value } });
    if (name === "since" && startOf(value) !== null) add(name, value, say.chip(say.since, value), { gte: { modified: startOf(value) } });
    if (name === "tenant" && value) add(name, value, say.chip(say.tenant, value), null);
    if (METADATA.test(name)) {
      const meant = read(value), one = Array.isArray(meant) ? meant[0] : meant;
      if (["string", "number", "boolean"].includes(typeof one)) {
        add(name, value, say.chip(name.slice(9), one), { [Array.isArray(meant) ? "contains" : "eq"]: { [name]: one } });
      }
    }
  }
  return active;
}
function without(wanted, name, value) {
  const kept = wanted.getAll(name).filter((other) => other !== value);
  wanted.delete(name);
  for (const other of kept) wanted.append(name, other);
}
function showChips(wanted) {
  const active = filters(wanted);
  for (const panel of ["results", "documents"]) {
    const here = active.filter(({ name }) => panel === "results" || name === "prefix" || name === "tenant");
    const chips = here.map(({ name, value, label }) => {
      const chip = button("chip", label, () => { go((now) => without(now, name, value)); ($(`#${panel} .chip`) || $("#query")).focus(); });
      chip.setAttribute("aria-label", say.remove(label));
      return chip;
    });
    if (chips.length > 1) {
      chips.push(button("link", say.clear, () => { go((now) => { for (const { name } of here) now.delete(name); }); $("#query").focus(); }));
    }
    inside(panel, ".chips").replaceChildren(...chips);
  }
  $("#unfold").textContent = say.unfold(active.length);
}
function fillFields(wanted) {
  const fill = (selector, value) => { const field = $(selector); if (field.value.trim() !== value) field.value = value; };
  fill("#query", (wanted.get("q") || "").trim());
  fill("#prefix", wanted.get("prefix") || "");
  fill("#under", wanted.get("prefix") || "");
  fill("#since", startOf(wanted.get("since")) === null ? "" : wanted.get("since"));
}
function showControls(wanted) {
  const format = wanted.get("format") || "";
  const formats = Object.entries(say.formats);
  if (format && !say.formats[format]) formats.push([format, format]);
  $("#format").replaceChildren(new Option(say.anyFormat, ""), ...formats.map(([value, name]) => new Option(name, value)));
  $("#format").value = format;
  for (const radio of $$("#modes input")) radio.checked = radio.value === modeOf(wanted);
  const offered = health && health.rerank;
  $("#reranking").hidden = !offered;
  if (offered) $("#rerank").checked = wanted.has("rerank") ? wanted.get("rerank") === "1" : offered.default;
  showChips(wanted);
}
function modeOf(wanted) { return ["dense", "keyword"].includes(wanted.get("mode")) ? wanted.get("mode") : ""; }

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

/* --- chunks --- */
function welcome() {
  found = null;
  show("results", "", message(say.welcome, make("ul", "", ...say.tips.map((tip) => make("li", "", tip)))));
}
function where(parts) { return make("p", "where", ...parts.filter(Boolean).map((part) => part instanceof Node ? part : make("span", "", part))); }
function places({ page, sheet, row, headings, ordinal }) {
  const named = [page ? say.page(page) : "", sheet ? say.sheet(sheet) : "", row ? say.row(row) : "", (headings || []).join(" › ")].filter(Boolean);
  return named.length || ordinal === undefined ? named : [say.part(ordinal + 1)];
}
function narrowing(className, label, text, change) {
  const element = button(className, text, () => go(change));
  element.title = say.narrow(label);
  element.setAttribute("aria-label", `${text} – ${say.narrow(label)}`);
  return element;
}
function source(about) {
  const folder = about.key.slice(0, about.key.lastIndexOf("/") + 1);
  const name = about.key.slice(folder.length);
  const parts = [folder ? narrowing("link", folder, folder, (wanted) => wanted.set("prefix", folder)) : "", name];
  if (about.tenant) parts.push(narrowing("link", say.chip(say.tenant, about.tenant), about.tenant, (wanted) => wanted.set("tenant", about.tenant)));
  return where(parts);
}
function tags(metadata) {
  const all = [];
  for (const [name, value] of Object.entries(metadata || {})) {
    for (const one of Array.isArray(value) ? value : [value]) {
      const field = "metadata." + name, text = say.chip(name, one);
      const json = JSON.stringify(Array.isArray(value) ? [one] : one);
      const usable = METADATA.test(field) && ["string", "number", "boolean"].includes(typeof one) && String(one).length <= MOST_VALUE;
      all.push(usable ? narrowing("tag", text, text, (wanted) => { if (!wanted.getAll(field).includes(json)) wanted.append(field, json); }) : make("span", "tag", text));
    }
  }
  if (!all.length) return "";
  const shown = make("div", "tags", ...all.slice(0, MOST_TAGS));
  const rest = all.slice(MOST_TAGS);
  if (rest.length) shown.append(button("tag", say.moreTags(rest.length), (event) => event.target.replaceWith(...rest)));
  return shown;
}
function titled(text) {
  const title = make("h2", "", text);
  title.title = text;
  if (CHINESE.test(text)) title.lang = "zh-CN";
  return title;
}
function heading(about) { return make("div", "top", titled(about.title || about.key)); }
function scored(hit) {
  const shown = hit.score.toFixed(2);
  const details = [[say.meaning, hit.scores.dense], [say.words, hit.scores.keyword], [say.reread, hit.scores.rerank]]
    .filter(([name, value]) => name !== say.reread || value !== null)
    .map(([name, value]) => `${name} ${value === null ? `– (${say.unseen})` : value.toFixed(3)}`).join(" · ");
  const sides = make("p", "sides", details);
  sides.hidden = true;
  const score = button("score", shown, () => { sides.hidden = !sides.hidden; score.setAttribute("aria-expanded", String(!sides.hidden)); });
  score.title = details;
  score.setAttribute("aria-label", say.score(shown));
  score.setAttribute("aria-expanded", "false");
  return [score, sides];
}
// A score below the threshold is probably no answer; scores of a reranker have none.
function isWeak(hit, answer) { return !answer.reranked && hit.score < (answer.threshold || 0); }
function chunk(hit, about, answer) {
  const text = render(hit, "clamped");
  const [score, sides] = scored(hit);
  const card = make("article", isWeak(hit, answer) ? "chunk weak" : "chunk", make("div", "place", where(places(hit.location)), score), sides, text, copies(hit));
  card.tabIndex = 0;
  card.dataset.id = hit.id;
  card.setAttribute("aria-label", [about.title || about.key, ...places(hit.location)].join(", "));
  const more = button("link more", say.more, () => unclamp(text.classList.contains("clamped")));
  const unclamp = (open) => {
    text.classList.toggle("clamped", !open);
    more.textContent = open ? say.less : say.more;
    more.setAttribute("aria-expanded", String(open));
  };
  more.setAttribute("aria-expanded", "false");
  more.hidden = true;
  card.append(make("div", "actions", more, ...neighbours(hit, about, text, () => { more.hidden = false; unclamp(true); })));
  return card;
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
// The other documents that hold the same text.
function copies(hit) {
  const keys = [...new Set((hit.duplicates || []).map(({ document: other }) => other.key))];
  return keys.length ? where([say.alsoIn(keys.join(", "))]) : "";
}
function excerpt(neighbour, name) {
  const element = make("div", "around", where([name, ...places(neighbour.location)]), render(neighbour, ""));
  element.dataset.ordinal = neighbour.location.ordinal;
  return element;
}
// The chunks before and after a hit in its document, one more on each side at every press.
function neighbours(hit, about, text, whole) {
  let reach = 0;
  const trouble = make("span", "trouble");
  trouble.setAttribute("role", "alert");
  const close = () => {
    reach = 0;
    for (const element of [...text.parentNode.querySelectorAll(".around")]) element.remove();
    open.hidden = false;
    hide.hidden = true;
    open.textContent = say.around;
    open.focus();
  };
  const open = button("link open", say.around, async () => {
    const at = hit.location.ordinal, first = Math.max(0, at - reach - 1);
    open.disabled = true;
    trouble.textContent = "";
    try {
      const answer = await call(`/documents/${encodeURIComponent(about.id)}/chunks?offset=${first}&limit=${at + reach + 2 - first}`);
      reach += 1;
      for (const element of [...text.parentNode.querySelectorAll(".around")]) element.remove();
      const before = answer.chunks.filter((other) => other.location.ordinal < at);
      const after = answer.chunks.filter((other) => other.location.ordinal > at);
      text.before(...before.map((other) => excerpt(other, say.before)));
      text.after(...after.map((other) => excerpt(other, say.after)));
      whole();
      open.textContent = say.aroundMore;
      hide.hidden = false;
      open.hidden = before.length < reach && after.length < reach;
      if (open.hidden) hide.focus();
    } catch (error) {
      trouble.textContent = `${say.aroundFailed} ${error instanceof Refused ? say.reasons[error.code] || error.message : say.offline[1]}`;
    }
    open.disabled = false;
  });
  const hide = button("link hide", say.aroundLess, close);
  hide.hidden = true;
  return [open, hide, trouble];
}
function groupCard({ document: about, hits }, answer) {
  return make("section", "card", heading(about), source(about), tags(about.metadata), ...hits.map((hit) => chunk(hit, about, answer)));
}
// Only what is cut off can be shown whole; how much fits is known once it is laid out.
function measure() {
  for (const card of $$(".chunk")) {
    const text = card.querySelector(".clamped");
    if (text && text.clientHeight) card.querySelector(".more").hidden = !text.querySelector(".lead, .far") && text.scrollHeight <= text.clientHeight + 1;
  }
}
function status({ groups, answer }) {
  const hits = groups.reduce((sum, group) => sum + group.hits.length, 0);
  const count = say.resultCount(hits), milliseconds = Math.ceil((answer.milliseconds || {}).total || 0);
  const from = found.flat ? say.found(count, milliseconds) : say.foundFrom(count, milliseconds, say.files(groups.length));
  const parts = [from, say.by[answer.mode]];
  if (answer.reranked) parts.push(say.reranked);
  return parts.filter(Boolean).join(" · ");
}
function money(cost) { return cost ? Number(cost.toPrecision(2)).toLocaleString(say.locale, { maximumFractionDigits: 9 }) : "0"; }
function showFound() {
  const { groups, answer, flat, more } = found;
  if (!groups.length) return show("results", "", message(filters(address()).length ? say.nothingHere : say.nothing));
  const warnings = (answer.warnings || []).map((warning) => make("p", "warning", say.warnings[warning.code] || warning.message));
  if (answer.did_you_mean) warnings.unshift(paragraph("warning meant", answer.did_you_mean, say.meant(answer.did_you_mean)));
  if (answer.answerable === false) warnings.unshift(make("p", "warning no-answer", say.noAnswer));
  show("results", status(found), ...warnings, ...groups.map((group) => groupCard(group, answer)), ...(more ? [nextButton()] : []));
  $("#results .status").title = answer.usage ? say.billed(answer.usage.tokens, money(answer.usage.cost_cny)) : "";
  $("#grouping").hidden = false;
  $("#grouping").textContent = flat ? say.grouped : say.flat;
  offerAnswer();
  measure();
}
function nextButton() { return button("quiet next", say.next, () => goOn()); }
function question(wanted, offset, count) {
  const conditions = filters(wanted).map((filter) => filter.condition).filter(Boolean);
  return {
    query: wanted.get("q").trim(),
    mode: modeOf(wanted) || "hybrid",
    offset,
    // One more than is shown tells whether there is more to show.
    top_k: Math.min(count + 1, MOST_AT_ONCE, REACH - offset),
    ...(conditions.length && { filter: conditions.length > 1 ? { and: conditions } : conditions[0] }),
    ...(wanted.has("rerank") && { rerank: wanted.get("rerank") === "1" }),
    ...(wanted.get("tenant") && { tenant: wanted.get("tenant") }),
    ...(wanted.get("flat") !== "1" && { group_by: "document" }),
  };
}
async function ask(wanted, offset, count, signal) {
  const body = question(wanted, offset, count);
  const answer = await call("/search", { method: "POST", body: JSON.stringify(body), signal });
  const groups = answer.groups || answer.hits.map((hit) => ({ document: hit.document, score: hit.score, hits: [hit] }));
  const enough = Math.min(count, body.top_k);
  const more = groups.length > enough || (body.top_k <= count && groups.length === body.top_k && offset + groups.length < REACH);
  return { answer, groups: groups.slice(0, enough), more, flat: wanted.get("flat") === "1" };
}
async function search(wanted) {
  if (asking) asking.abort();
  const mine = asking = new AbortController();
  closeAnswer();
  redraw.results = () => loading("results");
  loading("results");
  const count = Math.min(Math.max(PAGE, parseInt(wanted.get("n"), 10) || 0), MOST_AT_ONCE);
  const outcome = await ask(wanted, 0, count, mine.signal)
    .then((news) => () => { found = news; redraw.results = showFound; showFound(); },
      (error) => () => { found = null; (redraw.results = () => explain("results", error, say.failed, () => search(wanted)))(); });
  if (mine !== asking) return;
  asking = null;
  outcome();
}
// The next page follows the last chunk; what is already there does not come twice.
async function goOn() {
  const before = found, next = $("#results .next");
  next.disabled = true;
  try {
    const wanted = address();
    const news = await ask(wanted, before.groups.length, PAGE);
    if (found !== before) return;
    const name = (group) => before.flat ? group.hits[0].id : group.document.id;
    const known = new Set(before.groups.map(name));
    const fresh = news.groups.filter((group) => !known.has(name(group)));
    found = { ...before, groups: [...before.groups, ...fresh], more: news.more && fresh.length > 0 };
    const cards = fresh.map((group) => groupCard(group, found.answer));
    const focused = document.activeElement === next;
    next.replaceWith(...cards, ...(found.more ? [nextButton()] : []));
    announce("results", status(found));
    measure();
    if (focused && cards.length) cards[0].querySelector(".chunk").focus();
    put(wanted, "n", String(found.groups.length));
    travel(wanted, false, true);
  } catch (error) {
    if (found === before) explain("results", error, say.failed, () => search(address()));
  }
}

/* --- documents --- */
function documentCard(known) {
  const moment = known.updated ? new Date(known.updated * 1000).toLocaleString(say.locale, { dateStyle: "medium", timeStyle: "short" }) : "";
  const folder = known.key.slice(0, known.key.lastIndexOf("/") + 1), name = known.key.slice(folder.length);
  const title = known.title || name || known.key;
  const facts = [
    folder ? narrowing("link", folder, folder, (wanted) => wanted.set("prefix", folder)) : "",
    title === name ? "" : name,
    known.chunks ? say.chunks(known.chunks) : "",
    `${Math.ceil(known.size / 1000).toLocaleString(say.locale)}\u00a0kB`,
    known.tokens ? say.billed(known.tokens.toLocaleString(say.locale), money(known.cost_cny)) : "",
    known.ocr_pages ? say.ocr(known.ocr_pages.toLocaleString(say.locale), money(known.ocr_cost_cny)) : "",
    known.attempts > 1 && known.state !== "indexed" ? say.attempts(known.attempts) : "",
    known.tenant,
    moment,
  ];
  const state = make("span", "state " + known.state, say.states[known.state] || known.state);
  const card = make("article", "card", make("div", "top", titled(title), state), where(facts));
  card.setAttribute("aria-label", `${title}, ${state.textContent}`);
  const superseded = known.state !== "indexed" && known.indexed_version && known.indexed_version !== known.version;
  if (known.failure) card.append(reason(known, superseded));
  else if (superseded) card.append(make("div", "reason waits", make("p", "", say.oldMeanwhile)));
  return card;
}
function reason({ failure, state }, superseded) {
  const details = [say.stages[failure.stage] || failure.stage, failure.code, failure.request_id].filter(Boolean).join(" · ");
  const old = superseded ? [make("b", "", state === "pending" ? say.oldMeanwhile : say.oldAnswers)] : [];
  const help = [say.advice[failure.code], failure.retryable ? say.again : say.act].filter(Boolean).join(say.gap);
  // The function speaks English: where the advice is in another language, it comes first and the message under it.
  const texts = say.locale === "en" ? [make("p", "", failure.message), make("p", "", help), make("small", "", details)]
    : [make("p", "", help), make("small", "", failure.message), make("small", "", details)];
  return make("div", "reason" + (failure.retryable ? " waits" : ""), ...old, ...texts);
}
function showStates(counts, state) {
  const names = ["", "failed", "pending", "indexed"];
  const texts = names.map((name) => `${name ? say.states[name] : say.all}${counts ? " " + counts[name || "all"].toLocaleString(say.locale) : ""}`);
  if ($("#states").children.length) {
    [...$("#states").children].forEach((element, i) => { element.textContent = texts[i]; element.setAttribute("aria-pressed", String(names[i] === state)); });
    return;
  }
  $("#states").append(...names.map((name, i) => {
    const element = button("", texts[i], () => go((wanted) => put(wanted, "state", name)));
    element.setAttribute("aria-pressed", String(name === state));
    return element;
  }));
}
function showDocuments({ list, total, more, counts, wanted }) {
  const state = wanted.get("state") || "";
  showStates(counts, state);
  if (!list.length) {
    documentCards.clear();
    return show("documents", "", message(state || wanted.get("prefix") || wanted.get("tenant") ? say.noneHere : say.noDocuments));
  }
  // What needs a person comes first.
  const sorted = ["failed", "pending", "indexed", "deleted"].flatMap((one) => list.filter((known) => known.state === one));
  // A card that still says the same stays, with the focus and the selection in it.
  const cards = new Map(sorted.map((known) => {
    const news = say.locale + JSON.stringify(known), old = documentCards.get(known.id);
    return [known.id, old && old.news === news ? old : { news, card: documentCard(known) }];
  }));
  documentCards = cards;
  const elements = [...cards.values()].map(({ card }) => card);
  if (more) elements.push(button("quiet next", say.nextDocuments, () => { listing += LISTED; loadDocuments(true); }));
  const tokens = list.reduce((sum, known) => sum + known.tokens, 0), cost = list.reduce((sum, known) => sum + known.cost_cny, 0);
  const status = [more ? say.shown(list.length, total) : say.files(list.length)];
  if (!more && tokens) status.push(say.billed(tokens.toLocaleString(say.locale), money(cost)));
  const place = inside("documents", ".list");
  if (place.children.length === elements.length && elements.every((element, i) => place.children[i] === element)) return;
  show("documents", status.join(" · "), ...elements);
}
async function list(wanted) {
  const narrowed = Object.fromEntries(["prefix", "tenant"].filter((name) => wanted.get(name)).map((name) => [name, wanted.get(name)]));
  const state = wanted.get("state") || "";
  const pages = (more) => call("/documents?" + new URLSearchParams({ ...narrowed, ...more }));
  const all = [];
  let total = 0, after = "", left = listing;
  do {
    const answer = await pages({ ...(state && { state }), limit: LISTED, ...(after && { after }) });
    all.push(...answer.documents);
    total = answer.total;
    after = answer.next;
    left -= LISTED;
  } while (after && left >= 0);
  const known = [...new Map(all.map((one) => [one.id, one])).values()];
  const names = ["failed", "pending", "indexed"];
  // What was listed whole is counted here; else the server counts.
  const totals = !state && !after && known.length >= total ? names.map((name) => known.filter((one) => one.state === name).length)
    : await Promise.all(names.map((name) => name === state ? total : pages({ state: name, limit: 1 }).then((answer) => answer.total)));
  const counts = Object.fromEntries(names.map((name, i) => [name, totals[i]]));
  return { list: known, total, more: Boolean(after), wanted, counts: { ...counts, all: totals.reduce((sum, one) => sum + one, 0) } };
}
let lists = 0;
async function loadDocuments(quietly = false) {
  clearTimeout(watching);
  const mine = lists += 1;
  if (!quietly) { redraw.documents = () => loading("documents"); loading("documents"); }
  const outcome = await list(address()).then((answer) => () => showDocuments(answer), (error) => () => explain("documents", error, say.listFailed, () => loadDocuments()));
  if (mine !== lists) return;
  if (quietly && inside("documents", ".error")) return;
  (redraw.documents = outcome)();
  $("#documents").removeAttribute("aria-busy");
  inside("documents", ".list").classList.remove("stale");
  clearTimeout(watching);
  // What is in progress, or just dropped into the bucket, shows without a reload; an error waits for its button.
  if (!$("#documents").hidden && !inside("documents", ".error") && $("#access").hidden) watching = setTimeout(loadDocuments, REFRESH_MS, true);
}

/* --- what the address says is shown --- */
function entitle(query) { document.title = (query ? query + " – " : "") + say.name; }
function follow(again = false) {
  const wanted = address();
  const query = (wanted.get("q") || "").trim();
  const view = wanted.get("view") === "documents" ? "documents" : "results";
  for (const name of ["results", "documents"]) {
    const selected = name === view;
    $("#" + name).hidden = !selected;
    $("#tab-" + name).setAttribute("aria-selected", String(selected));
    $("#tab-" + name).tabIndex = selected ? 0 : -1;
  }
  entitle(query);
  clearTimeout(typing);
  clearTimeout(watching);
  fillFields(wanted);
  showControls(wanted);
  if (view === "documents") { listing = 0; loadDocuments(); } else { lists += 1; measure(); }
  for (const name of ["view", "state", "n"]) wanted.delete(name);
  wanted.sort();
  if (String(wanted) === asked && !again) return;
  asked = String(wanted);
  if (query) { search(address()); return; }
  if (asking) asking.abort();
  asking = null;
  closeAnswer();
  (redraw.results = welcome)();
}

/* --- language, appearance, and the line about the model --- */
function speak() {
  say = WORDS[language] || WORDS.en;
  document.documentElement.lang = say.locale;
  for (const element of $$("[data-say]")) element.textContent = say[element.dataset.say];
  for (const element of $$("[data-label]")) element.setAttribute("aria-label", say[element.dataset.label]);
  for (const element of $$("[data-hint]")) element.placeholder = say[element.dataset.hint];
  for (const element of $$("[data-title]")) element.title = say[element.dataset.title];
  $("#language").textContent = say.other;
  $("#language").lang = language === "zh" ? "en" : "zh-CN";
  $(".keys").replaceChildren(...say.keys.map(([name, meaning]) => make("span", "key", make("kbd", "", name), " " + meaning)));
  entitle((address().get("q") || "").trim());
  showTheme();
  showModel();
  showStates(null, address().get("state") || "");
  showControls(address());
  redraw.results();
  redraw.documents();
  showAnswer();
}
function showTheme() {
  document.documentElement.dataset.theme = theme;
  const name = say.themes[theme || "auto"];
  $("#theme").textContent = "◐ " + name;
  $("#theme").setAttribute("aria-label", say.themeIs(name));
  $("#theme").title = say.themeIs(name);
}
function showModel() {
  const about = health && health.embedding ? health.embedding : health;
  if (!about || !about.model) return;
  const local = /127\.0\.0\.1|localhost|\[::1\]/.test(about.address || "");
  $("#local-model").hidden = !local;
  $("#local-model").textContent = local ? say.localModel(about.model) : "";
  $("#model").textContent = local ? "" : say.model(about.model);
}

/* --- hands --- */
// A single letter is not a question yet; a single Chinese character may be one.
function askable(query) { return !query || [...query].length > 1 || CHINESE.test(query); }
function live(field, change, ready = () => true) {
  // Every pause is a search; where one costs a reranking too, the pause is a longer one.
  const later = () => {
    clearTimeout(typing);
    if (!composing && ready(field.value.trim())) typing = setTimeout(() => go((wanted) => change(wanted, field.value.trim()), true), $("#rerank").checked ? COSTLY_MS : TYPING_MS);
  };
  // While a Chinese word is being composed, what stands in the box is not yet what is meant.
  field.addEventListener("compositionstart", () => { composing = true; clearTimeout(typing); });
  field.addEventListener("compositionend", () => { composing = false; later(); });
  field.addEventListener("input", (event) => { if (!event.isComposing) later(); });
}
function meant(wanted, query) {
  put(wanted, "q", query);
  if (query) { wanted.delete("view"); wanted.delete("state"); }
}
live($("#query"), meant, askable);
live($("#prefix"), (wanted, value) => put(wanted, "prefix", value));
live($("#under"), (wanted, value) => put(wanted, "prefix", value));
$("#ask").addEventListener("submit", (event) => {
  event.preventDefault();
  if (composing) return;
  const query = $("#query").value.trim();
  const answered = query === (address().get("q") || "").trim() && !(history.state && history.state.live);
  go((wanted) => { meant(wanted, query); wanted.delete("view"); wanted.delete("state"); });
  if (query && answered && !asking) search(address());
});
$("#access").addEventListener("submit", (event) => {
  event.preventDefault();
  key = $("#key").value.trim();
  remember("sessionStorage", "key", key);
  $("#key").value = "";
  $("#access").hidden = true;
  redraw.documents = () => {};
  follow(true);
  $("#query").focus();
});
$("#language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  remember("localStorage", "language", language);
  speak();
});
$("#theme").addEventListener("click", () => {
  theme = { "": "light", light: "dark", dark: "" }[theme] ?? "";
  remember("localStorage", "theme", theme);
  showTheme();
});
$("#modes").addEventListener("change", (event) => go((wanted) => put(wanted, "mode", event.target.value)));
$("#rerank").addEventListener("change", (event) => {
  const usual = Boolean(health.rerank.default);
  go((wanted) => put(wanted, "rerank", event.target.checked === usual ? "" : String(Number(event.target.checked))));
});
$("#format").addEventListener("change", (event) => go((wanted) => put(wanted, "format", event.target.value)));
$("#since").addEventListener("change", (event) => go((wanted) => put(wanted, "since", event.target.value)));
$("#write").addEventListener("click", () => writeAnswer());
$("#grouping").addEventListener("click", () => go((wanted) => put(wanted, "flat", wanted.get("flat") === "1" ? "" : "1")));
function unfold(open) {
  $("#fields").hidden = !open;
  $("#unfold").setAttribute("aria-expanded", String(open));
}
$("#unfold").addEventListener("click", () => {
  unfold($("#fields").hidden);
  if (!$("#fields").hidden) $("#format").focus();
});
const VIEWS = { "tab-results": "", "tab-documents": "documents" };
function view(name) { go((wanted) => { put(wanted, "view", name); wanted.delete("state"); }); }
for (const [id, name] of Object.entries(VIEWS)) $("#" + id).addEventListener("click", () => view(name));
$("#tabs").addEventListener("keydown", (event) => {
  if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
  event.preventDefault();
  const other = Object.keys(VIEWS).find((id) => id !== event.target.id);
  $("#" + other).focus();
  view(VIEWS[other]);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.isComposing || event.keyCode === 229)) return event.preventDefault(); // it ends a composition
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const inField = event.target.matches("input:not([type=radio], [type=checkbox]), select");
  const onChunk = event.target.matches(".chunk");
  if (event.key === "/" && !inField) {
    event.preventDefault();
    $("#query").focus();
    $("#query").select();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    step(event);
  } else if (event.key === "Enter" && onChunk) {
    const more = event.target.querySelector(".more");
    if (!more.hidden) more.click();
  } else if (event.key === "n" && onChunk) {
    const open = event.target.querySelector(".open");
    if (!open.hidden) open.click();
  } else if (event.key === "Escape") {
    close(event);
  }
});
// What is open closes; then back to the box; then the box is emptied.
function close(event) {
  const card = event.target.closest(".chunk");
  const open = card && [card.querySelector(".hide:not([hidden])"), card.querySelector(".more[aria-expanded=true]")].find(Boolean);
  event.preventDefault();
  if (open) {
    open.click();
    card.focus();
  } else if (event.target !== $("#query")) {
    if (event.target.closest("#fields")) { unfold(false); $("#unfold").focus(); return; }
    $("#query").focus();
    $("#query").select();
  } else if (event.target.value) {
    event.target.value = "";
    go((wanted) => put(wanted, "q", ""), true);
  }
}
// From the box into the chunks, from one to the next, and back.
function step(event) {
  const stops = [$("#query"), ...$$("#results .chunk, #results .next")];
  const at = stops.indexOf(event.target.closest(".chunk") || event.target);
  const next = stops[at + (event.key === "ArrowDown" ? 1 : -1)];
  if (at < 0 || !next || $("#results").hidden) return;
  event.preventDefault();
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}
window.addEventListener("popstate", () => follow());
window.addEventListener("resize", measure);

speak();
follow();
call("/healthz").then((answer) => { health = answer; showModel(); showControls(address()); offerAnswer(); }, () => { /* the line stays empty */ });
