// Says on the page that a passkey did not work; django-allauth's own scripts do the asking.
(() => {
  "use strict";

  document.addEventListener("allauth.error", (event) => {
    const box = document.getElementById("passkey-error");
    if (!box) return;
    event.preventDefault();
    box.hidden = true;
    requestAnimationFrame(() => { box.hidden = false; });
  });

  if (!window.PublicKeyCredential) {
    for (const id of ["passkey_login", "mfa_webauthn_add", "mfa_webauthn_authenticate", "mfa_webauthn_reauthenticate"]) {
      const button = document.getElementById(id);
      if (button) button.disabled = true;
    }
  }
})();
