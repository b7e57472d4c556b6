"use strict";
/* --- what is known about one document --- */
function historyOf(known) {
  const facts = [
    [say.stateOf, say.states[known.state] || known.state],
    [say.uploaded, dateOf(known.modified, { timeStyle: "short" })],
    [say.written, dateOf(known.updated, { timeStyle: "short" })],
    [say.versions, known.generation.toLocaleString(say.locale)],
    [say.attemptsOf, known.attempts.toLocaleString(say.locale)],
    [say.chunksOf, known.chunks.toLocaleString(say.locale)],
    [say.cost, known.tokens ? say.billed(known.tokens.toLocaleString(say.locale), money(known.cost_cny)) : ""],
    ["OCR", known.ocr_pages ? say.ocr(known.ocr_pages.toLocaleString(say.locale), money(known.ocr_cost_cny)) : ""],
    [say.format, say.formats[known.format] || known.format],
    [say.tenant, known.tenant],
    [say.modelOf, known.model],
    ["ETag", known.etag],
    ["ID", known.id],
    [say.left, known.warnings.join(say.gap)],
  ].filter(([, value]) => value);
  if (known.failure) {
    const { stage, code, message: text, request_id: request } = known.failure;
    facts.push([say.failureOf, [say.stages[stage] || stage, code, text, request].filter(Boolean).join(" · ")]);
  }
  return make("dl", "facts", ...facts.flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)]));
}
function documentRow(known) {
  const link = make("a", "", say.readOn), again = button("quiet", say.retryOne, () => retry({ id: known.id, ...(known.state === "indexed" && { reread: true }) }, again));
  link.href = "/?" + new URLSearchParams({ view: "document", id: known.id });
  again.setAttribute("aria-label", `${say.retryOne}: ${known.key}`);
  const details = make("details", "", make("summary", "", known.key));
  details.addEventListener("toggle", () => { if (details.open && details.children.length === 1) details.append(historyOf(known), ...(known.chunks ? [link, " "] : []), again); });
  return make("li", "", details);
}
