"use strict";
/* --- a document: its chunks in order, with the hit marked --- */
const BEFORE_HIT = 15, READ_AT_ONCE = 40;
let reading = null;
let readings = 0;
async function openDocument(wanted) {
  const id = wanted.get("id") || "", at = wanted.has("chunk") ? Math.max(0, parseInt(wanted.get("chunk"), 10) || 0) : null;
  if (reading && reading.about.id === id && reading.has(at)) { reading.at = at; return showReading(true); }
  const mine = readings += 1;
  redraw.reader = () => loading("reader");
  loading("reader");
  const first = Math.max(0, (at || 0) - BEFORE_HIT), path = `/documents/${encodeURIComponent(id)}`;
  const outcome = await Promise.all([call(path), call(`${path}/chunks?offset=${first}&limit=${READ_AT_ONCE}`)])
    .then(([about, answer]) => () => { reading = makeReading(about, answer, at); (redraw.reader = showReading)(true); },
      (error) => () => { reading = null; (redraw.reader = () => explain("reader", error, say.readFailed, () => openDocument(wanted)))(); });
  if (mine === readings) outcome();
}
function makeReading(about, { chunks, total }, at) {
  const has = (ordinal) => ordinal === null || reading.chunks.some((part) => part.location.ordinal === ordinal);
  return { about, chunks, total, at, has };
}
function closeDocument() { readings += 1; }
function showReading(goThere = false) {
  const { about, chunks, total, at } = reading;
  const query = (address().get("q") || "").trim();
  const back = linkTo("back", query ? say.backToResults : say.backToDocuments, (wanted) => {
    if (query) wanted.delete("view"); else wanted.set("view", "documents");
  });
  const facts = [about.tenant, about.chunks ? say.chunks(about.chunks) : "", about.modified ? say.changed(dateOf(about.modified)) : "", about.state === "indexed" ? "" : say.states[about.state]];
  const head = make("div", "card head", make("div", "top", titled(about.title || about.key)), where([about.key, ...facts]), ...about.warnings.map((warning) => make("p", "warning", warning)), make("div", "actions", ...openFile(about, pageAt(chunks, at))));
  if (about.failure) head.append(reason(about, Boolean(about.indexed_version && about.indexed_version !== about.version)));
  const parts = make("div", "card parts", ...chunks.map((part, i) => partOf(about, part, chunks[i - 1])));
  const edge = chunks.length ? chunks[0].location.ordinal : 0, last = chunks.length ? chunks.at(-1).location.ordinal + 1 : 0;
  const earlier = edge > 0 ? [button("quiet next", say.earlier, () => readOn(Math.max(0, edge - READ_AT_ONCE), edge))] : [];
  const later = last < total ? [button("quiet next", say.later, () => readOn(last, last + READ_AT_ONCE))] : [];
  show("reader", "", back, head, ...earlier, ...(chunks.length ? [parts] : [message(say.noText)]), ...later);
  announce("reader", chunks.length && chunks.length < total ? say.partsShown(edge + 1, last, total) : "");
  entitle(about.title || about.key);
  letScroll([$("#reader")]);
  if (!goThere) return;
  const here = $("#reader .here");
  if (here) { here.focus({ preventScroll: true }); here.scrollIntoView({ block: "center" }); } else { window.scrollTo(0, 0); }
}
function pageAt(chunks, at) { return (chunks.find((part) => part.location.ordinal === at) || { location: {} }).location.page; }
// A heading that begins the text is shown as one; page and sheet are named where they change.
function partOf(about, part, before) {
  const { headings, page, sheet } = part.location, title = (headings || []).at(-1) || "";
  const marked = { ...part, highlights: highlightsOf(part.id) };
  const changed = before && before.location.page === page && before.location.sheet === sheet ? [] : places({ page, sheet });
  const element = make("section", reading.at === part.location.ordinal ? "part here" : "part", ...(changed.length ? [where(changed)] : []));
  if (title && part.text.startsWith(title + "\n")) {
    const cut = title.length + 1, count = [...title].length + 1;
    element.append(make("h3", "", title), render({ ...marked, text: part.text.slice(cut), highlights: marked.highlights.map(([start, end]) => [start - count, end - count]).filter(([start]) => start >= 0) }, ""));
  } else {
    element.append(render(marked, ""));
  }
  if (reading.at === part.location.ordinal) { element.tabIndex = -1; element.setAttribute("aria-current", "true"); }
  element.append(copyMenu(about, part));
  return element;
}
function highlightsOf(id) {
  const hits = found ? found.groups.flatMap((group) => group.hits) : [];
  return (hits.find((hit) => hit.id === id) || { highlights: [] }).highlights;
}
async function readOn(first, end) {
  const mine = reading, at = first < mine.chunks[0].location.ordinal ? $("#reader .parts") : null;
  try {
    const answer = await call(`/documents/${encodeURIComponent(mine.about.id)}/chunks?offset=${first}&limit=${end - first}`);
    if (reading !== mine) return;
    const known = new Map([...answer.chunks, ...mine.chunks].map((part) => [part.location.ordinal, part]));
    mine.chunks = [...known.values()].sort((a, b) => a.location.ordinal - b.location.ordinal);
    mine.total = answer.total;
    // What was read stays where it was on the screen.
    const below = at ? document.documentElement.scrollHeight - window.scrollY : null, kept = window.scrollY;
    showReading();
    window.scrollTo(0, below === null ? kept : document.documentElement.scrollHeight - below);
  } catch (error) {
    if (reading === mine) explain("reader", error, say.readFailed, () => openDocument(address()));
  }
}
