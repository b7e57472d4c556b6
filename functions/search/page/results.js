"use strict";
/* --- a search, and what it found --- */
function status({ groups, answer }) {
  const hits = groups.reduce((sum, group) => sum + group.hits.length, 0);
  const count = say.resultCount(hits), milliseconds = Math.ceil((answer.milliseconds || {}).total || 0);
  const from = found.flat ? say.found(count, milliseconds) : say.foundFrom(count, milliseconds, say.files(groups.length));
  const parts = [from, say.by[answer.mode]];
  if (answer.reranked) parts.push(say.reranked);
  return parts.filter(Boolean).join(" · ");
}
function showFound() {
  const { groups, answer, flat, more } = found;
  keepRecent((address().get("q") || "").trim());
  if (!groups.length) return show("results", "", message(filters(address()).length ? say.nothingHere : say.nothing));
  const warnings = answer.warnings.map((warning) => make("p", "warning", say.warnings[warning.code] || warning.message));
  const lacksModel = answer.warnings.some(({ code }) => WITHOUT_MODEL.has(code));
  if (lacksModel) warnings[0].append(" ", button("link", say.retry, () => search(address())));
  if (answer.did_you_mean) warnings.unshift(paragraph("warning meant", answer.did_you_mean, say.meant(answer.did_you_mean)));
  if (answer.answerable === false) warnings.unshift(make("p", "warning no-answer", say.noAnswer));
  show("results", status(found), ...warnings, ...groups.map((group) => groupCard(group, answer)), ...(more ? [nextButton()] : []));
  $("#results .status").title = answer.usage ? say.billed(answer.usage.tokens, money(answer.usage.cost_cny)) : "";
  $("#grouping").hidden = false;
  $("#grouping").textContent = flat ? say.grouped : say.flat;
  offerAnswer();
  measureLater();
  if (lacksModel) tryAgainLater("results", searchIfUnread); else pause = 0;
}
// Results that someone reads are not replaced.
function searchIfUnread() {
  if (!$("#results :is(.around, [aria-expanded=true], [open], :focus)")) search(address());
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
    measureLater();
    if (focused && cards.length) cards[0].querySelector(".chunk").focus();
    put(wanted, "n", String(found.groups.length));
    travel(wanted, false, true);
  } catch (error) {
    if (found === before) explain("results", error, say.failed, () => search(address()));
  }
}
