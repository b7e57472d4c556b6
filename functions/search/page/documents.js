"use strict";
/* --- documents --- */
const MOST_FOLLOWED = 5;
function documentCard(known) {
  const moment = dateOf(known.updated, { timeStyle: "short" });
  const folder = known.key.slice(0, known.key.lastIndexOf("/") + 1), name = known.key.slice(folder.length);
  const title = known.title || name || known.key;
  const facts = [
    folder ? narrowing("link", folder, folder, (wanted) => wanted.set("prefix", folder)) : "",
    title === name ? "" : name,
    known.soFar === undefined ? (known.chunks ? say.chunks(known.chunks) : "") : say.chunksSoFar(known.soFar.toLocaleString(say.locale)),
    `${Math.ceil(known.size / 1000).toLocaleString(say.locale)}\u00a0kB`,
    known.tokens ? say.billed(known.tokens.toLocaleString(say.locale), money(known.cost_cny)) : "",
    known.ocr_pages ? say.ocr(known.ocr_pages.toLocaleString(say.locale), money(known.ocr_cost_cny)) : "",
    known.attempts > 1 && known.state !== "indexed" ? say.attempts(known.attempts) : "",
    known.tenant,
    moment,
  ];
  const state = make("span", "state " + known.state, say.states[known.state] || known.state);
  const shownTitle = known.chunks ? titled("") : titled(title);
  if (known.chunks) shownTitle.append(linkTo("", title, (wanted) => toDocument(wanted, known.id)));
  if (CHINESE.test(title)) shownTitle.lang = "zh-CN";
  shownTitle.title = title;
  const card = make("article", "card", make("div", "top", shownTitle, state), where(facts));
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
    return show("documents", "", message(["state", "prefix", "tenant", "name"].some((name) => wanted.get(name)) ? say.noneHere : say.noDocuments));
  }
  const sorted = sortDocuments(list, wanted.get("sort") || "");
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
// Failed documents first, then by name; or by name alone, or the newest first.
const SORTS = ["", "name", "newest"];
const RANKS = ["failed", "pending", "indexed", "deleted"];
function sortDocuments(list, sort) {
  const compare = new Intl.Collator(say.locale, { numeric: true }).compare;
  const byName = (a, b) => compare(a.title || a.key, b.title || b.key) || compare(a.key, b.key);
  const byRank = (a, b) => RANKS.indexOf(a.state) - RANKS.indexOf(b.state);
  const orders = { name: byName, newest: (a, b) => b.modified - a.modified || byName(a, b) };
  return [...list].sort(orders[sort] || ((a, b) => byRank(a, b) || byName(a, b)));
}
function showSorts(wanted) {
  $("#sort").replaceChildren(...SORTS.map((name) => new Option(say.sorts[name || "attention"], name)));
  $("#sort").value = SORTS.includes(wanted.get("sort")) ? wanted.get("sort") : "";
}
// Pages of a listing, until `most` documents are there.
async function readPages(asked, most) {
  const documents = [];
  let total = 0, after = "";
  do {
    const answer = await call("/documents?" + new URLSearchParams({ ...asked, limit: LISTED, ...(after && { after }) }));
    documents.push(...answer.documents);
    ({ total, next: after } = answer);
  } while (after && documents.length < most);
  return { documents, total, more: Boolean(after) };
}
let large = ""; // the narrowing of which more documents are known than are listed at once
async function list(wanted) {
  const narrowed = Object.fromEntries(["prefix", "tenant"].filter((name) => wanted.get(name)).map((name) => [name, wanted.get(name)]));
  const state = wanted.get("state") || "", part = (wanted.get("name") || "").trim(), most = listing + LISTED, place = JSON.stringify([narrowed, most]);
  let answer = { more: true }, counts;
  if (large !== place && (!state || STATES.includes(state))) answer = await readPages(narrowed, most);
  large = answer.more ? place : "";
  if (answer.more) {
    const asked = { ...narrowed, ...(part && { contains: part }) };
    counts = await countStates(asked);
    answer = await (state ? readPages({ ...asked, state }, most) : wanted.get("sort") ? readPages(asked, most) : readByState(asked, most));
  } else {
    // What was listed whole is searched here: titles too, and in upper and lower case.
    if (part) answer = narrow(answer, part);
    counts = countListed(answer.documents);
    if (state) answer.documents = answer.documents.filter((known) => known.state === state);
    answer.total = answer.documents.length;
  }
  const known = [...new Map(answer.documents.map((one) => [one.id, one])).values()];
  await addProgress(known);
  return { list: known, total: answer.total, more: answer.more, wanted, counts: { ...counts, all: STATES.reduce((sum, name) => sum + counts[name], 0) } };
}
function narrow({ documents }, part) {
  const wanted = part.toLocaleLowerCase();
  const kept = documents.filter(({ key, title }) => `${key}\n${title}`.toLocaleLowerCase().includes(wanted));
  return { documents: kept, total: kept.length, more: false };
}
// What failed comes first however many documents there are.
async function readByState(asked, most) {
  const documents = [];
  let total = 0, more = false;
  for (const state of STATES) {
    const left = most - documents.length;
    const answer = left > 0 ? await readPages({ ...asked, state }, left) : { documents: [], total: 0, more: true };
    documents.push(...answer.documents);
    total += answer.total;
    more = more || answer.more;
  }
  return { documents, total, more };
}
// How far the first documents in progress have come.
async function addProgress(documents) {
  const pending = documents.filter(({ state }) => state === "pending").slice(0, MOST_FOLLOWED);
  await Promise.all(pending.map(async (known) => {
    const answer = await call(`/documents/${known.id}/chunks?limit=1`).catch(() => ({ total: 0 }));
    if (answer.total) known.soFar = answer.total;
  }));
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
