"use strict";
// Asks the browser for a passkey and puts its answer into the form as base64url text.
// A form says what it needs: data-passkey (get or create), and data-options with the
// server's options, or data-options-url where they are fetched when the button is used.
(() => {
  const decode = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const encode = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const descriptor = (one) => ({ ...one, id: decode(one.id) });
  const FIELDS = {
    get: (answer) => ({
      credential_id: encode(answer.rawId),
      authenticator_data: encode(answer.response.authenticatorData),
      client_data: encode(answer.response.clientDataJSON),
      signature: encode(answer.response.signature),
    }),
    create: (answer) => ({
      attestation_object: encode(answer.response.attestationObject),
      client_data: encode(answer.response.clientDataJSON),
      transports: (answer.response.getTransports?.() || []).join(" "),
    }),
  };
  const words = document.getElementById("passkey-words").dataset;
  const SAID = { NotAllowedError: words.notAllowed, InvalidStateError: words.invalidState, SecurityError: words.security, NotSupportedError: words.notSupported };

  async function options(form) {
    if (form.dataset.options) return JSON.parse(form.dataset.options);
    const answer = await fetch(form.dataset.optionsUrl, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(words.noAnswer);
    return answer.json();
  }
  function prepared(given) {
    const asked = { ...given, challenge: decode(given.challenge) };
    if (asked.user) asked.user = { ...asked.user, id: decode(asked.user.id) };
    if (asked.allowCredentials) asked.allowCredentials = asked.allowCredentials.map(descriptor);
    if (asked.excludeCredentials) asked.excludeCredentials = asked.excludeCredentials.map(descriptor);
    return asked;
  }
  async function run(form, button) {
    const note = form.querySelector("[data-passkey-error]"), label = button.querySelector("span"), before = label.textContent;
    note.hidden = true;
    if (!form.reportValidity()) return;
    button.disabled = true;
    label.textContent = words.waiting;
    try {
      if (!navigator.credentials || !window.PublicKeyCredential) throw new Error(words.noPasskeys);
      const kind = form.dataset.passkey;
      const answer = await navigator.credentials[kind]({ publicKey: prepared(await options(form)) });
      for (const [name, value] of Object.entries(FIELDS[kind](answer))) form.elements[name].value = value;
      form.submit();
    } catch (error) {
      note.textContent = SAID[error.name] || (error instanceof DOMException ? SAID.NotAllowedError : error.message);
      note.hidden = false;
      label.textContent = before;
      button.disabled = false;
      button.focus();
    }
  }
  addEventListener("click", (event) => {
    const button = event.target.closest("[data-passkey-go]");
    if (button) run(button.form, button);
  });
  // Return in a field of such a form is the button, not a form sent without an answer.
  addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-passkey]");
    if (!form) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    run(form, form.querySelector("[data-passkey-go]"));
  }, true);
})();
