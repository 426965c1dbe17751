// The scorecard: fetch it, draw it, and draw again what has changed while answers are still being scored.
import { ask } from "../lib/api.js";
import { $, el, showView, words, write } from "../lib/dom.js";
import { bar, clock, LABELS, points, questionCard, SURE } from "./cards.js";
import { inWords, radar, range } from "./charts.js";
import { openDesk } from "./desk.js";
import { openPlayer, play, refresh } from "./player.js";

const key = decodeURIComponent(location.pathname.split("/")[2]);
const base = `/v1/candidates/mock-ai-interview/${encodeURIComponent(key)}`;
const SOON_MS = 1500, LATER_MS = 6000;

let callId = new URLSearchParams(location.search).get("call_id");
let shown = null, timer = null, pause = SOON_MS;
const drawn = new Map();
const desk = openDesk({ base, callId: () => shown?.callId ?? callId, changed: () => { pause = SOON_MS; load(); } });

/** Run `draw` only when `data` differs from the last time: what somebody reads or has opened stays as it is. */
function once(name, data, draw) {
  const now = JSON.stringify(data);
  if (drawn.get(name) === now) return;
  drawn.set(name, now);
  draw(data);
}

async function load() {
  clearTimeout(timer);
  const query = callId === null ? "" : `?call_id=${encodeURIComponent(callId)}`;
  try {
    const card = await ask(`${base}/scorecard${query}`);
    const before = JSON.stringify(shown), first = shown === null;
    shown = card;
    show(card);
    if (first) { showView("card"); location.hash && document.querySelector(location.hash)?.scrollIntoView(); }
    if (unfinished(card)) {
      pause = before === JSON.stringify(card) ? Math.min(LATER_MS, pause * 1.4) : SOON_MS;
      timer = setTimeout(load, pause);
    }
  } catch (problem) {
    if (shown !== null && (problem.status === 0 || problem.status >= 500)) { // it was there: try again quietly
      timer = setTimeout(load, LATER_MS);
      return;
    }
    const gone = problem.status === 404;
    write($("problem-title"), gone ? "There is no such scorecard" : problem.title);
    write($("problem-text"), gone ? "The link may be mistyped, or the interview is somebody else's or was deleted." : problem.message);
    showView("problem");
  }
}

const unfinished = (card) => card.state !== "complete"
  || card.questions.some(({ dispute, again }) => dispute?.state === "open" || again.some((one) => one.state === "scoring"));

function show(card) {
  once("head", [card.name, card.heldAt, card.seconds, card.overall, card.detail, card.state, card.counts, card.summary, card.method.offline], () => head(card));
  once("dimensions", card.dimensions, dimensions);
  once("next", card.summary, next);
  once("across", [card.across, card.canCompare, card.calls.length], () => across(card));
  once("calls", [card.calls, card.callId], () => calls(card));
  questions(card);
  once("delivery", card.delivery, delivery);
  once("transcript", [card.transcript, card.audio], () => transcript(card));
  once("method", card.method, method);
  write($("audio-note"), heardOf(card));
  $("print").hidden = card.state !== "complete";
  refresh();
}

/** Which quotes can be heard, in one sentence. */
function heardOf({ audio, questions: all }) {
  if (!audio.available) return `${audio.reason} Quotes are shown in writing.`;
  const quotes = all.flatMap(({ dimensions: found }) => found.flatMap((one) => one.quotes));
  const heard = quotes.filter(({ url }) => url !== null).length;
  if (heard === 0) return quotes.length ? "The quotes were typed, or their place in the recording is not known: they are shown in writing." : "";
  return heard < quotes.length ? "Choose a quote with a triangle to hear it; the others are shown in writing." : "Choose a quote to hear it.";
}

function head(card) {
  const { overall, counts } = card;
  const held = card.heldAt ? new Date(card.heldAt).toLocaleDateString(undefined, { day: "numeric", month: "long", year: "numeric" }) : "";
  write($("facts"), [card.name, held, card.seconds ? `${clock(card.seconds)} min` : ""].filter(Boolean).join(" · "));
  document.title = `${card.state === "complete" ? "Scorecard" : "Scoring…"} · ${card.name} · Viva`;
  const score = el("mark", {}, points(overall.score));
  $("headline").replaceChildren(...(overall.score === null
    ? [card.state === "complete" ? "No score." : "Your scorecard is being made."]
    : [card.state === "complete" ? "You scored " : "So far ", score, el("span", { className: "of" }, "of 100")]));
  write($("confidence"), overall.score === null
    ? (card.state === "complete" ? `${overall.reason[0].toUpperCase()}${overall.reason.slice(1)}.` : card.detail)
    : `The judge is ${SURE[overall.confidence]} of it. ${counts.scored} of ${counts.questions} questions were answered and scored.`);
  $("progress").hidden = card.state === "complete";
  write($("progress-text"), card.detail);
  $("progress-bar").max = Math.max(1, counts.answered);
  $("progress-bar").value = counts.scored;
  write($("feedback"), card.summary.overallFeedback);
  $("rules").hidden = !card.method.offline;
  write($("rules"), "Judged by rules on this server, without a language model: take it as a rough guide.");
}

function dimensions(list) {
  const axes = list.map(({ dimension, score }) => ({ label: LABELS[dimension], score }));
  $("radar").replaceChildren(radar(axes));
  $("bars").setAttribute("aria-label", `The five dimensions: ${inWords(axes)}`);
  $("bars").replaceChildren(...list.map((one) => bar(one)));
}

function next({ actionItems, strengths, weaknesses, learningTags, recommendation }) {
  $("next").hidden = !(actionItems.length || strengths.length || weaknesses.length || recommendation);
  const steps = actionItems.map(({ title, description }) => el("li", {}, el("b", {}, title), description ? el("span", {}, description) : null));
  $("steps").replaceChildren(...(recommendation ? [el("li", {}, el("b", {}, recommendation))] : []), ...steps);
  for (const [id, list] of [["strong", strengths], ["weak", weaknesses]]) {
    $(id).hidden = list.length === 0;
    $(id).querySelector("ul").replaceChildren(...list.map((text) => el("li", {}, text)));
  }
  $("tags").hidden = learningTags.length === 0;
  $("tags").replaceChildren("To practise: ", ...learningTags.map((tag) => el("span", {}, words(tag))));
}

const ACROSS = { trends: "How it goes", strengths: "Strong", weaknesses: "Weak", recommendations: "Try next", learnings: "What it shows" };

/** What all calls of the interview show together, and the button that has it looked at. */
function across({ across: found, canCompare, calls: all }) {
  $("across").hidden = found === null && !canCompare;
  $("compare").hidden = !canCompare;
  write($("compare"), found === null ? "Look at all calls" : "Look again");
  write($("across-about"), found === null
    ? `${all.length === 1 ? "One call was" : `${all.length} calls were`} held. What stays the same from call to call says more than one answer.`
    : "As of the last time they were looked at together.");
  $("across-found").replaceChildren(...Object.entries(ACROSS).filter(([name]) => found?.[name].length).map(([name, title]) =>
    el("div", {}, el("h3", {}, title), el("ul", {}, ...found[name].map((text) => el("li", {}, text))))));
}

async function compare() {
  $("compare").disabled = true;
  write($("across-trouble"), "");
  try {
    await ask("/api/generate-insights", { session_id: shown.sessionId });
    await load();
    write($("told"), "All calls were looked at together.");
  } catch (problem) {
    write($("across-trouble"), problem.message);
  } finally {
    $("compare").disabled = false;
  }
}

function calls({ calls: all, callId: current }) {
  $("choice").hidden = all.length < 2;
  $("call").replaceChildren(...all.map((one) => el("option", { value: one.callId, selected: one.callId === current },
    `${new Date(one.createdAt).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })}, ${words(one.status)}`)));
}

function questions(card) {
  const acts = { play, open: desk, canOverride: card.canOverride };
  const list = $("questions");
  const wanted = new Set(card.questions.map(({ id }) => `question-${id}`));
  for (const node of [...list.children]) if (!wanted.has(node.id)) node.remove();
  card.questions.forEach((one, place) => once(`question ${one.id}`, [one, card.canOverride], () => {
    const old = document.getElementById(`question-${one.id}`);
    const made = questionCard(one, acts);
    const focused = old?.contains(document.activeElement) ? document.activeElement.dataset : null;
    for (const detail of made.querySelectorAll("details")) {
      detail.open = old?.querySelector(`details[data-keep="${CSS.escape(detail.dataset.keep)}"]`)?.open ?? false;
    }
    if (old) old.replaceWith(made);
    else list.insertBefore(made, list.children[place] ?? null);
    if (focused?.quote) made.querySelector(`[data-quote="${CSS.escape(focused.quote)}"]`)?.focus();
    if (focused?.use) made.querySelector(`[data-use="${CSS.escape(focused.use)}"]`)?.focus();
  }));
}

function delivery(list) {
  const known = list.filter(({ value }) => value !== null), blank = list.filter(({ value }) => value === null);
  const shownBlank = known.length ? blank : blank.slice(0, 1);
  $("measures").replaceChildren(...known.map((one) => el("div", {}, el("dt", {}, one.label),
    el("dd", {}, el("b", {}, measured(one)), range(one), el("small", {}, [common(one), one.note].filter(Boolean).join(" "))))),
    ...shownBlank.map((one) => el("div", { className: "blank" }, el("dt", {}, known.length ? one.label : "No measurements"), el("dd", {}, el("small", {}, `${one.reason[0].toUpperCase()}${one.reason.slice(1)}.`)))));
}

const round = (value) => (Number.isInteger(value) ? value : value.toFixed(value < 10 ? 1 : 0));

function measured({ value, unit }) {
  if (unit === "share") return `${Math.round(100 * value)} %`;
  return unit === "count" ? String(round(value)) : `${round(value)} ${unit === "seconds" ? "s" : unit}`;
}

function common({ low: from, high: to, unit }) {
  const [low, high] = [from, to].map((one) => (one !== null && unit === "share" ? `${Math.round(100 * one)} %` : one));
  if (low === null && high === null) return "";
  if (low === null) return `Common: up to ${high}.`;
  return high === null ? `Common: from ${low}.` : `Common: ${low} to ${high}.`;
}

function transcript({ transcript: lines, questions: cards }) {
  const known = new Map(cards.flatMap(({ id, dimensions: all }) => all.flatMap(({ dimension, quotes }) => quotes.map((quote) => [quote.id, { quote, dimension, card: id }]))));
  $("script").replaceChildren(...lines.map((line) => el("p", { className: line.role },
    el("b", {}, line.role === "user" ? "You" : line.personaName || "Interviewer"),
    el("span", {}, ...line.segments.map((part) => segment(part, known))))));
}

function segment({ text, quotes }, known) {
  const found = quotes.map((id) => known.get(id)).filter(Boolean);
  if (!found.length) return text;
  const { quote, card } = found[0];
  const about = [...new Set(found.map(({ dimension }) => LABELS[dimension].toLowerCase()))].join(", ");
  return el("a", { className: "cited", href: `#question-${card}`, title: `Quoted for ${about}`, "aria-label": `${text}: quoted for ${about}`, onclick: (event) => {
    if (quote.url === null) return;
    event.preventDefault();
    play(quote);
  } }, el("mark", {}, text));
}

function method({ text, judges, prompts, rubric, samples, weights }) {
  write($("method"), text);
  const facts = [
    ["Judge", judges.join(", ")], ["Samples of each answer", samples === null ? "" : String(samples)],
    ["Rubric", rubric], ["Prompt", prompts.join(", ")],
    ["Weights", Object.entries(weights).map(([name, weight]) => `${words(name)} ${Math.round(weight * 100)} %`).join(", ")],
  ];
  $("method-facts").replaceChildren(...facts.filter(([, value]) => value).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

$("call").addEventListener("change", ({ target }) => {
  callId = target.value;
  history.replaceState(null, "", `?call_id=${encodeURIComponent(callId)}`);
  drawn.clear();
  $("questions").replaceChildren();
  load();
});
$("compare").addEventListener("click", compare);
$("print").addEventListener("click", () => print());
addEventListener("beforeprint", () => { for (const detail of document.querySelectorAll("details")) detail.open = true; });
addEventListener("pagehide", () => clearTimeout(timer));
openPlayer(async (id) => {
  await load();
  const all = shown.questions.flatMap(({ dimensions: found }) => found.flatMap((one) => one.quotes));
  return all.find((quote) => quote.id === id)?.url ?? null;
});
load();
