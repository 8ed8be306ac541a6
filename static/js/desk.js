// What every page gets: one submit per form, questions before destruction, typed text that survives an ended session,
// toasts and focus. Each is switched on by a data attribute; docs/frontend.md lists them.
(() => {
  "use strict";

  // --- Forms -----------------------------------------------------------------------------------------------------

  const SKIPPED = new Set(["hidden", "password", "file", "submit", "button", "image", "reset"]);

  function isPost(form) {
    return form instanceof HTMLFormElement && form.method.toLowerCase() === "post";
  }

  function typedValues(form) {
    return [...form.elements]
      .filter((field) => field.name && !SKIPPED.has(field.type) && field.tagName !== "BUTTON")
      .map((field) => {
        const value = field.multiple ? [...field.selectedOptions].map((option) => option.value) : field.value;
        return [field.name, field.type, value, Boolean(field.checked)];
      });
  }

  function fill(form, values) {
    for (const [name, type, value, checked] of values) {
      const fields = [...form.elements].filter((field) => field.name === name && field.type === type);
      for (const field of fields) {
        if (type === "checkbox" || type === "radio") {
          if (field.value === value) field.checked = checked;
        } else if (Array.isArray(value)) {
          for (const option of field.options) option.selected = value.includes(option.value);
        } else {
          field.value = value;
        }
      }
    }
  }

  // --- Typed text survives an ended session ----------------------------------------------------------------------
  // A form is remembered when it is sent. Landing on the sign-in page, or on the page that refuses an old form, tells
  // that it never arrived: it is kept and filled in again when its page is next open. Landing anywhere else forgets it.

  const SENT = "desk:sent-form";
  const KEPT = "desk:kept-form";
  const HOUR = 3600000;

  function store(key, value) {
    try {
      if (value === null) sessionStorage.removeItem(key);
      else sessionStorage.setItem(key, JSON.stringify(value));
    } catch {
      // A full or forbidden storage costs the comfort, never the form.
    }
  }

  function stored(key) {
    try {
      return JSON.parse(sessionStorage.getItem(key));
    } catch {
      return null;
    }
  }

  function position(form) {
    return [...document.forms].indexOf(form);
  }

  const touched = new WeakSet();

  /** Keep the form that is sent, and every other one of the page that somebody typed into. */
  function remember(sent) {
    if (document.body.dataset.page !== "page" || "signOut" in sent.dataset || "forget" in sent.dataset) return;
    const forms = [...document.forms]
      .filter((form) => form === sent || touched.has(form))
      .map((form) => ({ id: form.id, at: position(form), values: typedValues(form) }));
    store(SENT, { page: location.pathname + location.search, user: document.body.dataset.user, when: Date.now(), forms });
  }

  function restore(kept) {
    for (const { id, at, values } of kept.forms) {
      const form = (id && document.getElementById(id)) || document.forms[at];
      if (!(form instanceof HTMLFormElement) || !values.length) continue;
      fill(form, values);
      touched.add(form);
      form.dataset.dirty = "true";
    }
  }

  function settle() {
    const kind = document.body.dataset.page;
    const sent = stored(SENT);
    const kept = stored(KEPT);
    if (kind === "sign-in" || kind === "form-refused") {
      if (sent) store(KEPT, sent);
      store(SENT, null);
      const back = document.querySelector("[data-back-to-form]");
      if (back && (sent || kept)) back.href = (sent || kept).page;
      return;
    }
    store(SENT, null);
    if (!kept) return;
    // An hour later, or for somebody else who signed in here, it is nobody's business any more.
    const user = document.body.dataset.user;
    if (Date.now() - kept.when > HOUR || (user && user !== kept.user)) return store(KEPT, null);
    if (kept.page !== location.pathname + location.search) return;
    restore(kept);
    store(KEPT, null);
    toast("info", "What you typed before your session ended is filled in again. It is not saved yet.");
  }

  function neverArrived(xhr) {
    return xhr.status === 401 || /data-page="(sign-in|form-refused)"/.test(xhr.responseText);
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!neverArrived(event.detail.xhr)) return;
    event.detail.shouldSwap = false;
    remember(event.detail.elt.closest("form") || document.body);
    const sent = stored(SENT);
    if (sent) store(KEPT, sent);
    leaving = true;
    // A page that answered a form cannot be loaded anew: its form is sent back to be shown as it was typed.
    const answered = document.querySelector("form[data-return]");
    const back = answered?.querySelector(`button[value="${answered.dataset.return}"]`);
    if (back) answered.requestSubmit(back);
    else location.reload();
  });

  // --- Unsaved text, double submits, questions ------------------------------------------------------------------

  let leaving = false;

  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (!form) return;
    touched.add(form);
    if ("guard" in form.dataset) form.dataset.dirty = "true";
  });

  addEventListener("beforeunload", (event) => {
    if (!leaving && document.querySelector("form[data-guard][data-dirty]")) event.preventDefault();
  });

  function lock(form) {
    form.setAttribute("aria-busy", "true");
    // After the event: a disabled button's own name and value would not be sent.
    setTimeout(() => {
      for (const button of form.querySelectorAll("button:not([type=button]), input[type=submit]")) button.disabled = true;
    });
  }

  function unlock() {
    leaving = false;
    for (const form of document.querySelectorAll("form[aria-busy]")) {
      form.removeAttribute("aria-busy");
      for (const button of form.querySelectorAll("button:not([type=button]), input[type=submit]")) button.disabled = false;
    }
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    const question = event.submitter?.dataset.confirm || form.dataset.confirm;
    if (question && !form.dataset.confirmed) {
      event.preventDefault();
      event.stopImmediatePropagation();
      ask(question, event.submitter?.textContent.trim()).then((yes) => {
        if (!yes) return;
        form.dataset.confirmed = "true";
        form.requestSubmit(event.submitter);
        delete form.dataset.confirmed;
      });
      return;
    }
    if (form.getAttribute("aria-busy")) return event.preventDefault();
    leaving = true;
    if (!isPost(form)) return;
    if (form.matches("[hx-post], [data-hx-post]")) leaving = false;
    else {
      if ("signOut" in form.dataset) store(KEPT, null);
      remember(form);
      lock(form);
    }
  }, true);

  addEventListener("pageshow", unlock);

  function element(tag, classes, text) {
    const node = document.createElement(tag);
    node.className = classes;
    node.textContent = text || "";
    return node;
  }

  function ask(question, action) {
    const dialog = element("dialog", "desk-dialog");
    const title = element("h2", "", question);
    const actions = element("div", "desk-form-actions");
    const yes = element("button", "btn btn-danger", action || "Yes");
    const no = element("button", "btn", "Cancel");
    title.id = "desk-question";
    dialog.setAttribute("aria-labelledby", title.id);
    actions.append(yes, no);
    dialog.append(title, actions);
    document.body.append(dialog);
    return new Promise((resolve) => {
      yes.addEventListener("click", () => dialog.close("yes"));
      no.addEventListener("click", () => dialog.close());
      dialog.addEventListener("close", () => {
        dialog.remove();
        resolve(dialog.returnValue === "yes");
      });
      dialog.showModal();
      no.focus();
    });
  }

  document.addEventListener("htmx:confirm", (event) => {
    if (!event.detail.question) return;
    event.preventDefault();
    ask(event.detail.question, event.detail.elt.textContent.trim()).then((yes) => yes && event.detail.issueRequest(true));
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-autosubmit]")) event.target.form.requestSubmit();
  });

  // --- Toasts, focus, open menus ---------------------------------------------------------------------------------

  function toast(level, text) {
    const box = element("div", `alert desk-alert alert-${level === "error" ? "danger" : level}`, text);
    document.getElementById("toasts").append(box);
    setTimeout(() => box.remove(), 8000);
  }

  document.addEventListener("toast", (event) => toast(event.detail.level || "info", event.detail.text));
  // Parts that ask again by themselves say in their own place that nobody answers.
  const asksAgain = (event) => Boolean(event.detail.elt?.closest?.("[data-live]"));
  document.addEventListener("htmx:sendError", (event) => asksAgain(event) || toast("error", "The desk could not be reached. Check your connection and try again."));
  document.addEventListener("htmx:responseError", (event) => {
    if (!neverArrived(event.detail.xhr) && !asksAgain(event)) toast("error", "The desk could not do that. Nothing was changed; reload the page and try again.");
  });

  function focusFirst(scope) {
    scope.querySelector("[data-focus]")?.focus();
  }

  document.addEventListener("htmx:afterSettle", (event) => focusFirst(event.target));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const open of document.querySelectorAll("details.why[open], details[data-menu][open]")) {
      open.open = false;
      if (open.contains(document.activeElement)) open.querySelector("summary").focus();
    }
  });
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.why[open], details[data-menu][open]")) {
      if (!open.contains(event.target)) open.open = false;
    }
  });

  settle();
  focusFirst(document);
})();
