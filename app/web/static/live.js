// A part of a page that is brought up to date is made anew: who stood on something of it stays there.
"use strict";
(() => {
  const nameOf = (element) => [element.tagName, element.href, element.form?.action, element.textContent].join(" ");
  let stoodOn = null;

  document.addEventListener("htmx:beforeSwap", () => {
    const element = document.activeElement;
    stoodOn = element.closest("#content a, #content button") && nameOf(element);
  });
  document.addEventListener("htmx:afterSwap", () => {
    if (!stoodOn || document.activeElement !== document.body) return;
    const elements = [...document.querySelectorAll("#content a, #content button")];
    elements.find((element) => nameOf(element) === stoodOn)?.focus({ preventScroll: true });
  });
})();
