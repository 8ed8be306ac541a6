// Keeps pages of orders and positions true: asks the desk what changed while somebody looks, says so when it does not
// answer, and leaves focus and scrolling where they are when a part of the page is replaced.
(() => {
  "use strict";

  const STALE_AFTER = 5000;
  const AGAIN_AFTER = 1000;
  let lastGood = Date.now();
  let scrolled = [];
  let opened = [];

  const poll = () => document.getElementById("live-poll");
  const kindOf = (element) => (element instanceof Element ? element.dataset.live : undefined);

  function clock(moment) {
    const timeZone = document.getElementById("live-stale").dataset.zone || undefined;
    return new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone }).format(moment);
  }

  function tell() {
    const banner = document.getElementById("live-stale");
    if (!banner || document.hidden) return;
    const isStale = Date.now() - lastGood > STALE_AFTER;
    if (isStale && banner.hidden) banner.querySelector("[data-live-since]").textContent = clock(lastGood);
    banner.hidden = !isStale;
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (kindOf(event.detail.elt) && document.hidden) event.preventDefault();
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    const kind = kindOf(event.detail.elt);
    if (kind === "poll" && event.detail.successful) {
      lastGood = Date.now();
      tell();
    }
    // The desk said that something changed but could not be read: what is shown is old until it can.
    if (kind === "region" && !event.detail.successful && !document.hidden) {
      setTimeout(() => document.body.dispatchEvent(new Event("orders-changed")), AGAIN_AFTER);
    }
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (kindOf(event.detail.target) !== "region") return;
    scrolled = [...event.detail.target.querySelectorAll(".table-responsive")].map((box) => box.scrollLeft);
    opened = [...event.detail.target.querySelectorAll("details")].map((part) => part.open);
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    if (kindOf(event.detail.elt) !== "region") return;
    [...event.detail.elt.querySelectorAll(".table-responsive")].forEach((box, index) => {
      if (scrolled[index]) box.scrollLeft = scrolled[index];
    });
    [...event.detail.elt.querySelectorAll("details")].forEach((part, index) => {
      if (opened[index]) part.open = true;
    });
  });

  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !poll()) return;
    // What is old is said only when the answer that is asked for now does not come.
    lastGood = Math.max(lastGood, Date.now() - STALE_AFTER + AGAIN_AFTER);
    htmx.trigger(poll(), "orders-ask");
  });

  setInterval(tell, 500);
})();
