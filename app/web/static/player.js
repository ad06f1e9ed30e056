// The player: the line that is spoken now, and lines that lead to their moment without a new page.
"use strict";
(() => {
  const media = document.getElementById("media");
  const list = document.getElementById("lines");
  if (!media || !list) return;
  const lines = [...list.querySelectorAll("li[data-start]")];
  const starts = lines.map((line) => Number(line.dataset.start));
  const follow = document.getElementById("follow");
  let current = list.querySelector("[aria-current]");

  // The last line that has begun; lines of Webex's go back in time now and then, so all are seen.
  const lineAt = (seconds) => {
    let found = -1;
    starts.forEach((start, place) => {
      if (start <= seconds + 0.05 && (found < 0 || start >= starts[found])) found = place;
    });
    return lines[found] ?? null;
  };

  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const show = () => {
    const line = lineAt(media.currentTime);
    if (line === current) return;
    current?.removeAttribute("aria-current");
    current = line;
    if (!line) return;
    line.setAttribute("aria-current", "true");
    if (follow.checked) {
      // Only the list is scrolled: the page stays where its reader has it.
      const top = line.offsetTop - list.clientHeight / 3;
      list.scrollTo({ top, behavior: isCalm ? "auto" : "smooth" });
    }
  };

  const seek = (seconds) => {
    media.currentTime = seconds;
    show();
    media.play().catch(() => {}); // A browser may want to be touched first; the time is set anyway.
  };

  list.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.replaceState(null, "", link.href.split("#")[0]);
    seek(Number(link.closest("li").dataset.start));
  });
  for (const name of ["timeupdate", "seeking", "seeked", "loadedmetadata"]) media.addEventListener(name, show);
  document.documentElement.classList.add("scripted");
  if (current) list.scrollTop = current.offsetTop - list.clientHeight / 3;
})();
