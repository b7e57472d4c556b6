"use strict";
/* --- the document itself: links to it expire, so each is asked for when it is wanted --- */
function openFile(about, page) {
  const trouble = make("span", "trouble");
  trouble.setAttribute("role", "alert");
  const open = button("link file", say.openFile, async () => {
    trouble.textContent = "";
    // Opened at once, while the browser still knows that a person asked for it.
    const tab = window.open("", "_blank");
    if (tab) tab.opener = null;
    try {
      const { url } = await call(`/documents/${encodeURIComponent(about.id)}/source${page ? `?page=${page}` : ""}`);
      (tab || window).location.replace(url);
    } catch (error) {
      if (tab) tab.close();
      trouble.textContent = error instanceof Refused ? say.reasons[error.code] || error.message : unreached(error)[1];
    }
  });
  open.title = say.openFileWhat;
  return [open, trouble];
}
// Known a moment after the first results may stand there.
function offerFiles() { document.body.classList.toggle("offers-files", Boolean(health && health.sources)); }
