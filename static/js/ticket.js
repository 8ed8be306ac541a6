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

  // Another account shows other fields. What is typed while they are on their way is kept.
  const FIELDS = "order-fields";
  let sent = new Map();
  let typed = new Map();

  function values(part) {
    const fields = [...part.querySelectorAll("input[name]:not([type=hidden]), select[name], textarea[name]")];
    return new Map(fields.map((field) => [field.name, field.type === "checkbox" ? field.checked : field.value]));
  }

  function put(field, value) {
    if (field.type === "checkbox") field.checked = value;
    else if (!field.options || [...field.options].some((option) => option.value === value)) field.value = value;
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target?.id === FIELDS) sent = values(event.detail.target);
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target?.id !== FIELDS) return;
    typed = new Map([...values(event.detail.target)].filter(([name, value]) => sent.get(name) !== value));
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id !== FIELDS) return;
    const fields = document.getElementById(FIELDS);
    for (const [name, value] of typed) {
      const field = fields.querySelector(`[name="${name}"]`);
      if (field) put(field, value);
    }
    typed.clear();
  });

  // The preview is asked for again and again. Who listens is told what it says after typing, and by itself only what
  // can or cannot be done by now: never each new age or price.
  const verdictOf = (part) => part?.querySelector("[data-verdict]");
  const first = verdictOf(document.getElementById("order-preview"));
  let heard = { verdict: first?.dataset.verdict, text: first?.dataset.told };

  function follow(isByItself) {
    const said = verdictOf(document.getElementById("order-preview"));
    if (!said) return;
    const now = { verdict: said.dataset.verdict, text: said.dataset.told };
    const isNews = now.verdict !== heard.verdict || (!isByItself && now.text !== heard.text);
    if (isNews) document.getElementById("order-preview-told").textContent = now.text;
    heard = now;
    const send = document.querySelector("#order-confirm:not([aria-busy]) button[value=send]");
    if (send) send.disabled = "refused" in said.dataset;
  }

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id !== "order-preview") return;
    follow(event.detail.requestConfig?.elt.id === "order-preview-ask");
  });

  document.addEventListener("change", (event) => {
    if (event.target.closest?.("form[data-ticket]")) arrange();
  });
  document.addEventListener("htmx:afterSettle", arrange);
  arrange();
})();
