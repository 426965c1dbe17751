// The form: who comes, and what may be kept.
import { $, el, words } from "../lib/dom.js";
import { makeAvatar } from "../room/avatar.js";

const LONG = 48; // letters; from here on a name is set smaller

const MODES = {
  study: "Study mode: a coach writes hints beside the captions while you answer.",
  exam: "Exam mode: no hints. Your scorecard comes afterwards.",
};

/** Resolves to `{name, email, consent}` once the form is sent filled. */
export function arrive(invitation, consent) {
  const count = invitation.questions.length;
  $("facts").textContent = [`${invitation.duration} minutes`, `${count} questions`, words(invitation.difficulty)].join(" · ");
  $("interview-name").textContent = invitation.name;
  $("interview-name").classList.toggle("long", invitation.name.length > LONG);
  $("mode-note").textContent = MODES[invitation.mode] ?? "";
  $("people").replaceChildren(...invitation.personas.map(person));
  $("disclosure").textContent = consent.disclosure;
  $("purpose").textContent = consent.purpose;
  const boxes = consent.items.map((item) => [item.key, tick(item)]);
  $("consent").replaceChildren($("consent").querySelector("legend"), ...boxes.map(([, label]) => label));

  const form = $("join");
  return new Promise((resolve) => {
    form.onsubmit = (event) => {
      event.preventDefault();
      const name = form.elements.name;
      const email = form.elements.email;
      const wrong = [
        [email, "email-trouble", emailTrouble(email.value)], [name, "name-trouble", name.value.trim() ? "" : "Write your name, as you want to be called."],
      ].filter(([input, place, text]) => {
        $(place).textContent = text;
        input.setAttribute("aria-invalid", String(Boolean(text)));
        return text;
      });
      if (wrong.length) {
        wrong.at(-1)[0].focus();
        return;
      }
      resolve({
        name: name.value.trim(), email: email.value.trim(),
        consent: {
          version: consent.version, ai_disclosed: true, locale: navigator.language,
          ...Object.fromEntries(boxes.map(([key, label]) => [key, label.querySelector("input").checked])),
        },
      });
    };
  });
}

export function emailTrouble(text) {
  return /^[^@\s]{1,64}@[^@\s]{1,255}$/.test(text.trim()) ? "" : "Write an e-mail address, such as name@example.org.";
}

function person(one, place) {
  const { svg, draw } = makeAvatar(56);
  draw(one, 0.3, place * 2);
  return el("li", {}, svg, el("div", {}, el("b", {}, one.name), el("span", {}, one.title)));
}

function tick({ key, label, detail }) {
  return el("label", { className: "tick" }, el("input", { type: "checkbox", name: key }), label, el("small", {}, detail));
}
