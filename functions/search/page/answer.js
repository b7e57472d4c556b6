"use strict";
/* --- an answer in sentences, written on request from what was found; it becomes text, never markup --- */
let answering = null;
let answered = null;
// What was answered belongs to its query: another query closes it.
function closeAnswer() {
  if (answering) answering.abort();
  answering = answered = null;
  $("#answer").hidden = true;
  offerAnswer();
}
function offerAnswer() {
  const offered = health && health.answer;
  const holds = found && found.groups.length && found.answer.answerable !== false;
  $("#write").hidden = !offered || !holds || Boolean(answering || answered);
  if (offered) $("#write").title = say.answerWhat(health.answer.model, money(health.answer.usual_cost_cny));
}
function tellAnswer(text, ...more) {
  $("#answer").hidden = false;
  $("#answer").replaceChildren(make("h2", "", say.answer), paragraph("text", text, text), ...more);
}
async function writeAnswer() {
  const { offset, group_by, top_k, ...body } = question(address(), 0, PAGE);
  const mine = answering = new AbortController();
  answered = null;
  offerAnswer();
  $("#answer").setAttribute("aria-busy", "true");
  tellAnswer(say.answerWriting);
  try {
    answered = await readAnswer(body, mine);
  } catch (error) {
    answered = mine.signal.aborted ? mine.signal.reason : error;
  }
  if (mine !== answering) return;
  answering = null;
  $("#answer").removeAttribute("aria-busy");
  showAnswer();
}
async function readAnswer(body, mine) {
  let silence = 0;
  // A long answer may take its time; silence may not.
  const heard = () => { clearTimeout(silence); silence = setTimeout(() => mine.abort(new DOMException("", "TimeoutError")), MOST_WAIT_MS); };
  heard();
  try {
    return await readEvents(body, mine, heard);
  } finally {
    clearTimeout(silence);
  }
}
async function readEvents(body, mine, heard) {
  const answer = await fetch("/answer", { method: "POST", body: JSON.stringify(body), signal: mine.signal, headers: { "content-type": "application/json", ...(key && { "x-api-key": key }) } });
  if (!answer.ok) throw new Refused(answer.status, (read(await answer.text()) || {}).error || {});
  const reader = answer.body.getReader(), decoder = new TextDecoder();
  let rest = "", written = "";
  for (;;) {
    const { done, value } = await reader.read();
    heard();
    rest += decoder.decode(value, { stream: !done });
    const events = rest.split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const name = (/^event: (.*)$/m.exec(event) || [])[1], content = read((/^data: (.*)$/m.exec(event) || [])[1]);
      if (name === "token" && content && mine === answering) tellAnswer(written += content.text);
      if (name === "answer" && content) return content;
      if (name === "error") throw new Refused(500, (content || {}).error || {});
    }
    if (done) throw new Refused(0, {});
  }
}
function showAnswer() {
  offerAnswer();
  if (!answered) return;
  const again = button("quiet", say.retry, () => writeAnswer());
  if (answered instanceof Error) {
    const refused = answered instanceof Refused;
    if (answered.status === 401) { $("#access").hidden = false; $("#key").focus(); }
    tellAnswer(say.answerFailed, paragraph("where", "", refused ? say.reasons[answered.code] || answered.message || say.strange : unreached(answered)[1]), again);
    return;
  }
  if (answered.outcome === "failed") {
    tellAnswer(say.answerFailed, ...cautions(), again);
  } else if (answered.outcome === "unanswerable") {
    tellAnswer(say.noAnswer);
  } else {
    const text = paragraph("text", answered.answer, ...withMarks(answered.answer));
    $("#answer").hidden = false;
    $("#answer").replaceChildren(make("h2", "", say.answer), text, sources(), ...cautions(), bill());
  }
}
// The text with a button for each mark that cites a hit.
function withMarks(text) {
  const cited = new Map(answered.citations.map((one) => [String(one.number), one]));
  return text.split(/(\[\d+\])/).map((part) => {
    const one = cited.get(part.slice(1, -1));
    if (!one || !part.startsWith("[")) return part;
    const mark = button("cite", String(one.number), () => jump(one));
    mark.title = [one.document.title || one.document.key, ...places(one.location)].join(", ");
    mark.setAttribute("aria-label", say.answerSource(one.number, mark.title));
    return mark;
  });
}
function sources() {
  return make("ol", "sources", ...answered.citations.map((one) => {
    const item = make("li", "", button("link", one.document.title || one.document.key, () => jump(one)), where([one.document.key, ...places(one.location)]));
    item.value = one.number;
    item.dataset.number = one.number;
    return item;
  }));
}
function cautions() {
  return answered.warnings.map((warning) => make("p", "warning", say.warnings[warning.code] || warning.message));
}
function bill() {
  const { model, usage } = answered, local = isLocal();
  return make("p", "where", make("span", "", local ? say.answerLocal : say.answerBy(model)), make("span", "", say.billed(usage.tokens, money(usage.cost_cny))));
}
// To the hit among the results; one that is not shown there opens below its source.
function jump(one) {
  const hit = answered.hits.find(({ id }) => id === one.id);
  let card = $$("#results .chunk").find((other) => other.dataset.id === one.id);
  if (!card) {
    card = chunk(hit, hit.document, answered);
    $(`#answer [data-number="${one.number}"]`).append(card);
    measure([$("#answer")]);
  }
  card.classList.remove("cited");
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "center" });
  requestAnimationFrame(() => card.classList.add("cited"));
}
