// One player for all quotes: a stretch of the call's recording, started by the quote that wants to be heard.
import { $, write } from "../lib/dom.js";

const GONE = "This part of the call cannot be played: it was not recorded, or was deleted.";
let current = null, gone = false;
let renew = async () => null;

const buttons = () => document.querySelectorAll("[data-quote]");

function show() {
  const sound = $("sound");
  const going = current !== null && !sound.paused;
  for (const button of buttons()) {
    const own = going && button.dataset.quote === current.id;
    button.classList.toggle("going", own);
    button.setAttribute("aria-pressed", String(own));
  }
  $("player").hidden = current === null;
  document.body.classList.toggle("has-player", current !== null);
  if (current === null) return;
  write($("playing"), gone ? GONE : `“${current.text}”`);
  $("toggle").dataset.going = String(going);
  $("toggle").setAttribute("aria-label", going ? "Pause" : "Play");
}

/** Play `quote` (`{id, text, url}`); the one that plays is paused, a paused one goes on. */
export async function play(quote) {
  const sound = $("sound");
  if (current?.id !== quote.id) {
    current = quote;
    gone = false;
    sound.src = quote.url;
  } else if (!sound.paused) {
    sound.pause();
    return;
  }
  show();
  await start(sound);
}

async function start(sound, again = true) {
  const quote = current;
  try {
    await sound.play();
  } catch (trouble) {
    if (trouble.name === "AbortError") return; // another quote was chosen meanwhile
    const url = again ? await renew(quote.id) : null; // a link runs out after a while
    if (current !== quote) return;
    if (url !== null && url !== quote.url) {
      quote.url = sound.src = url;
      await start(sound, false);
      return;
    }
    gone = true;
    show();
  }
}

/** `renewed(id)` gives another link for a quote whose link does not play any more, or null. */
export function openPlayer(renewed) {
  const sound = $("sound");
  renew = renewed;
  for (const event of ["play", "pause", "ended", "emptied"]) sound.addEventListener(event, show);
  $("toggle").addEventListener("click", () => current && play(current));
  $("shut").addEventListener("click", () => {
    const last = current;
    current = null;
    sound.pause();
    sound.removeAttribute("src");
    show();
    if (last) document.querySelector(`[data-quote="${CSS.escape(last.id)}"]`)?.focus();
  });
}

/** After the page was drawn again: mark the button of what plays. */
export const refresh = show;
