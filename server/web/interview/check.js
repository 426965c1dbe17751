// The sound check: permission, a level that moves, a sound that is heard.
import { meter, microphones } from "../audio/devices.js";
import { $, el, write } from "../lib/dom.js";
import { whatRuns } from "../lib/engines.js";

const HEARD = 0.35; // of the meter: a voice, not the noise of a room

/**
 * Resolves to what `register` gave, with the microphone of `sound` open or not; "back" when the person goes back.
 * `register` may refuse with words (they are shown here) or with null (something else is shown already).
 */
export function checkSound(sound, register) {
  showEngines();
  let heard = false;
  sound.on = (kind, data) => {
    if (kind === "frame") {
      const share = meter(data.level);
      $("meter").style.setProperty("--level", share.toFixed(3));
      $("meter").setAttribute("aria-valuenow", String(Math.round(share * 10) * 10));
      if (share > HEARD && !heard) {
        heard = true;
        write($("microphone-state"), "We hear you.");
      }
    }
    if (kind === "unplugged") trouble({ title: "The microphone is gone", text: "It was unplugged or switched off. Plug it in and try again, or answer by typing." });
  };

  async function allow(deviceId = "") {
    $("allow").disabled = true;
    write($("microphone-state"), "Waiting for your permission…");
    try {
      await sound.start();
      const label = await sound.listen(deviceId);
      heard = false;
      $("microphone-trouble").hidden = true;
      write($("microphone-state"), "Say something: the bar should move.");
      $("begin").disabled = false;
      $("allow").hidden = true;
      await choices(label);
    } catch (problem) {
      trouble(problem.text ? problem : { title: "Sound could not be started", text: problem.message });
    } finally {
      $("allow").disabled = false;
    }
  }

  async function choices(label) {
    const found = await microphones();
    $("device").replaceChildren(...found.map((one) => el("option", { value: one.id, selected: one.label === label }, one.label)));
    $("device-choice").hidden = found.length < 2;
  }

  function trouble({ title, text }) {
    const box = $("microphone-trouble");
    box.querySelector("h3").textContent = title;
    box.querySelector("p").textContent = text;
    box.hidden = false;
    write($("microphone-state"), "No microphone yet.");
    $("allow").hidden = false;
    write($("allow"), "Try again");
    $("begin").disabled = true;
    $("meter").style.setProperty("--level", "0");
  }

  $("allow").onclick = () => allow();
  $("device").onchange = () => allow($("device").value);
  $("chime").onclick = async () => {
    try {
      await sound.start();
    } catch (problem) {
      write($("chime-state"), problem.message);
      return;
    }
    sound.chime();
    write($("chime-state"), "Playing: do you hear it?");
  };

  return new Promise((resolve) => {
    const go = async (withVoice) => {
      $("begin-trouble").textContent = "";
      for (const id of ["begin", "begin-typed", "back"]) $(id).disabled = true;
      try {
        // Who answers by typing can do without sound: the captions are enough.
        await sound.start().catch((problem) => { if (withVoice) throw problem; });
        if (!withVoice) sound.deafen();
        resolve(await register());
      } catch (problem) {
        $("begin-trouble").textContent = problem.message;
      } finally {
        for (const id of ["begin-typed", "back"]) $(id).disabled = false;
        $("begin").disabled = !sound.hears;
      }
    };
    $("begin").disabled = !sound.hears;
    $("begin").onclick = () => go(true);
    $("begin-typed").onclick = () => go(false);
    $("back").onclick = () => resolve("back");
  });
}

async function showEngines() {
  const { lines } = await whatRuns();
  $("engines").replaceChildren(...lines.flatMap(({ role, name, note }) => [`${role} `, el("b", {}, name), note ? ` (${note}). ` : ". "]));
}
