"use strict";
/* --- the page for operators: what stands how, what failed and why, what it cost --- */
const MOST_PAGES = 20, SHOWN_KEYS = 100, LOOK_AGAIN_MS = 3000, LOOKS = 10, MOST_FOUND = 50;
let status = null, failed = [], costs = null, hits = null;
let looking = 0, looksLeft = 0;
key = recall("sessionStorage", "adminKey");

function content(section, ...elements) { $(`#${section} .content`).replaceChildren(...elements); }
function tell(text) { if ($("#news").textContent !== text) $("#news").textContent = text; }
function refuse(error) {
  const isKey = error.status === 401 || error.status === 403;
  if (isKey) { $("#access").hidden = false; $("#key").focus(); }
  tell(isKey ? (key ? say.keyWrong : "") : error instanceof Refused ? say.reasons[error.code] || error.message || say.busy : unreached(error).join(" "));
}
async function load() {
  try {
    status = await call("/admin/status");
    $("#access").hidden = true;
    failed = (await call("/documents?state=failed&limit=1000")).documents;
    showStatus();
    offerUploads(status.uploads);
    showFailures();
  } catch (error) {
    return refuse(error);
  }
  return true;
}
function showStatus() {
  if (!status) return;
  const names = ["indexed", "pending", "failed"];
  const tiles = names.map((name) => make("div", "", make("dt", "", say.states[name]), make("dd", name, status.documents[name].toLocaleString(say.locale))));
  content("state", make("dl", "tiles", ...tiles), ...(status.migration ? [migration(status.migration)] : []));
  $("#model").textContent = say.model(status.model);
}
// A change of the model under way: how far it is, where the status has it.
function migration({ done, total }) {
  const bar = make("progress", "");
  Object.assign(bar, { max: total, value: done });
  bar.setAttribute("aria-label", say.migration);
  return make("p", "", `${say.migration}: ${done} / ${total} `, bar);
}
function showFailures() {
  if (!status) return;
  const byCode = new Map();
  for (const known of failed) byCode.set(known.failure.code, [...(byCode.get(known.failure.code) || []), known]);
  const groups = [...byCode].sort((a, b) => b[1].length - a[1].length);
  if (!groups.length) return content("failures", make("p", "", say.noFailures));
  content("failures", ...groups.map(([code, documents]) => failure(code, documents)));
}
function failure(code, documents) {
  const retryable = documents.some((known) => known.failure.retryable);
  const top = make("div", "top", make("h3", "", `${code} · ${say.files(documents.length.toLocaleString(say.locale))}`));
  if (status.can_retry) {
    const again = button("quiet", say.retryAll, () => retry({ state: "failed", code }, again));
    again.setAttribute("aria-label", `${say.retryAll}: ${code}`);
    top.append(again);
  }
  const advice = [say.advice[code], retryable ? say.again : say.act].filter(Boolean).join(say.gap);
  const list = make("details", "", make("summary", "", say.whichDocuments), make("ul", "", ...documents.slice(0, SHOWN_KEYS).map(documentRow)));
  return make("div", "failure", top, make("p", "", advice), list);
}
async function retry(selection, pressed) {
  pressed.disabled = true;
  try {
    await call("/admin/retry", { method: "POST", body: JSON.stringify(selection) });
    tell(say.queued);
    looksLeft = LOOKS;
    lookAgain();
  } catch (error) {
    pressed.disabled = false;
    refuse(error);
  }
}
// What was queued shows within seconds; an open list is not replaced under its reader.
function lookAgain() {
  clearTimeout(looking);
  if (looksLeft <= 0) return;
  looksLeft -= 1;
  looking = setTimeout(async () => { if (document.querySelector("#failures details[open]") || await load()) lookAgain(); }, LOOK_AGAIN_MS);
}
// Each document counts on the day its record was last written, with what its present version cost.
async function countCosts() {
  const byDay = new Map();
  let after = "", counted = 0, total = 0, pages = 0;
  do {
    const answer = await call("/documents?" + new URLSearchParams({ limit: 1000, ...(after && { after }) }));
    for (const known of answer.documents) {
      const day = dayOf(new Date(known.updated * 1000));
      byDay.set(day, (byDay.get(day) || 0) + known.cost_cny);
    }
    counted += answer.documents.length;
    ({ total, next: after } = answer);
    pages += 1;
    costs = { byDay, counted, total };
    showCosts();
  } while (after && pages < MOST_PAGES);
}
function showCosts() {
  if (!costs) return;
  const part = costs.counted < costs.total ? [make("p", "where", say.shown(costs.counted.toLocaleString(say.locale), costs.total.toLocaleString(say.locale)))] : [];
  $("#sections").hidden = false; // all at once, so that nothing moves
  content("costs", ...chartOf(costs.byDay), make("p", "where", say.costWhat), ...part);
}
async function find(part) {
  const answer = await call("/documents?" + new URLSearchParams({ limit: MOST_FOUND, ...(part && { contains: part }) }));
  hits = answer;
  showHits();
}
function showHits() {
  if (!hits) return;
  const note = hits.documents.length < hits.total ? [make("p", "where", say.shown(hits.documents.length, hits.total))] : [];
  content("lookup", ...(hits.documents.length ? [make("ul", "found", ...hits.documents.map(documentRow)), ...note] : [make("p", "", say.noneHere[0])]));
}
function entitlePage() { document.title = say.operations; }
function speak() { sayAll(); entitlePage(); showStatus(); showFailures(); showCosts(); showHits(); showUploads(); }
$("#access").addEventListener("submit", (event) => {
  event.preventDefault();
  key = $("#key").value.trim();
  remember("sessionStorage", "adminKey", key);
  $("#key").value = "";
  begin();
});
$("#find").addEventListener("submit", (event) => { event.preventDefault(); find($("#part").value.trim()).catch(refuse); });
async function begin() {
  tell(say.loading);
  if (!await load()) return;
  tell("");
  await countCosts().catch(refuse);
}
speak();
$("#access").hidden = Boolean(key);
reveal();
if (key) begin(); else $("#key").focus();
