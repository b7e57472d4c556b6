"use strict";
/* --- cost by day as bars, and the same as a table --- */
const DAYS = 30, BAR = 20, CHART_HEIGHT = 120, LABEL_HEIGHT = 26;
function dayOf(moment) { return `${moment.getFullYear()}-${String(moment.getMonth() + 1).padStart(2, "0")}-${String(moment.getDate()).padStart(2, "0")}`; }
function lastDays() {
  const today = new Date();
  return Array.from({ length: DAYS }, (_, i) => dayOf(new Date(today.getFullYear(), today.getMonth(), today.getDate() - DAYS + 1 + i)));
}
function draw(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
function shownDay(day) { return new Date(day + "T00:00").toLocaleDateString(say.locale, { month: "short", day: "numeric" }); }
function chartOf(costs) {
  const days = lastDays(), most = Math.max(...days.map((day) => costs.get(day) || 0)), total = days.reduce((sum, day) => sum + (costs.get(day) || 0), 0);
  const width = DAYS * BAR, chart = draw("svg", { class: "chart", viewBox: `0 0 ${width} ${CHART_HEIGHT + LABEL_HEIGHT}`, role: "img", "aria-label": say.costOfDays(DAYS, money(total)) });
  days.forEach((day, i) => {
    const cost = costs.get(day) || 0, height = most ? Math.max(cost / most * (CHART_HEIGHT - 4), cost ? 2 : 0) : 0;
    chart.append(draw("rect", { x: i * BAR + 3, y: CHART_HEIGHT - height, width: BAR - 6, height, rx: 2 }, draw("title", {}, `${shownDay(day)}: ¥${money(cost)}`)));
    if (i % 7 === 1) chart.append(draw("text", { x: i === DAYS - 1 ? width : i * BAR + BAR / 2, y: CHART_HEIGHT + LABEL_HEIGHT - 7, "text-anchor": i === DAYS - 1 ? "end" : "middle" }, shownDay(day)));
  });
  const rows = days.filter((day) => costs.get(day)).reverse().map((day) => make("tr", "", headCell(shownDay(day), "row"), make("td", "", `¥${money(costs.get(day))}`)));
  const table = make("table", "", make("thead", "", make("tr", "", headCell(say.day, "col"), headCell(say.cost, "col"))), make("tbody", "", ...rows));
  return [make("p", "", say.costOfDays(DAYS, money(total))), chart, ...(rows.length ? [make("details", "", make("summary", "", say.asTable), table)] : [])];
}
function headCell(text, scope) { const cell = make("th", "", text); cell.scope = scope; return cell; }
