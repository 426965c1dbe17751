// One question of the scorecard: the answer's scores, the words they rest on, what the coach says.
import { el, words } from "../lib/dom.js";

export const LABELS = { content: "Content", depth: "Depth", soft_skills: "Soft skills", language: "Language", timing: "Timing" };
export const SURE = { high: "certain", medium: "fairly certain", low: "not certain" };
const STATUS = { scoring: "Being scored", not_answered: "Not answered", not_asked: "Not asked" };

export const points = (score) => (score === null ? "–" : String(score));

/** A bar for `score` with its name; a blank one with the reason when there is none. */
export function bar({ dimension, score, reason, confidence }, more = null) {
  const fill = el("i", { "aria-hidden": "true" });
  fill.style.setProperty("--share", (score ?? 0) / 100);
  return el("li", { className: score === null ? "bar blank" : "bar" },
    el("span", { className: "bar-name" }, LABELS[dimension]),
    el("span", { className: "bar-track", "aria-hidden": "true" }, fill),
    el("b", { className: "bar-score" }, score === null ? el("span", { className: "hidden" }, "not assessed") : "", score === null ? el("span", { "aria-hidden": "true" }, "–") : String(score)),
    el("small", {}, score === null ? reason : SURE[confidence]), more);
}

/** The words of a quote: a button where they can be heard, marked text where not. */
export function quoteNode(quote, play) {
  const marked = el("mark", {}, quote.text);
  if (quote.url === null) return el("q", {}, marked);
  const time = quote.startS === null ? "" : clock(quote.startS);
  return el("button", { type: "button", className: "quote", "data-quote": quote.id, "aria-pressed": "false", onclick: () => play(quote) },
    el("span", { className: "ear", "aria-hidden": "true" }), el("span", { className: "hidden" }, "Hear "), el("q", {}, marked), time ? el("small", {}, time) : null);
}

export const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
const day = (instant) => new Date(instant).toLocaleDateString(undefined, { day: "numeric", month: "long", year: "numeric" });

/** `acts`: `{play(quote), open(use, card), canOverride}`. */
export function questionCard(card, acts) {
  const scored = card.status === "scored";
  const node = el("li", { className: `question ${card.status}`, id: `question-${card.id}` },
    el("header", {},
      el("div", {},
        el("p", { className: "kicker" }, [card.personaName, words(card.block ?? card.type), card.seconds ? `${Math.round(card.seconds)} s` : ""].filter(Boolean).join(" · ")),
        el("h3", {}, card.question)),
      el("p", { className: "total" }, el("b", {}, points(card.score)), el("small", {}, scored ? (card.score === null ? "not assessed" : SURE[card.confidence]) : STATUS[card.status]))),
  );
  const said = card.answer === "" ? null : el("div", { className: "said" }, ...paragraphs(card.answer), ...card.followUps.flatMap(({ question, reason, answer }) => [
    el("p", { className: "asked" }, question, reason ? el("small", {}, ` Asked about: ${reason.replace(/\.$/, "")}.`) : null), ...paragraphs(answer),
  ]));
  if (!scored) {
    if (said) node.append(said);
    return node;
  }
  for (const flag of card.flags) node.append(el("p", { className: "flag" }, flag));
  if (card.score === null || card.reason) node.append(el("p", { className: "hint" }, sentence(card.reason)));
  node.append(el("div", { className: "body" }, said, el("ul", { className: "dimensions", "aria-label": "Scores of this answer" }, ...card.dimensions.map((one) => dimension(one, acts)))));
  node.append(coaching(card), ...reviews(card), actions(card, acts));
  return node;
}

function dimension(one, { play }) {
  const shown = one.quotes.map((quote) => quoteNode(quote, play));
  return bar(one, el("div", { className: "why" },
    one.rationale ? el("p", {}, one.rationale) : null,
    shown.length ? el("p", { className: "quotes" }, ...shown) : null,
    one.override === null ? null : el("p", { className: "override" }, `Set by a person; the judge had found ${one.original ?? "nothing to assess"}.`)));
}

function coaching({ coachTips, better, actionItems, learningTags }) {
  const box = el("div", { className: "coach" });
  if (coachTips.length) box.append(el("h4", {}, "From your coach"), el("ul", {}, ...coachTips.map((tip) => el("li", {}, tip))));
  if (actionItems.length) box.append(el("ul", { className: "todo" }, ...actionItems.map((item) => el("li", {}, el("b", {}, item.title),
    item.description && !coachTips.includes(item.description) ? el("span", {}, item.description) : null))));
  if (better) box.append(el("details", { "data-keep": "better" }, el("summary", {}, "A stronger version, in your own facts"), el("blockquote", {}, ...paragraphs(better))));
  if (learningTags.length) box.append(el("p", { className: "tags" }, ...learningTags.map((tag) => el("span", {}, words(tag)))));
  box.hidden = box.childElementCount === 0;
  return box;
}

function reviews({ dispute, overrides, again }) {
  const found = [];
  if (dispute) {
    const text = dispute.second === null ? "The answer is being judged again."
      : `First ${points(dispute.first.score)}, then ${points(dispute.second.score)} with ${dispute.second.samples} fresh samples: ${dispute.agrees ? "the two agree" : "the two differ"}. The second counts.`;
    found.push(el("div", { className: "review" }, el("h4", {}, `Disputed on ${day(dispute.at)}`), el("p", {}, text), el("p", { className: "hint" }, `Your reason: ${dispute.reason}`)));
  }
  for (const one of overrides) {
    found.push(el("div", { className: "review" }, el("h4", {}, `${LABELS[one.dimension]} set to ${one.value} on ${day(one.at)}`),
      el("p", {}, `By the ${one.role}; the judge had found ${one.original ?? "nothing to assess"}.`), el("p", { className: "hint" }, `Reason: ${one.reason}`)));
  }
  for (const one of again) {
    const change = one.difference === null ? "" : one.difference > 0 ? `, ${one.difference} points more` : one.difference < 0 ? `, ${-one.difference} points less` : ", the same";
    found.push(el("div", { className: "review" }, el("h4", {}, `Answered again on ${day(one.at)}`),
      el("p", { className: "compare" }, one.after === null ? "The new answer is being judged." : `Before ${points(one.before)}, now ${points(one.after.score)}${change}.`),
      el("details", { "data-keep": one.id }, el("summary", {}, "The new answer"), ...paragraphs(one.answer)),
      one.coachTips.length ? el("ul", {}, ...one.coachTips.map((tip) => el("li", {}, tip))) : null));
  }
  return found;
}

function actions(card, { open, canOverride }) {
  const button = (use, text) => el("button", { type: "button", className: "plain", "data-use": `${use}-${card.id}`, onclick: () => open(use, card) }, text);
  return el("div", { className: "actions" },
    button("again", "Answer it again"), card.dispute ? null : button("dispute", "Dispute this score"), canOverride ? button("override", "Set a score") : null);
}

const paragraphs = (text) => text.split(/\n+/).filter((line) => line.trim()).map((line) => el("p", {}, line));
const sentence = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1).replace(/\.$/, "")}.` : "");
