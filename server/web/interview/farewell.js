// After the call: what is kept, and where the scorecard will be.
import { $, el, showView } from "../lib/dom.js";
import { linesOf } from "../room/stage.js";

const TITLES = {
  finished: "That was your interview.",
  hung_up: "You ended the interview.",
  time_limit: "Time is up.",
  provider_failed: "We had to stop early.",
};
const FAILED = {
  refused: ["The room would not let you in", "The link to this call is used up or too old. What was said before is saved."],
  elsewhere: ["The interview goes on in another window", "This link was opened again somewhere else, and only one window can hold the call."],
  closed: ["The call is over", "The server ended it. What was said is saved."],
  unreachable: ["The connection did not come back", "We tried for a while. What you said until then is saved, and can be scored."],
  address: ["The room cannot be reached", "The server gave an address that this browser cannot open. Tell whoever runs it."],
};

/** `scorecardUrl`: where the scorecard of this call is, with the token that opens it. */
export function farewell({ room, scorecardUrl, consent }) {
  const reason = room.ended?.reason ?? "";
  const failed = room.phase === "failed" ? FAILED[reason] ?? FAILED.closed : null;
  $("farewell-title").textContent = failed ? failed[0] : TITLES[reason] ?? TITLES.finished;
  $("farewell-text").textContent = failed ? failed[1] : "Your answers are being scored. Each score comes with the words it rests on.";
  const answers = room.saved.length;
  const recorded = Boolean(room.recording);
  $("kept").replaceChildren(
    kept(true, `The transcript${answers ? `, with ${answers} ${answers === 1 ? "answer" : "answers"}` : ""}`),
    kept(recorded, recorded ? "The recording of both sides" : "No sound was recorded"),
    kept(Boolean(consent?.audio_measurements), consent?.audio_measurements ? "Numbers on pace, pauses and fillers" : "No measurements of your voice"),
  );
  const { pathname, search, hash } = new URL(scorecardUrl); // the server may be known here by another name
  $("farewell-actions").replaceChildren(
    el("a", { className: "button primary", href: `${pathname}${search}${hash}` }, "See my scorecard"),
    el("a", { className: "button", href: "/" }, "Plan another interview"),
  );
  $("farewell-script").replaceChildren(...linesOf(room));
  $("transcript").hidden = room.lines.length === 0;
  showView("farewell");
}

const kept = (is, text) => el("li", { className: is ? "" : "not" }, text);
