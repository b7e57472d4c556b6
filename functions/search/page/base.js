"use strict";
const WORDS = Object.fromEntries(
  ["en", "zh"].map((name) => [name, readWords(JSON.parse(document.getElementById("words-" + name).textContent))]));
// A text with {1} becomes a function of its arguments; of a text with forms the first argument chooses none, one or other.
function readWords(words) {
  const fill = (text, values) => text.replace(/\{(\d)\}/g, (_, place) => values[place - 1]);
  const choose = (forms, count) => (count === 0 && forms.none) || (Number(count) === 1 && forms.one) || forms.other;
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
const RETRY_MS = 15000, MOST_RETRY_MS = 240000;
// A function that starts may take 30 s for that and 30 s for the request; the page tells that it is slow before.
const MOST_WAIT_MS = 65000, SLOW_MS = 8000;
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
const PANELS = ["results", "documents", "reader"];
let redraw = Object.fromEntries(PANELS.map((panel) => [panel, () => {}]));
let health = null;
const again = {}, slow = {};
let pause = 0;
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
// A link to another state of the page: it opens in a new tab as links do, and here without loading the page again.
function linkTo(className, text, change) {
  const element = make("a", className, text), wanted = address();
  change(wanted);
  element.href = "?" + tidy(wanted);
  element.onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(change);
  };
  return element;
}
function inside(panel, selector) { return $(`#${panel} ${selector}`); }
function announce(panel, status) {
  const place = inside(panel, ".status");
  if (place.textContent !== status) place.textContent = status;
}
function show(panel, status, ...content) {
  clearTimeout(again[panel]);
  clearTimeout(slow[panel]);
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
  if (list.querySelector(".card:not(.bone)")) list.classList.add("stale");
  else show(panel, say.loading, ...[1, 2, 3].map(() => make("div", "card bone")));
  $("#" + panel).setAttribute("aria-busy", "true");
  clearTimeout(slow[panel]);
  slow[panel] = setTimeout(() => announce(panel, say.slow), SLOW_MS);
}

function dateOf(seconds, more = {}) { return seconds ? new Date(seconds * 1000).toLocaleString(say.locale, { dateStyle: "medium", ...more }) : ""; }
function money(cost) { return cost ? Number(cost.toPrecision(2)).toLocaleString(say.locale, { maximumFractionDigits: 9 }) : "0"; }

/* --- the server --- */
class Refused extends Error {
  constructor(status, error) { super(error.message || ""); Object.assign(this, { status, code: error.code || "", requestId: error.request_id || "" }); }
}
// A server that does not answer ends like one out of reach: with a TimeoutError, which `unreached` words.
// By hand: browsers of 2023 lack `AbortSignal.any`.
function bounded(signal) {
  const control = new AbortController(), follow = () => control.abort(signal.reason);
  setTimeout(() => control.abort(new DOMException("", "TimeoutError")), MOST_WAIT_MS);
  if (signal && signal.aborted) follow(); else if (signal) signal.addEventListener("abort", follow, { once: true });
  return control.signal;
}
function unreached(error) { return error.name === "TimeoutError" ? say.timedOut : say.offline; }
async function call(path, options = {}) {
  const signal = bounded(options.signal), headers = { ...(options.body && { "content-type": "application/json" }), ...(key && { "x-api-key": key }) };
  const answer = await fetch(path, { ...options, signal, headers });
  const text = await answer.text().catch((error) => { throw signal.aborted ? signal.reason : error; });
  let content = null;
  try { content = JSON.parse(text); } catch { /* a proxy's page, not ours */ }
  if (!answer.ok || content === null) throw new Refused(answer.ok ? 0 : answer.status, (content && content.error) || {});
  return content;
}
// Failures of the embedding model, without which words can still be searched.
const WITHOUT_MODEL = new Set(["embedding_unavailable", "embedding_throttled", "quota_exhausted", "cost_cap_reached"]);
function wordsOnly() { return button("quiet", say.wordsOnly, () => go((wanted) => wanted.set("mode", "keyword"))); }
// What fails for a moment is tried again by itself, each time later.
function tryAgainLater(panel, retry) {
  pause = Math.min(pause ? pause * 2 : RETRY_MS, MOST_RETRY_MS);
  clearTimeout(again[panel]);
  again[panel] = setTimeout(() => { if (!$("#" + panel).hidden) retry(); }, pause);
}
function explain(panel, error, title, retry) {
  const refused = error instanceof Refused;
  if (error.status === 401) {
    $("#access").hidden = false;
    $("#key").focus();
    return show(panel, "", key ? message([title, say.keyWrong]) : "");
  }
  const reason = !refused ? unreached(error)[1] : say.reasons[error.code] || error.message || (error.status >= 500 || error.status === 429 ? say.busy : say.strange);
  const id = make("small", "", refused ? [error.code, error.requestId].filter(Boolean).join(" · ") : "");
  const passes = !refused || error.status >= 502 || error.status === 429;
  const box = message([refused ? title : unreached(error)[0], reason], ...(passes ? [" ", say.byItself] : []), id, button("quiet", say.retry, retry));
  if (panel === "results" && WITHOUT_MODEL.has(error.code) && modeOf(address()) !== "keyword") box.append(wordsOnly());
  box.className = "message error";
  box.setAttribute("role", "alert");
  show(panel, "", box);
  if (passes) tryAgainLater(panel, retry);
}

