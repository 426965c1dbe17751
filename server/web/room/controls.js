// What the person can do in the room, by hand and by keys.
import { $ } from "../lib/dom.js";

export class Controls {
  constructor({ mute, done, type, typing, longer, faster, end, stage }) {
    this.keys = {
      KeyM: () => $("mute").click(), KeyD: () => $("done").click(), KeyT: () => $("type").click(), KeyP: () => $("longer").click(),
      Comma: () => $("slower").click(), Period: () => $("faster").click(),
    };
    $("mute").onclick = mute;
    $("done").onclick = done;
    $("longer").onclick = longer;
    $("slower").onclick = () => faster(-0.1);
    $("faster").onclick = () => faster(0.1);
    $("type").onclick = () => {
      const open = $("typing").hidden;
      stage.openTyping(open);
      (open ? $("answer") : $("type")).focus();
    };
    $("typing").onsubmit = (event) => {
      event.preventDefault();
      const text = $("answer").value.trim();
      if (text && type(text)) $("answer").value = "";
      $("answer").focus();
    };
    $("answer").oninput = typing;
    $("answer").onkeydown = (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      $("typing").requestSubmit();
    };
    $("end").onclick = () => $("confirm").showModal();
    $("confirm").onclose = () => {
      if ($("confirm").returnValue === "end") end();
      $("confirm").returnValue = "";
    };
    this.pressed = (event) => {
      if (!event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || $("confirm").open) return;
      const act = this.keys[event.code];
      if (!act) return;
      event.preventDefault();
      act();
    };
    document.addEventListener("keydown", this.pressed);
  }

  close() {
    document.removeEventListener("keydown", this.pressed);
    if ($("confirm").open) $("confirm").close();
    $("answer").oninput = null;
    for (const id of ["mute", "done", "longer", "slower", "faster", "type", "end"]) $(id).onclick = null;
  }
}
