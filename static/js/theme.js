// Light, dark or as the system says. The server writes the choice into <html data-bs-theme> from the cookie, so a page
// never flashes in the other theme; without JavaScript the desk follows the system.
(() => {
  "use strict";

  const root = document.documentElement;
  const order = ["auto", "light", "dark"];
  const words = { auto: "Auto", light: "Light", dark: "Dark" };

  function announce() {
    document.dispatchEvent(new CustomEvent("desk:theme"));
  }

  function show() {
    const chosen = root.dataset.bsTheme;
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      button.hidden = false;
      button.querySelector("[data-theme-label]").textContent = words[chosen];
      button.setAttribute("aria-label", `Theme: ${words[chosen]}. Change it`);
    }
  }

  function choose(name) {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    root.dataset.bsTheme = name;
    document.cookie = `theme=${name}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
    show();
    announce();
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-theme-toggle]")) {
      choose(order[(order.indexOf(root.dataset.bsTheme) + 1) % order.length]);
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", announce);
  show();
})();
