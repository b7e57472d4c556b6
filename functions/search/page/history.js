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
// How the last attempts ended, oldest first: asked for when it is opened, since lists leave it out.
function attemptsList(known) {
  const details = make("details", "history", make("summary", "", say.history));
  details.addEventListener("toggle", async () => {
    if (!details.open || details.children.length > 1) return;
    const place = make("p", "", say.loading);
    details.append(place);
    try {
      const { history } = await call(`/documents/${known.id}`);
      place.replaceWith(history && history.length ? make("ol", "", ...history.map(historyItem)) : make("p", "", say.noHistory));
    } catch (error) {
      place.remove();
      details.open = false;
      refuse(error);
    }
  });
  return details;
}
function historyItem({ time, event, code, chunks, tokens, cost_cny: cost, request_id: request, count }) {
  const facts = [
    dateOf(time, { timeStyle: "medium" }),
    say.events[event] || event,
    chunks ? say.chunks(chunks.toLocaleString(say.locale)) : "",
    tokens || cost ? say.billed(tokens.toLocaleString(say.locale), money(cost)) : "",
    count > 1 ? say.attempts(count.toLocaleString(say.locale)) : "",
    code, request,
  ];
  const advice = code && say.advice[code] ? [make("p", "", say.advice[code])] : [];
  return make("li", "", facts.filter(Boolean).join(" · "), ...advice);
}
function documentRow(known) {
  const link = make("a", "", say.readOn), again = button("quiet", say.retryOne, () => retry({ id: known.id, ...(known.state === "indexed" && { reread: true }) }, again));
  link.href = "/?" + new URLSearchParams({ view: "document", id: known.id });
  again.setAttribute("aria-label", `${say.retryOne}: ${known.key}`);
  const details = make("details", "", make("summary", "", known.key));
  details.addEventListener("toggle", () => { if (details.open && details.children.length === 1) details.append(historyOf(known), attemptsList(known), ...(known.chunks ? [link, " "] : []), again); });
  return make("li", "", details);
}
