// One call: ties the line, the sound, the state and the page together, from the first word to the last.
import { el } from "../lib/dom.js";
import { Controls } from "./controls.js";
import { browserWorld, Link } from "./link.js";
import { newRoom, Phase, step } from "./machine.js";
import { Player } from "./player.js";
import * as wire from "./protocol.js";
import { Stage } from "./stage.js";

const END_WAIT_MS = 6_000;
const NOTICE_MS = 12_000;
const TYPING_MS = 5_000;

/** The line's address on this very server: the one it gave may name a host that only it can see. */
export function lineUrl(callUrl, here) {
  const given = new URL(callUrl, here);
  const own = new URL(here);
  return `${own.protocol === "https:" ? "wss:" : "ws:"}//${own.host}${given.pathname}${given.search}`;
}

/** Hold the call; resolves to the room as it was at the end. `keep` takes what a page that is loaded again needs. */
export function holdCall({ invitation, registered, sound, keep }) {
  return new Promise((resolve) => {
    new Call({ invitation, registered, sound, keep, resolve }).begin();
  });
}

class Call {
  constructor({ invitation, registered, sound, keep, resolve }) {
    Object.assign(this, { sound, keep, resolve });
    this.again = Boolean(registered.resumeToken);
    this.behind = 0; // events to come that this page's predecessor has seen
    this.wroteAt = -Infinity;
    this.world = browserWorld();
    this.room = newRoom({ textOnly: !sound.hears, personas: invitation.personas, total: invitation.questions.length });
    this.stage = new Stage({ name: invitation.name, planned: invitation.questions });
    this.link = new Link({
      url: lineUrl(registered.callUrl, location.href), token: registered.accessToken, world: this.world, plays: sound.plays,
      resumeToken: registered.resumeToken, lastEvent: registered.beforeAll,
      on: (kind, data) => this.fromLine(kind, data),
    });
    this.player = new Player(sound, (message) => this.link.send(message, { keep: message.done === true }));
    this.controls = new Controls({
      mute: () => this.mute(), done: () => this.done(), type: (text) => this.type(text), typing: () => this.typing(), longer: () => this.longer(),
      faster: (by) => this.pace(by), end: () => this.end(), stage: this.stage,
    });
    this.agentLevel = 0;
    this.clockBase = null;
    this.closing = null;
  }

  begin() {
    this.sound.on = (kind, data) => this.fromSound(kind, data);
    this.tick = setInterval(() => this.drawClock(), 500);
    this.guard = (event) => event.preventDefault();
    this.online = () => this.link.retry();
    this.shown = () => { if (!document.hidden) this.sound.context?.resume().catch(() => {}); };
    addEventListener("beforeunload", this.guard);
    addEventListener("online", this.online);
    document.addEventListener("visibilitychange", this.shown);
    this.animate();
    if (!this.sound.hears || this.again) this.link.send(wire.mute(!this.sound.hears));
    this.apply({ type: "local.microphone", on: this.sound.hears });
    this.link.open();
  }

  apply(event) {
    const before = this.room;
    this.room = step(before, event);
    if (this.room === before) return;
    this.stage.draw(this.room);
    if (this.room.notice !== before.notice && this.room.notice) this.notice(this.room.notice.text);
    if (this.room.time !== before.time) {
      this.clockBase = this.world.now();
      this.drawClock();
    }
  }

  fromLine(kind, data) {
    if (kind === "audio") this.player.frame(data);
    else if (kind === "event") {
      if (this.isPast(data)) return;
      this.player.event(data);
      this.apply(data);
      if (data.type === "viva.session") this.keep({ resumeToken: data.resume_token, beforeAll: wire.beforeAll(data.event_id) });
      if (data.type === "conversation.item.truncated") this.link.send(wire.retrieve(data.item_id), { keep: false });
    } else if (kind === "up") {
      this.apply({ type: "link.up", ...data });
      this.stage.banner(null);
      if (data.resumed) {
        this.wishAgain();
        this.flash("You are back. Nothing you said is lost.");
      }
    } else if (kind === "down") {
      this.apply({ type: "link.down" });
      this.stage.banner("The connection dropped. We are bringing you back to the same question; keep this page open.",
        el("button", { type: "button", onclick: () => this.link.retry() }, "Try now"));
    } else if (kind === "failed") {
      this.apply({ type: "link.failed", ...data });
      this.leave();
    } else if (kind === "ended") this.player.whenQuiet(() => this.leave());
  }

  /** A server that was restarted knows nothing of what was asked for. */
  wishAgain() {
    const { muted, textOnly, speed, patience } = this.room;
    if (muted || textOnly) this.link.send(wire.mute(true), { keep: false });
    if (speed !== 1) this.link.send(wire.speed(speed), { keep: false });
    if (patience) this.link.send(wire.patience(patience), { keep: false });
  }

  /** What is told again to a page that was loaded again, and means nothing by now. */
  isPast(event) {
    if (event.type === "viva.resumed" && this.again) {
      this.behind = event.replayed;
      this.again = false;
      return false;
    }
    const past = this.behind > 0;
    if (past) this.behind -= 1;
    return past && event.type === "viva.notice";
  }

  fromSound(kind, data) {
    if (kind === "frame") {
      if (this.room.phase === Phase.LIVE || this.room.phase === Phase.RECONNECTING) this.link.sendAudio(data.pcm);
      this.stage.hear(data.level);
    } else if (kind === "state") {
      this.agentLevel = data.level;
      this.player.report(data);
    } else if (kind === "done" || kind === "cleared") this.player.over(data);
    else if (kind === "unplugged") this.unplugged();
    else if (kind === "stopped") this.stopped(data.state);
  }

  unplugged() {
    this.link.send(wire.mute(true));
    this.apply({ type: "local.microphone", on: false });
    this.stage.banner("The microphone is gone. Type your answers meanwhile, or plug it in and go on by voice.",
      el("button", { type: "button", onclick: () => this.plugIn() }, "Use the microphone"));
  }

  async plugIn() {
    try {
      await this.sound.listen();
    } catch (trouble) {
      this.stage.banner(`${trouble.title}. ${trouble.text}`,
        el("button", { type: "button", onclick: () => this.plugIn() }, "Try again"));
      return;
    }
    this.stage.banner(null);
    this.stage.openTyping(false);
    this.apply({ type: "local.microphone", on: true });
    if (!this.room.muted) this.link.send(wire.mute(false));
  }

  stopped(state) {
    if (state === "running") this.flash(null);
    else if (state && state !== "closed") {
      this.stage.banner("The browser has stopped the sound.",
        el("button", { type: "button", onclick: () => this.sound.start().catch(() => {}) }, "Turn it on again"));
    }
  }

  mute() {
    if (this.room.textOnly) return;
    const on = !this.room.muted;
    this.sound.mute(on);
    this.link.send(wire.mute(on));
    this.apply({ type: "local.mute", on });
  }

  done() {
    if (!this.room.textOnly && !this.room.muted) this.link.send(wire.done(), { keep: false });
  }

  typing() {
    const now = this.world.now();
    if (now - this.wroteAt < TYPING_MS) return;
    this.wroteAt = now;
    this.link.send(wire.typing(), { keep: false });
  }

  type(text) {
    this.wroteAt = -Infinity;
    if (!this.link.send(wire.typed(text))) {
      this.flash("That was not sent: too much is waiting for the connection.");
      return false;
    }
    this.apply({ type: "local.typed", id: `typed-${this.world.now()}`, text });
    return true;
  }

  longer() {
    const seconds = this.room.patience ? 0 : 10;
    this.link.send(seconds ? wire.patience(seconds) : wire.usualPatience());
    this.apply({ type: "local.patience", seconds });
    this.flash(seconds ? "You have up to ten seconds of silence before the interviewer answers." : "The interviewer answers at its usual pace again.");
  }

  pace(by) {
    const value = Math.round(10 * Math.max(0.7, Math.min(1.3, this.room.speed + by))) / 10;
    this.link.send(wire.speed(value));
    this.apply({ type: "local.speed", value });
  }

  end() {
    this.stage.banner("Ending and saving…");
    this.link.send(wire.end());
    this.player.stop();
    this.closing ??= setTimeout(() => {
      this.apply({ type: "viva.ended", reason: "hung_up" });
      this.leave();
    }, END_WAIT_MS);
  }

  notice(text) {
    if (text) this.flash(text);
  }

  /** A banner that goes by itself. */
  flash(text) {
    clearTimeout(this.fading);
    if (this.room.phase === Phase.RECONNECTING) return;
    this.stage.banner(text);
    this.fading = text ? setTimeout(() => this.stage.banner(null), NOTICE_MS) : null;
  }

  drawClock() {
    const { time } = this.room;
    if (!time) return;
    const live = this.room.phase === Phase.LIVE;
    const since = live ? (this.world.now() - this.clockBase) / 1000 : 0;
    this.stage.drawClock({ elapsed: time.elapsed + since, left: time.left === null || time.left === undefined ? null : time.left - since });
  }

  animate() {
    let before = null;
    const frame = (now) => {
      this.stage.breathe(this.agentLevel, before === null ? 0 : Math.min(0.1, (now - before) / 1000));
      before = now;
      this.drawing = requestAnimationFrame(frame);
    };
    this.drawing = requestAnimationFrame(frame);
  }

  leave() {
    if (this.left) return;
    this.left = true;
    for (const timer of [this.closing, this.fading]) clearTimeout(timer);
    clearInterval(this.tick);
    cancelAnimationFrame(this.drawing);
    removeEventListener("beforeunload", this.guard);
    removeEventListener("online", this.online);
    document.removeEventListener("visibilitychange", this.shown);
    this.sound.on = () => {};
    this.link.close();
    this.player.close();
    this.controls.close();
    this.stage.close();
    this.resolve(this.room);
  }
}
