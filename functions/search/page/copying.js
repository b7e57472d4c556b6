"use strict";
/* --- what can be taken along: the text of a chunk, a link to it, and a citation --- */
const COPIED_MS = 2000;
// A browser gives its clipboard only to pages over HTTPS or of this machine; elsewhere the older way remains.
async function copy(text) {
  try { await navigator.clipboard.writeText(text); return true; } catch { /* the older way */ }
  const area = make("textarea", "unseen");
  area.value = text;
  area.setAttribute("aria-hidden", "true");
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (focused) focused.focus();
  return done;
}
function linkOf(about, part) {
  const wanted = new URLSearchParams({ view: "document", id: about.id, chunk: part.location.ordinal });
  return `${location.origin}${location.pathname}?${wanted}`;
}
function citationOf(about, part) {
  const where = [about.title || about.key, ...places(part.location), about.title ? about.key : ""].filter(Boolean).join(", ");
  return say.citation(part.text.trim(), where, linkOf(about, part));
}
function copyMenu(about, part) {
  const outcome = make("span", "copied");
  outcome.setAttribute("role", "status");
  const item = (name, text) => button("link", name, async () => {
    outcome.textContent = await copy(text()) ? say.copied : say.copyFailed;
    setTimeout(() => { outcome.textContent = ""; }, COPIED_MS);
  });
  const items = make("span", "copies",
    item(say.copyText, () => part.text), item(say.copyLink, () => linkOf(about, part)), item(say.copyCitation, () => citationOf(about, part)));
  return make("details", "copy", make("summary", "link", say.copy), items, outcome);
}
