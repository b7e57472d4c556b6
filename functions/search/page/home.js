"use strict";
/* --- the first view: what is there, what can be asked, and what was asked before --- */
const NEWEST = 5, LISTED_AT_HOME = 200, READ_FOR_EXAMPLES = 6, MOST_EXAMPLES = 4, MOST_RECENT = 6, SETTLED_MS = 2500;
const LONGEST_EXAMPLE = 70;
let overview = null;
let settling = 0;

function welcome() {
  found = null;
  show("results", "", message(say.welcome), ...recentSearches(), ...(overview ? [atHome(overview)] : []));
  if (!overview && !$("#results").hidden) loadOverview();
}
async function loadOverview() {
  const mine = overview = { counts: null, newest: [], isWhole: false, examples: [] };
  try {
    const answer = await call(`/documents?limit=${LISTED_AT_HOME}`);
    const counts = answer.next ? await countStates() : countListed(answer.documents);
    const newest = answer.documents.filter(({ state }) => state === "indexed").sort((a, b) => b.modified - a.modified);
    Object.assign(mine, { counts, newest: newest.slice(0, NEWEST), isWhole: !answer.next });
    mine.examples = await findExamples(newest);
  } catch (error) {
    overview = null; // tried again with the next visit of the view
    if (error.status === 401) $("#access").hidden = false;
    return;
  }
  if (overview === mine && redraw.results === welcome) welcome();
}
const STATES = ["failed", "pending", "indexed"];
function countListed(documents) {
  return Object.fromEntries(STATES.map((name) => [name, documents.filter(({ state }) => state === name).length]));
}
async function countStates(narrowed = {}) {
  const answers = await Promise.all(STATES.map((state) => call("/documents?" + new URLSearchParams({ ...narrowed, state, limit: 1 }))));
  return Object.fromEntries(STATES.map((name, i) => [name, answers[i].total]));
}
// Questions that documents hold, else their headings, of a few documents; first those in the language of the page.
async function findExamples(documents) {
  const spoken = (about) => CHINESE.test(about.title) === (language === "zh") ? 0 : 1;
  const chosen = [...documents].sort((a, b) => spoken(a) - spoken(b)).slice(0, READ_FOR_EXAMPLES);
  const answers = await Promise.all(chosen.map(({ id }) => call(`/documents/${id}/chunks?limit=12`).catch(() => ({ chunks: [] }))));
  const examples = answers.map(({ chunks }, i) => exampleOf(chunks, chosen[i])).filter(Boolean);
  examples.sort((a, b) => /[?？]$/.test(b) - /[?？]$/.test(a));
  return [...new Set(examples)].slice(0, MOST_EXAMPLES);
}
function exampleOf(chunks, about) {
  const lines = chunks.flatMap(({ text }) => text.split("\n", 3)).map((line) => line.trim());
  const asked = lines.find((line) => /[?？]$/.test(line) && isExample(line));
  if (asked) return asked;
  const headings = [...new Set(chunks.map(({ location: { headings } }) => (headings.at(-1) || "").replace(/^\d[\d.]*[.、)]?\s+/, "")))];
  const usable = headings.filter((heading) => isExample(heading) && heading !== about.title);
  return usable[Math.floor(usable.length / 2)] || (isExample(about.title) ? about.title : "");
}
function isExample(text) { return /^\p{L}/u.test(text) && text.length >= (CHINESE.test(text) ? 2 : 4) && text.length <= LONGEST_EXAMPLE; }
function atHome({ counts, newest, isWhole, examples }) {
  if (!counts) return "";
  const total = STATES.reduce((sum, name) => sum + counts[name], 0);
  if (!total) return make("div", "home", message(say.noDocuments));
  const shown = make("div", "home");
  if (examples.length) shown.append(...titledRow(say.examples, examples.map(queryButton)));
  shown.append(make("h2", "", say.inIndex), make("p", "counts", ...countLinks(counts)));
  if (newest.length) {
    const items = newest.map((about) => {
      const link = linkTo("", about.title || about.key, (wanted) => toDocument(wanted, about.id));
      if (CHINESE.test(about.title)) link.lang = "zh-CN";
      return make("li", "", link, make("small", "", [about.key, dateOf(about.modified)].filter(Boolean).join(" · ")));
    });
    shown.append(make("h2", "", isWhole ? say.newest : say.someDocuments), make("ul", "newest", ...items));
  }
  shown.append(make("h2", "", say.tipsTitle), make("ul", "tips", ...say.tips.map((tip) => make("li", "", tip))));
  return shown;
}
function countLinks(counts) {
  return [...STATES].reverse().filter((name) => counts[name] || name === "indexed").map((name) =>
    linkTo("count " + name, `${counts[name].toLocaleString(say.locale)} ${say.states[name]}`, (wanted) => { wanted.set("view", "documents"); wanted.set("state", name); }));
}
function titledRow(title, buttons) { return [make("h2", "", title), make("div", "queries", ...buttons)]; }
function queryButton(text) {
  const element = button("query", text, () => go((wanted) => meant(wanted, text)));
  if (CHINESE.test(text)) element.lang = "zh-CN";
  return element;
}

/* --- recent searches stay in this browser --- */
function readRecent() {
  const kept = read(recall("localStorage", "recent"));
  return Array.isArray(kept) ? kept.filter((one) => typeof one === "string").slice(0, MOST_RECENT) : [];
}
// A search that stands for a moment is kept; one that only was typed on to it gives way to it.
function keepRecent(query) {
  clearTimeout(settling);
  settling = setTimeout(() => {
    const others = readRecent().filter((one) => one !== query && !query.startsWith(one));
    remember("localStorage", "recent", JSON.stringify([query, ...others].slice(0, MOST_RECENT)));
  }, SETTLED_MS);
}
function recentSearches() {
  const recent = readRecent();
  if (!recent.length) return [];
  const clear = button("link", say.clearRecent, () => { remember("localStorage", "recent", "[]"); $("#query").focus(); welcome(); });
  return [make("div", "home", ...titledRow(say.recent, [...recent.map(queryButton), clear]))];
}
