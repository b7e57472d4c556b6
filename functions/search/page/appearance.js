"use strict";
/* --- language and appearance, the same on each page; `speak` of a page shows its own texts again --- */
function sayAll() {
  say = WORDS[language] || WORDS.en;
  document.documentElement.lang = say.locale;
  for (const element of $$("[data-say]")) element.textContent = say[element.dataset.say];
  for (const element of $$("[data-label]")) element.setAttribute("aria-label", say[element.dataset.label]);
  for (const element of $$("[data-hint]")) element.placeholder = say[element.dataset.hint];
  for (const element of $$("[data-title]")) element.title = say[element.dataset.title];
  $("#language").textContent = say.other;
  $("#language").lang = language === "zh" ? "en" : "zh-CN";
  showTheme();
}
// Until its texts are there the page is not shown, so that they move nothing.
function reveal() { $(".wrap").hidden = false; }
function showTheme() {
  document.documentElement.dataset.theme = theme;
  const name = say.themes[theme || "auto"];
  $("#theme").textContent = "◐ " + name;
  $("#theme").setAttribute("aria-label", say.themeIs(name));
  $("#theme").title = say.themeIs(name);
}
$("#language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  remember("localStorage", "language", language);
  speak();
});
$("#theme").addEventListener("click", () => {
  theme = { "": "light", light: "dark", dark: "" }[theme] ?? "";
  remember("localStorage", "theme", theme);
  showTheme();
});
