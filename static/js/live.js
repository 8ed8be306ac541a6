// Keeps pages of orders and positions true: asks the desk what changed while somebody looks, says so when it does not
// answer, and leaves focus and scrolling where they are when a part of the page is replaced.
(() => {
  "use strict";

  // So long without an answer, what is shown may be old: changes are asked for more often than a preview.
  const STALE_AFTER = { poll: 5000, preview: 13000 };
  const AGAIN_AFTER = 1000;
  const opened = Date.now();
  const lastGood = { poll: opened, preview: opened };
  const kept = new Map();

  const poll = () => document.getElementById("live-poll");
  const kindOf = (element) => (element instanceof Element ? element.dataset.live : undefined);

  function clock(moment) {
    const timeZone = document.getElementById("live-stale").dataset.zone || undefined;
    return new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone }).format(moment);
  }

  /** The moment from which on what is shown may be old; null while all is well. */
  function staleSince() {
    const old = Object.keys(STALE_AFTER)
      .filter((kind) => document.querySelector(`[data-live="${kind}"]`))
      .map((kind) => [lastGood[kind], STALE_AFTER[kind]])
      .filter(([last, patience]) => Date.now() - last > patience)
      .map(([last]) => last);
    return old.length ? Math.min(...old) : null;
  }

  function tell() {
    const banner = document.getElementById("live-stale");
    if (!banner || document.hidden) return;
    const since = staleSince();
    if (since !== null && banner.hidden) banner.querySelector("[data-live-since]").textContent = clock(since);
    banner.hidden = since === null;
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (kindOf(event.detail.elt) && document.hidden) event.preventDefault();
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    const kind = kindOf(event.detail.elt);
    if (kind in lastGood && event.detail.successful) {
      lastGood[kind] = Date.now();
      tell();
    }
    // The desk said that something changed but could not be read: what is shown is old until it can.
    if (kind === "region" && !event.detail.successful && !document.hidden) {
      setTimeout(() => document.body.dispatchEvent(new Event("orders-changed")), AGAIN_AFTER);
    }
  });

  // --- What is replaced looks as it was left ---------------------------------------------------------------------

  const parts = (part, words) => [...part.querySelectorAll(words)];

  function keep(part) {
    if (!part?.id) return;
    const folds = parts(part, "details");
    kept.set(part.id, {
      scrolled: parts(part, ".table-responsive").map((box) => box.scrollLeft),
      open: folds.map((fold) => fold.open),
      focus: folds.findIndex((fold) => fold.querySelector("summary") === document.activeElement),
    });
  }

  function giveBack(id) {
    const part = document.getElementById(id);
    const was = kept.get(id);
    kept.delete(id);
    if (!part || !was) return;
    parts(part, ".table-responsive").forEach((box, index) => {
      if (was.scrolled[index]) box.scrollLeft = was.scrolled[index];
    });
    const folds = parts(part, "details");
    folds.forEach((fold, index) => {
      if (was.open[index]) fold.open = true;
    });
    if (was.focus >= 0) folds[was.focus]?.querySelector("summary").focus({ preventScroll: true });
  }

  const asksByItself = (event) => ["region", "preview"].includes(kindOf(event.detail.requestConfig?.elt));

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (asksByItself(event)) keep(event.detail.target);
  });
  document.addEventListener("htmx:oobBeforeSwap", (event) => keep(event.detail.target));
  document.addEventListener("htmx:afterSettle", () => [...kept.keys()].forEach(giveBack));

  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !poll()) return;
    // What is old is said only when the answer that is asked for now does not come.
    for (const [kind, patience] of Object.entries(STALE_AFTER)) {
      lastGood[kind] = Math.max(lastGood[kind], Date.now() - patience + AGAIN_AFTER);
    }
    htmx.trigger(poll(), "orders-ask");
  });

  setInterval(tell, 500);
})();
