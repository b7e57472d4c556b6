"use strict";
/* --- chunks --- */
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
function heading(about, first) {
  const text = about.title || about.key, title = titled("");
  if (CHINESE.test(text)) title.lang = "zh-CN";
  title.title = text;
  title.append(linkTo("", text, (wanted) => toDocument(wanted, about.id, first.location.ordinal)));
  return make("div", "top", title);
}
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
  const read = linkTo("link read", say.readOn, (wanted) => toDocument(wanted, about.id, hit.location.ordinal));
  card.append(make("div", "actions", more, ...neighbours(hit, about, text, () => { more.hidden = false; unclamp(true); }), read, ...openFile(about, hit.location.page), copyMenu(about, hit)));
  return card;
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
      trouble.textContent = `${say.aroundFailed} ${error instanceof Refused ? say.reasons[error.code] || error.message : unreached(error)[1]}`;
    }
    open.disabled = false;
  });
  const hide = button("link hide", say.aroundLess, close);
  hide.hidden = true;
  return [open, hide, trouble];
}
function groupCard({ document: about, hits }, answer) {
  return make("section", "card", heading(about, hits[0]), source(about), tags(about.metadata), ...hits.map((hit) => chunk(hit, about, answer)));
}
// Only what is cut off can be shown whole; how much fits is known once it is laid out. Cards below the window are not laid
// out until they come near it, so they are measured then.
const nearby = new IntersectionObserver((entries) => {
  const near = entries.filter(({ isIntersecting }) => isIntersecting).map(({ target }) => target);
  for (const card of near) nearby.unobserve(card);
  measure(near);
}, { rootMargin: "300px" });
function measureLater() {
  nearby.disconnect();
  for (const card of $$("#results .card:not(.bone)")) {
    for (const table of card.querySelectorAll(".table")) table.tabIndex = 0; // unless it turns out to be narrow enough
    nearby.observe(card);
  }
}
// Everything is read before anything changes, so that the page is laid out once.
function measure(cards) {
  const known = [];
  for (const text of cards.flatMap((card) => [...card.querySelectorAll(".chunk .clamped")])) {
    if (text.clientHeight) known.push([text.closest(".chunk"), !text.querySelector(".lead, .far") && text.scrollHeight <= text.clientHeight + 1]);
  }
  letScroll(cards);
  for (const [card, fits] of known) card.querySelector(".more").hidden = fits;
}
