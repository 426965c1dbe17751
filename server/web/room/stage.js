// Draws the room. Told the whole state each time; touches only what differs.
import { meter } from "../audio/devices.js";
import { $, el, words, write } from "../lib/dom.js";
import { makeAvatar } from "./avatar.js";
import { engineLines } from "../lib/engines.js";
import { AGENT, clock, floorMark, floorText, progress } from "./machine.js";

const FOLLOWS_PX = 80; // nearer to the end than this, the captions keep following
const TYPE_HERE = "Type your answer.";
const KEYS = " Enter sends, Shift and Enter starts a new line.";

const body = (line) => (line.state === "going" && line.who === AGENT ? el("mark", {}, line.text) : line.text);
const node = (line) => el("div", { className: "line" }, el("b", {}, line.name), el("p", {}, body(line)));

function dress(made, line) {
  made.dataset.who = line.who;
  made.dataset.state = line.state;
  return made;
}

/** The captions as elements, for the page after the call. */
export const linesOf = (room) => room.lines.filter((line) => line.text).map((line) =>
  dress(node({ ...line, state: line.state === "going" ? "done" : line.state }), { ...line, state: "done" }));

export class Stage {
  /** `planned`: the questions to come, without words: `[{id, block}]`. */
  constructor({ name, planned }) {
    this.planned = planned;
    this.shown = new Map(); // line id -> {line, made}
    this.announced = new Set();
    this.avatar = makeAvatar(160);
    this.level = 0;
    this.turn = 0;
    this.still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    $("avatar").replaceChildren(this.avatar.svg);
    $("room-name").textContent = name;
    $("room-title").textContent = `Interview: ${name}`;
    $("script").replaceChildren();
    $("spoken").replaceChildren();
    this.title = name;
    this.following = true;
    // A box that changes its size scrolls too: only in one that stands still was it the person.
    let size = "";
    $("script").onscroll = ({ target }) => {
      const now = `${target.clientWidth} ${target.clientHeight} ${target.scrollHeight}`;
      if (now === size) this.following = target.scrollHeight - target.scrollTop - target.clientHeight < FOLLOWS_PX;
      size = now;
    };
    this.size = new ResizeObserver(() => this.follow());
    this.size.observe($("script"));
    this.wide = matchMedia("(min-width: 60.01rem)");
    this.fold = () => {
      $("rail").open = this.wide.matches;
      if (this.wide.matches) $("rail").tabIndex = 0; // it scrolls, and holds nothing that takes the focus
      else $("rail").removeAttribute("tabindex");
      $("answer").placeholder = this.wide.matches ? TYPE_HERE + KEYS : TYPE_HERE;
    };
    this.wide.addEventListener("change", this.fold);
    this.fold();
  }

  draw(room) {
    this.room = room;
    write($("persona"), room.persona?.name ?? "Interviewer");
    write($("persona-title"), room.persona?.title ?? "");
    const floor = floorText(room);
    write($("floor"), floor);
    $("floor").dataset.floor = floorMark(room);
    document.title = `${floor} · ${this.title}`;
    $("recording").hidden = !room.recording;
    this.drawQuestion(room);
    this.drawList(room);
    this.drawLines(room);
    this.drawCues(room);
    this.drawControls(room);
    write($("room-engines"), engineLines(room.engines).map(({ role, name, note }) => `${role} ${name}${note ? ` (${note})` : ""}.`).join(" "));
    if (this.still) this.avatar.draw(room.persona, 0, 0);
  }

  drawQuestion(room) {
    const { question } = room;
    $("asked").hidden = !question;
    if (!question) return;
    const { index, total } = progress(room);
    const kind = question.followUpTo ? "Follow-up" : words(question.block ?? "");
    write($("asked-kicker"), [`Question ${index} of ${total}`, kind].filter(Boolean).join(" · "));
    write($("asked-text"), question.text || "…"); // a follow-up has no words before it is said
  }

  drawList(room) {
    const state = [room.asked, room.saved, room.scores];
    if (this.listed?.every((part, at) => part === state[at])) return;
    this.listed = state;
    const items = [];
    const seen = new Map(room.asked.map((one) => [one.id, one]));
    for (const [place, plan] of this.planned.entries()) {
      items.push(this.item(room, plan.id, place + 1, seen.get(plan.id)?.text ?? (words(plan.block ?? "") || (place ? "closing" : "opening"))));
      for (const follow of room.asked.filter((one) => one.followUpTo === plan.id)) items.push(this.item(room, follow.id, "↳", follow.text || "follow-up", true));
    }
    const known = new Set(this.planned.map((plan) => plan.id));
    for (const one of room.asked) if (!known.has(one.id) && !known.has(one.followUpTo)) items.push(this.item(room, one.id, "+", one.text));
    $("questions").replaceChildren(...items);
    $("questions").querySelector('[data-state="now"]')?.scrollIntoView({ block: "nearest" });
  }

  item(room, id, mark, text, follow = false) {
    const now = room.question?.id === id;
    const state = now ? "now" : room.saved.includes(id) ? "saved" : "to come";
    const score = room.scores[id];
    const made = el("li", { className: follow ? "follow" : "", "aria-current": now ? "step" : null },
      el("i", { "aria-hidden": "true" }, state === "saved" ? "✓" : String(mark)),
      el("span", {}, text, state === "saved" ? el("span", { className: "hidden" }, " (saved)") : null,
        score === undefined ? null : el("b", {}, ` ${score}`, el("span", { className: "hidden" }, " of 100"))));
    made.dataset.state = state;
    return made;
  }

  drawLines(room) {
    const box = $("script");
    const gone = new Set(this.shown.keys());
    for (const line of room.lines) {
      gone.delete(line.id);
      const before = this.shown.get(line.id);
      if (before?.line === line) continue;
      const made = before?.made ?? node(line);
      if (before) made.lastChild.replaceChildren(body(line));
      else box.append(made);
      dress(made, line);
      this.shown.set(line.id, { line, made });
      this.announce(line);
    }
    for (const id of gone) {
      this.shown.get(id).made.remove();
      this.shown.delete(id);
    }
    this.follow();
  }

  /** Keep the newest line in sight, unless the person has scrolled back to read. */
  follow() {
    if (this.following) $("script").scrollTop = $("script").scrollHeight;
  }

  /** Read out whole lines only, each once: words that still change would drown the voices. */
  announce(line) {
    if (line.state === "going" || line.state === "typed" || !line.text || this.announced.has(line.id)) return;
    this.announced.add(line.id);
    $("spoken").append(el("p", {}, `${line.name}: ${line.text}`));
    if ($("spoken").childElementCount > 5) $("spoken").firstChild.remove();
  }

  drawCues(room) {
    $("coach").hidden = room.cues.length === 0;
    if (this.cues === room.cues) return;
    this.cues = room.cues;
    $("cues").replaceChildren(...room.cues.slice(-4).reverse().map((cue) => el("li", {}, cue.text)));
  }

  drawControls(room) {
    $("mute").hidden = $("done").hidden = room.textOnly;
    $("done").disabled = room.muted;
    $("mute").setAttribute("aria-pressed", String(room.muted));
    write($("mute").querySelector("span"), room.muted ? "Muted" : "Mute");
    $("longer").setAttribute("aria-pressed", String(room.patience > 0));
    write($("pace"), `${room.speed.toFixed(1)}×`);
    for (const id of ["slower", "faster"]) $(id).disabled = false;
    if (room.speed <= 0.7) $("slower").disabled = true;
    if (room.speed >= 1.3) $("faster").disabled = true;
    if (room.textOnly) this.openTyping(true);
  }

  openTyping(open) {
    $("typing").hidden = !open;
    $("type").setAttribute("aria-expanded", String(open));
  }

  /** The time that is left, or that has passed where there is no limit. */
  drawClock(time) {
    if (!time) return;
    const left = time.left !== null && time.left !== undefined;
    write($("clock"), left ? clock(time.left) : clock(time.elapsed));
    $("clock").setAttribute("aria-label", left ? "Time left" : "Time so far");
  }

  /** One line above the stage, with what can be done about it; null takes it away. */
  banner(text, ...actions) {
    $("banner").hidden = !text;
    write($("banner").querySelector("p"), text ?? "");
    $("banner").querySelector(".actions").replaceChildren(...actions);
  }

  /** Loudness 0–1 of the interviewer; `dt` seconds since the last time. */
  breathe(level, dt) {
    if (this.still || !this.room) return;
    const wanted = meter(level) ** 2;
    this.level += (wanted - this.level) * Math.min(1, dt * (wanted > this.level ? 18 : 6));
    this.turn += dt * (0.5 + 3 * this.level + (this.room.floor === "thinking" ? 1.5 : 0));
    this.avatar.draw(this.room.persona, this.level, this.turn);
  }

  hear(level) {
    $("mute").style.setProperty("--level", meter(level).toFixed(2));
  }

  close() {
    this.wide.removeEventListener("change", this.fold);
    this.size.disconnect();
    $("script").onscroll = null;
    document.title = this.title;
  }
}
