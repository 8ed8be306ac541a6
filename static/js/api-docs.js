// The API's docs: Swagger UI over this desk's own schema. Nothing is sent to another host, and a token typed here is
// forgotten with the page.
(() => {
  "use strict";

  const root = document.documentElement;
  const place = document.getElementById("api-docs");
  const system = matchMedia("(prefers-color-scheme: dark)");

  function paint() {
    const chosen = root.dataset.bsTheme;
    root.classList.toggle("dark-mode", chosen === "dark" || (chosen === "auto" && system.matches));
  }

  system.addEventListener("change", paint);
  paint();

  SwaggerUIBundle({
    url: place.dataset.schema,
    domNode: place,
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    // The library would send the schema's address to a checker on the internet.
    validatorUrl: null,
    persistAuthorization: false,
    deepLinking: true,
    displayRequestDuration: true,
    docExpansion: "none",
    filter: true,
    tryItOutEnabled: false,
    requestInterceptor(request) {
      // A signed-in browser is asked for the token of its own pages; a program's token needs none.
      if (!["GET", "HEAD", undefined].includes(request.method) && !request.headers.Authorization) {
        request.headers["X-CSRFToken"] = place.dataset.csrf;
      }
      return request;
    },
  });
})();
