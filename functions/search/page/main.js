"use strict";
/* --- what the address says is shown --- */
function entitle(query) { document.title = (query ? query + " – " : "") + say.name; }
function follow(again = false) {
  const wanted = address();
  const query = (wanted.get("q") || "").trim();
  const view = wanted.get("view") === "documents" ? "documents" : wanted.get("view") === "document" && wanted.get("id") ? "reader" : "results";
  const tab = view === "reader" ? (query ? "results" : "documents") : view;
  $("#reader").hidden = view !== "reader";
  for (const name of ["results", "documents"]) {
    const selected = name === tab;
    $("#" + name).hidden = name !== view;
    $("#tab-" + name).setAttribute("aria-selected", String(selected));
    $("#tab-" + name).tabIndex = selected ? 0 : -1;
  }
  entitle(query);
  clearTimeout(typing);
  clearTimeout(watching);
  fillFields(wanted);
  showControls(wanted);
  if (view === "documents") { listing = 0; loadDocuments(); } else { lists += 1; measureLater(); }
  if (view === "reader") openDocument(address()); else closeDocument();
  for (const name of ["view", "n", ...Object.values(OF_VIEW).flat()]) wanted.delete(name);
  wanted.sort();
  if (view === "results" && !query && !overview && redraw.results === welcome) welcome();
  if (String(wanted) === asked && !again) return;
  asked = String(wanted);
  if (query) { search(address()); return; }
  if (asking) asking.abort();
  asking = null;
  closeAnswer();
  (redraw.results = welcome)();
}

/* --- language, and the line about the model --- */
function speak() {
  sayAll();
  $(".keys").replaceChildren(...say.keys.map(([name, meaning]) => make("span", "key", make("kbd", "", name), " " + meaning)));
  entitle((address().get("q") || "").trim());
  showModel();
  showStates(null, address().get("state") || "");
  showControls(address());
  showSorts(address());
  for (const panel of PANELS) redraw[panel]();
  showAnswer();
}
function showModel() {
  const about = health && health.embedding ? health.embedding : health;
  if (!about || !about.model) return;
  const local = isLocal();
  $("#model").textContent = (local ? say.localModel : say.model)(about.model);
  showLocalModel(local && !recall("localStorage", "localModel") ? say.localNotice : "");
}
function isLocal() {
  const about = health && (health.embedding || health);
  return Boolean(about && /127\.0\.0\.1|localhost|\[::1\]/.test(about.address || ""));
}
// It lies over the page, so that nothing moves; once it was closed it does not come again.
function showLocalModel(text) {
  $("#local-model").hidden = !text;
  $("#local-model").replaceChildren(...(text ? [make("p", "", text), button("quiet", say.understood, () => { remember("localStorage", "localModel", "1"); showLocalModel(""); })] : []));
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
  if (query) wanted.delete("view");
}
live($("#query"), meant, askable);
live($("#prefix"), (wanted, value) => put(wanted, "prefix", value));
live($("#named"), (wanted, value) => put(wanted, "name", value));
live($("#under"), (wanted, value) => put(wanted, "prefix", value));
$("#ask").addEventListener("submit", (event) => {
  event.preventDefault();
  if (composing) return;
  const query = $("#query").value.trim();
  const answered = query === (address().get("q") || "").trim() && !(history.state && history.state.live);
  go((wanted) => { meant(wanted, query); wanted.delete("view"); });
  if (query && answered && !asking) search(address());
});
$("#access").addEventListener("submit", (event) => {
  event.preventDefault();
  key = $("#key").value.trim();
  remember("sessionStorage", "key", key);
  $("#key").value = "";
  $("#access").hidden = true;
  redraw.documents = redraw.reader = () => {};
  overview = null;
  follow(true);
  $("#query").focus();
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
$("#sort").addEventListener("change", (event) => go((wanted) => put(wanted, "sort", event.target.value)));
function unfold(open) {
  $("#fields").hidden = !open;
  $("#results").classList.toggle("open", open); // on a phone the ways to search are shown with the filters
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
  } else if (event.key === "o" && onChunk) {
    event.target.querySelector(".read").click();
  } else if (event.key === "Escape") {
    close(event);
  }
});
// What is open closes; then back to the box; then the box is emptied.
function close(event) {
  const card = event.target.closest(".chunk");
  const open = card && [card.querySelector(".hide:not([hidden])"), card.querySelector(".more[aria-expanded=true]")].find(Boolean);
  const menu = event.target.closest("details[open]");
  event.preventDefault();
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  } else if (open) {
    open.click();
    card.focus();
  } else if (!$("#reader").hidden && event.target !== $("#query")) {
    $("#reader .back").click();
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
// After a reload the browser scrolls before the results are there: it is done again once they are, unless a hand was faster.
window.addEventListener("pagehide", () => remember("sessionStorage", "place", JSON.stringify({ address: location.href, top: window.scrollY })));
function returnToPlace() {
  const kept = read(recall("sessionStorage", "place")), [visit] = performance.getEntriesByType("navigation");
  if (!kept || !kept.top || kept.address !== location.href || !visit || visit.type !== "reload") return;
  const watcher = new ResizeObserver(() => {
    if (document.documentElement.scrollHeight - window.innerHeight < kept.top) return;
    watcher.disconnect();
    window.scrollTo(0, kept.top);
  });
  watcher.observe(document.body);
  for (const hand of ["wheel", "touchstart", "keydown", "pointerdown"]) window.addEventListener(hand, () => watcher.disconnect(), { once: true, passive: true });
}
window.addEventListener("resize", measureLater);

speak();
reveal();
follow();
returnToPlace();
if (document.activeElement === document.body) $("#query").focus({ preventScroll: true });
call("/healthz").then((answer) => { health = answer; showModel(); showControls(address()); offerAnswer(); offerFiles(); }, () => { /* the line stays empty */ });
