// Disputing a score, answering again, a coach's own value: one dialog, three uses.
import { ask } from "../lib/api.js";
import { $, el, words, write } from "../lib/dom.js";

const USES = {
  dispute: {
    title: "Dispute this score",
    about: "The answer is judged again, once, with fresh samples. What that finds counts, higher or lower; both judgements stay visible.",
    label: "What was overlooked?", send: "Judge it again", path: () => "scores/dispute", limit: 2000,
    body: (card, text) => ({ question_id: card.id, reason: text }),
    told: "Disputed. The answer is being judged again.",
  },
  again: {
    title: "Answer it again",
    about: "Your new answer is judged beside the first. It changes no total: it is for you to compare.",
    label: "Your new answer", send: "Judge this answer", path: (card) => `questions/${encodeURIComponent(card.id)}/again`, limit: 12000,
    body: (_, text) => ({ answer: text }),
    told: "Thank you. The new answer is being judged.",
  },
  override: {
    title: "Set a score yourself",
    about: "Your value counts in place of the judge's, and the totals follow. The judge's value stays visible, and so does who set yours and why.",
    label: "Why?", send: "Set the score", path: () => "scores/override", limit: 2000,
    body: (card, text) => ({ question_id: card.id, reason: text, dimension: $("desk-dimension").value, value: Number($("desk-number").value) }),
    told: "The score is set, and the totals have followed.",
  },
};

/** `base`: the interview's path; `callId()` the call that is shown; `changed()` is called after something was sent. */
export function openDesk({ base, callId, changed }) {
  let use = null, card = null;
  const dialog = $("desk");

  $("desk-cancel").addEventListener("click", () => dialog.close());
  $("desk-dimension").addEventListener("change", showValue);
  $("desk-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = $("desk-text").value.trim();
    const missing = text === "" ? "Write a few words first." : use === USES.override && !valid($("desk-number").value) ? "Write a whole number from 0 to 100." : "";
    write($("desk-trouble"), missing);
    if (missing) return (text === "" ? $("desk-text") : $("desk-number")).focus();
    $("desk-send").disabled = true;
    try {
      await ask(`${base}/${use.path(card)}`, { ...use.body(card, text), call_id: callId() });
      dialog.close();
      write($("told"), use.told);
      changed();
    } catch (problem) {
      write($("desk-trouble"), problem.message);
    } finally {
      $("desk-send").disabled = false;
    }
  });

  function showValue() {
    const score = card.dimensions.find((one) => one.dimension === $("desk-dimension").value)?.score;
    $("desk-number").value = score ?? "";
  }

  return (name, shown) => {
    use = USES[name];
    card = shown;
    write($("desk-title"), use.title);
    write($("desk-about"), use.about);
    write($("desk-question"), card.question);
    write($("desk-label"), use.label);
    write($("desk-send"), use.send);
    write($("desk-trouble"), "");
    $("desk-text").value = "";
    $("desk-text").maxLength = use.limit;
    $("desk-value").hidden = use !== USES.override;
    $("desk-dimension").replaceChildren(...card.dimensions.map((one) => el("option", { value: one.dimension }, words(one.dimension))));
    showValue();
    dialog.showModal();
    (use === USES.override ? $("desk-dimension") : $("desk-text")).focus();
  };
}

const valid = (text) => /^\d{1,3}$/.test(text.trim()) && Number(text) <= 100;
