// The order ticket shows what the chosen type uses. What is hidden is not sent, and comes back as it was typed.
(() => {
  "use strict";

  function show(part, isShown) {
    part.hidden = !isShown;
    for (const field of part.querySelectorAll("input, select")) field.disabled = !isShown;
  }

  function arrange() {
    const form = document.querySelector("form[data-ticket]");
    if (!form) return;
    const type = form.querySelector("[name=type]")?.value;
    const oco = Boolean(form.querySelector("[name=is_oco]")?.checked);
    for (const part of form.querySelectorAll("[data-types], [data-not-oco]")) {
      const types = part.dataset.types?.split(" ");
      const isExits = part.tagName === "FIELDSET";
      const suits = !types || types.includes(type) || (isExits && oco);
      show(part, suits && !(oco && "notOco" in part.dataset));
    }
  }

  document.addEventListener("change", (event) => {
    if (event.target.closest?.("form[data-ticket]")) arrange();
  });
  document.addEventListener("htmx:afterSettle", arrange);
  arrange();
})();
