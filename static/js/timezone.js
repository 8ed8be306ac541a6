// Proposes the browser's time zone at sign-up; whatever the visitor chose before stays.
(() => {
  "use strict";

  const field = document.querySelector("select[data-guess-timezone]");
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!field || !zone || document.querySelector(".is-invalid, .desk-errors")) return;
  if ([...field.options].some((option) => option.value === zone)) field.value = zone;
})();
