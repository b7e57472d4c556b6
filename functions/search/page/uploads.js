"use strict";
/* --- uploads: from the browser straight to the bucket, then the document's state until it is indexed or failed --- */
const AT_ONCE = 2, MOST_FILES = 500, FOLLOW_MS = 2000, FOLLOWED_AT_ONCE = 10, FOLLOW_LOOKS = 450;
const UPLOADING = ["waiting", "signing", "sending"], ENDED = ["indexed", "failed", "uploaded", "stopped", "unknown"];
const SIDECAR = ".metadata.json";
let sent = [], following = 0;

function offerUploads(limits) {
  $("#uploads").hidden = !limits;
  if (limits && !$("#folder").value) $("#folder").value = limits.prefix;
}
function addFiles(files, note = "") {
  const chosen = [...files].slice(0, MOST_FILES), folder = $("#folder").value.trim();
  const base = folder && !folder.endsWith("/") && folder !== status.uploads.prefix ? folder + "/" : folder;
  sent = [...chosen.map((file) => ({ file, key: base + file.name, state: "waiting", looks: 0, part: 0 })), ...sent.filter(({ state }) => !ENDED.includes(state))];
  showUploads(files.length > MOST_FILES ? say.mostFiles(MOST_FILES) : note);
  sendNext();
}
function change(one, state, more = {}) {
  Object.assign(one, { state, ...more });
  showUpload(one);
  showSummary();
}
function sendNext() {
  const busy = sent.filter(({ state }) => state === "signing" || state === "sending").length;
  for (const one of sent.filter(({ state }) => state === "waiting").slice(0, AT_ONCE - busy)) send(one);
}
async function send(one) {
  const attempt = one.attempt = {};
  change(one, "signing", { text: "" });
  try {
    const signed = await call("/admin/uploads", { method: "POST", body: JSON.stringify({ key: one.key, size: one.file.size, overwrite: Boolean(one.overwrite) }) });
    if (one.state === "stopped" || one.attempt !== attempt) return; // while it was signed
    change(one, "sending", { part: 0, id: signed.document_id, signed: signed.signed });
    await put(one, signed);
    if (one.key.endsWith(SIDECAR)) change(one, "uploaded");
    else { change(one, "following"); followLater(); }
  } catch (error) {
    if (one.state !== "stopped" && one.attempt === attempt) change(one, error.code === "document_exists" ? "exists" : "failed", { text: () => reasonOf(error) });
    if (error.status === 401 || error.status === 403) refuse(error);
  }
  sendNext();
}
function reasonOf(error) {
  return error instanceof Refused ? [say.reasons[error.code] || error.message || say.busy, error.requestId].filter(Boolean).join(" · ") : say.offline.join(" ");
}
// A browser tells how far a request has come to XMLHttpRequest only.
function put(one, signed) {
  return new Promise((done, fail) => {
    const request = one.request = new XMLHttpRequest();
    request.open("PUT", signed.url);
    for (const [name, value] of Object.entries(signed.headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => { one.part = total ? loaded / total : 1; showPart(one); };
    request.onload = () => {
      one.etag = bareEtag(request.getResponseHeader("ETag"));
      if (request.status < 300) return done();
      const code = (/<Code>(\w+)<\/Code>/.exec(request.responseText.slice(0, 4000)) || [])[1] || String(request.status);
      fail(new Refused(0, code === "FileAlreadyExists" ? { code: "document_exists" } : { code: "bucket_refused", message: code, request_id: code }));
    };
    // Browsers do not tell why: the network, or a rule of CORS that is missing.
    request.onerror = () => fail(new Refused(0, { code: "bucket_unreachable", request_id: location.origin }));
    request.onabort = () => fail(new Refused(0, {}));
    request.send(one.file);
  });
}
function bareEtag(etag) { return (etag || "").replaceAll('"', "").toLowerCase(); }
function stopUpload(one) {
  change(one, "stopped");
  if (one.request) one.request.abort();
  sendNext();
}
function sendAgain(one, more) { change(one, "waiting", more); sendNext(); }

function followLater() { clearTimeout(following); following = setTimeout(follow, FOLLOW_MS); }
async function follow() {
  const waiting = sent.filter(({ state }) => state === "following").sort((a, b) => a.looks - b.looks).slice(0, FOLLOWED_AT_ONCE);
  await Promise.all(waiting.map(look));
  if (sent.some(({ state }) => state === "following")) followLater(); else load();
}
async function look(one) {
  one.looks += 1;
  try {
    const known = await call("/documents/" + one.id);
    // Until its event has arrived, the record is that of the version that was replaced.
    const isThis = one.etag ? known.etag.toLowerCase() === one.etag : known.updated >= one.signed;
    if (isThis && (known.state === "indexed" || (known.state === "failed" && !known.failure.retryable))) return change(one, known.state, { known });
    change(one, "following", { known: isThis ? known : null });
  } catch (error) {
    if (error.status === 401 || error.status === 403) return change(one, "unknown");
  }
  if (one.looks >= FOLLOW_LOOKS) change(one, "unknown");
}

function showUploads(note) {
  content("uploads", make("ul", "found", ...sent.map((one) => { one.row = make("li", "upload"); showUpload(one); return one.row; })));
  showSummary(note);
}
function showSummary(note = "") {
  const counted = (names) => sent.filter(({ state }) => names.includes(state)).length;
  const text = sent.length ? say.uploadSummary(...[sent.length, counted(["indexed", "uploaded"]), counted(["failed"])].map((count) => count.toLocaleString(say.locale))) : "";
  const place = $("#uploads .status"), whole = [text, note].filter(Boolean).join(" ");
  if (place.textContent !== whole) place.textContent = whole;
}
function showPart(one) { const bar = one.row.querySelector("progress"); if (bar) bar.value = one.part; }
function showUpload(one) {
  const { state, known, text } = one, name = make("bdi", "", one.key), children = [make("b", "", name)];
  const act = (label, action) => { const pressed = button("quiet", label, action); pressed.setAttribute("aria-label", `${label}: ${one.key}`); children.push(pressed); };
  if (state === "sending") {
    const bar = make("progress");
    bar.value = one.part;
    bar.setAttribute("aria-label", one.key);
    children.push(bar);
  } else {
    const shown = state === "following" && known ? say.states[known.state] : say.uploadStates[state];
    children.push(make("span", "state " + ({ following: "pending", exists: "pending" }[state] || state), shown));
  }
  if (UPLOADING.includes(state)) act(say.stop, () => stopUpload(one));
  if (state === "exists") { act(say.replace, () => sendAgain(one, { overwrite: true })); act(say.skip, () => stopUpload(one)); }
  if ((state === "failed" && !known) || state === "stopped") act(say.retry, () => sendAgain(one, { known: null, looks: 0 }));
  if (text) children.push(make("p", state === "failed" ? "failed" : "", text()));
  else if (known && known.failure) children.push(make("p", "failed", [known.failure.code, known.failure.message, say.advice[known.failure.code]].filter(Boolean).join(" · ")));
  else if (known && known.state === "indexed") {
    const link = make("a", "", say.readOn);
    link.href = "/?" + new URLSearchParams({ view: "document", id: known.id });
    children.push(make("p", "", say.chunks(known.chunks), " · ", link));
  }
  const focused = one.row.contains(document.activeElement);
  one.row.replaceChildren(...children);
  if (focused) { one.row.tabIndex = -1; (one.row.querySelector("button, a") || one.row).focus({ preventScroll: true }); }
}

/* --- where files come from --- */
$("#files").addEventListener("change", (event) => { addFiles(event.target.files); event.target.value = ""; });
function carriesFiles(event) { return status && status.uploads && [...event.dataTransfer.types].includes("Files"); }
for (const name of ["dragover", "dragleave", "drop"]) document.addEventListener(name, (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault(); // a browser would open the file in place of the page
  $(".drop").classList.toggle("over", name === "dragover");
  if (name !== "drop") return;
  const items = [...event.dataTransfer.items].filter(({ kind }) => kind === "file");
  const isFolder = (item) => { const entry = item.webkitGetAsEntry && item.webkitGetAsEntry(); return Boolean(entry && entry.isDirectory); };
  const files = items.filter((item) => !isFolder(item)).map((item) => item.getAsFile()).filter(Boolean);
  addFiles(files, files.length < items.length ? say.noFolders : "");
});
window.addEventListener("beforeunload", (event) => { if (sent.some(({ state }) => UPLOADING.includes(state))) event.preventDefault(); });
