// The candidate's page: from the link, through form and sound check, into the room and out again.
import { ApiProblem, ask } from "../lib/api.js";
import { $, el, showView } from "../lib/dom.js";
import { Sound } from "../audio/sound.js";
import { holdCall } from "../room/call.js";
import { arrive } from "./arrival.js";
import { checkSound } from "./check.js";
import { farewell } from "./farewell.js";
import { forget, recall, remember } from "./memory.js";

const key = decodeURIComponent(location.pathname.split("/")[2] ?? "");

/** What to say of an interview that cannot be held; null when it can. */
function closed(invitation) {
  if (invitation.status === "cancelled") return ["This interview was called off", "Whoever sent you the link has cancelled it. Ask them for a new one."];
  if (invitation.status === "completed") return ["This interview is over", "It has been held and is closed. What was said and scored is kept."];
  return null;
}

function showProblem(title, text, actions = []) {
  $("problem-title").textContent = title;
  $("problem-text").textContent = text;
  $("problem-actions").replaceChildren(...actions);
  step(null);
  showView("problem");
}

const homeLink = () => el("a", { className: "button", href: "/" }, "Plan an interview of your own");
const scorecardLink = () => el("a", { className: "button primary", href: `/mock-interview/${encodeURIComponent(key)}/scorecard` }, "See the scorecard");
const again = (act) => el("button", { type: "button", className: "primary", onclick: act }, "Try again");

function step(name) {
  for (const one of document.querySelectorAll("[data-step]")) {
    if (one.dataset.step === name) one.setAttribute("aria-current", "step");
    else one.removeAttribute("aria-current");
  }
  if (name) showView(name);
}

async function load() {
  showView("loading");
  let invitation;
  let consent;
  try {
    [invitation, consent] = await Promise.all([
      ask(`/mock-interview/${encodeURIComponent(key)}/invitation`), ask("/web/consent.json"),
    ]);
  } catch (problem) {
    if (problem.status === 404) showProblem("There is no interview here", "The link may be incomplete. Copy it again, whole, from where you got it.", [homeLink()]);
    else showProblem(problem.title, problem.message, [again(load)]);
    return;
  }
  document.title = `${invitation.name} · Viva`;
  const unfinished = recall(key);
  if (closed(invitation)) {
    forget(key);
    showProblem(...closed(invitation), invitation.status === "completed" ? [scorecardLink(), homeLink()] : [homeLink()]);
  } else if (unfinished) offerReturn(invitation, unfinished);
  else begin(invitation, consent);
}

/** The page was loaded again while a call was on: the line can be taken up, but sound needs a click. */
function offerReturn(invitation, unfinished) {
  const go = async (withVoice) => {
    const sound = new Sound();
    await sound.start().catch(() => {});
    if (withVoice) await sound.listen().catch(() => {});
    enter(invitation, unfinished, sound);
  };
  showProblem("Your interview is still on", "The page was closed or loaded again. You can go on where you were.", [
    el("button", { type: "button", className: "primary", onclick: () => go(true) }, "Go on"),
    el("button", { type: "button", onclick: () => go(false) }, "Go on by typing"),
    el("button", { type: "button", className: "plain", onclick: () => { forget(key); load(); } }, "Start anew"),
  ]);
}

async function begin(invitation, consent) {
  step("arrival");
  const person = await arrive(invitation, consent);
  step("check");
  const sound = new Sound();
  const checked = await checkSound(sound, async () => {
    try {
      return await ask("/api/register-call", {
        transport: "realtime", session_id: invitation.sessionId, interviewer_id: invitation.interviewerId,
        email: person.email, name: person.name, consent: person.consent,
      });
    } catch (problem) {
      if (!(problem instanceof ApiProblem) || !refusal(problem)) throw problem;
      await sound.stop();
      return null;
    }
  });
  if (checked === "back") {
    await sound.stop();
    begin(invitation, consent);
  } else if (checked) enter(invitation, { ...checked, consent: person.consent }, sound);
}

/** Show the answers after which there is nothing to try again; true when it was one. */
function refusal({ code, status, detail }) {
  if (code === "already_responded") showProblem("Already responded", "This interview has been held with this e-mail. Each person answers it once.", [homeLink()]);
  else if (status === 410) showProblem("This interview is over", detail, [homeLink()]);
  else if (code === "not_found") showProblem("There is no interview here", "It was removed since you opened the link.", [homeLink()]);
  else return false;
  return true;
}

async function enter(invitation, registered, sound) {
  remember(key, registered);
  step("room");
  const keep = (more) => remember(key, { ...registered, ...more });
  const room = await holdCall({ invitation, registered, sound, keep });
  forget(key);
  await sound.stop();
  step(null);
  farewell({ room, scorecardUrl: registered.scorecardUrl, consent: registered.consent });
}

load();
