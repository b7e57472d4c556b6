"use strict";
/* --- the address is the state: ?q=… &view=documents &mode= &flat=1 &rerank= &format= &prefix= &since= &tenant= &metadata.NAME=JSON &state= &sort= &name= &n=, or view=document &id= &chunk= --- */
function address() { return new URLSearchParams(location.search || location.hash.slice(1)); }
function put(wanted, name, value) { if (value) wanted.set(name, value); else wanted.delete(name); }
function go(change, live = false) {
  const wanted = address();
  change(wanted);
  wanted.delete("n");
  travel(tidy(wanted), live);
  follow();
}
// What only one of the views reads goes with it.
const OF_VIEW = { documents: ["state", "sort", "name"], document: ["id", "chunk"] };
function tidy(wanted) {
  for (const [view, names] of Object.entries(OF_VIEW)) if (wanted.get("view") !== view) for (const name of names) wanted.delete(name);
  return wanted;
}
function toDocument(wanted, id, chunk) {
  wanted.set("view", "document");
  wanted.set("id", id);
  put(wanted, "chunk", chunk === undefined ? "" : String(chunk));
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
    if (name === "since" && startOf(value) !== null) add(name, value, say.chip(say.since, dateOf(startOf(value))), { gte: { modified: startOf(value) } });
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
  fill("#named", wanted.get("name") || "");
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
  $("#reranking").hidden = health && !offered; // until that is known its place is kept
  $("#reranking").style.visibility = health ? "" : "hidden";
  if (offered) $("#rerank").checked = wanted.has("rerank") ? wanted.get("rerank") === "1" : offered.default;
  showChips(wanted);
}
function modeOf(wanted) { return ["dense", "keyword"].includes(wanted.get("mode")) ? wanted.get("mode") : ""; }
