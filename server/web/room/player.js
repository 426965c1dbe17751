// Replies on their way to the loudspeaker: which is which, what was heard of them, and telling the server so.
import { playback } from "./protocol.js";

const REPORT_MS = 200; // of sound, not of the clock
const QUIET_MS = 8_000; // the goodbye may take this long to stop sounding once the call is over

export class Player {
  /** `sound` takes `play` and `tell`; `send` takes reports. */
  constructor(sound, send) {
    this.sound = sound;
    this.send = send;
    this.ids = new Map(); // reply number -> response id
    this.numbers = new Map(); // response id, and id of its item -> number
    this.reported = new Map(); // number -> milliseconds
    this.pending = new Set(); // replies with sound that is not over
    this.quiet = null;
  }

  frame({ number, atMs, pcm }) {
    if (!this.sound.plays) return;
    this.pending.add(number);
    this.sound.play({ number, atMs, pcm });
  }

  event(event) {
    const number = this.numbers.get(event.response_id ?? event.response?.id ?? event.item_id);
    switch (event.type) {
      case "viva.reply":
        this.ids.set(event.number, event.response_id);
        this.numbers.set(event.response_id, event.number);
        if (event.item_id) this.numbers.set(event.item_id, event.number);
        break;
      case "viva.pause":
        if (number !== undefined) this.sound.tell("hold", number);
        break;
      case "viva.resume_audio":
        if (number !== undefined) this.sound.tell("release", number);
        break;
      case "conversation.item.truncated":
        if (number !== undefined) this.sound.tell("clear", number);
        break;
      case "response.output_audio.done":
        if (number !== undefined) this.sound.tell("finish", number);
        break;
      case "response.done":
        if (number !== undefined) this.sound.tell(event.response.status === "cancelled" ? "clear" : "finish", number);
        break;
      default:
    }
  }

  /** The loudspeaker's state, twenty times a second. */
  report({ state, position }) {
    if (!position || !this.ids.has(position.number)) return;
    const played = this.heardMs(position.playedMs);
    const since = played - (this.reported.get(position.number) ?? 0);
    if (since < REPORT_MS && !(state === "held" && since > 0)) return;
    this.reported.set(position.number, played);
    this.send(playback(this.ids.get(position.number), played, false));
  }

  /** A reply was sounded to its end, or cut. */
  over({ kind, number, playedMs }) {
    this.pending.delete(number);
    const id = this.ids.get(number);
    // What was handed over as the last sample is still heard; what was cut is not.
    if (id) this.send(playback(id, kind === "done" ? playedMs : this.heardMs(playedMs), true));
    this.reported.delete(number);
    if (this.pending.size === 0) this.hush();
  }

  /** What has reached the ear: what was handed over, less what the device still holds. */
  heardMs(handedMs) {
    return Math.max(0, handedMs - this.sound.latencyMs);
  }

  /** Call `act` once when nothing sounds any more. */
  whenQuiet(act) {
    this.quiet = act;
    if (this.pending.size === 0) this.hush();
    else this.limit = setTimeout(() => this.hush(), QUIET_MS);
  }

  hush() {
    clearTimeout(this.limit);
    const act = this.quiet;
    this.quiet = null;
    act?.();
  }

  /** Silence, now. */
  stop() {
    for (const number of this.pending) this.sound.tell("clear", number);
  }

  close() {
    clearTimeout(this.limit);
    this.quiet = null;
    this.stop();
  }
}
