// One conversation over sockets that come and go. Owns the socket, its timers and what waits for it.
import { ping, readEvent, readFrame, resume, subprotocols, wish } from "./protocol.js";

const PAUSES_MS = [0, 500, 1000, 2000, 4000, 8000];
const GIVE_UP_MS = 90_000;
const PING_MS = 5_000;
const DEAF_MS = 15_000; // no word from the server for so long: the connection is dead, whatever it says
const KEPT_FRAMES = 150; // 3 s of the microphone, said while the line was down
const KEPT_WORDS = 50;
const BEHIND_BYTES = 64_000; // 2 s of sound not yet sent: more would only arrive too late
const OPEN = 1;
const GREETED = new Set(["session.updated", "viva.resumed"]);
const COME_BACK = new Set([4408, 4429]); // of the codes from 4000 on, all others are final

/**
 * `plays`: there is a loudspeaker. `resumeToken`, `lastEvent`: of the page before this one was loaded again.
 * `on` takes ("event", event), ("audio", frame), ("up", {resumed}), ("down"), ("failed", {reason}) and ("ended").
 * `world` holds what touches the outside: `connect(url, protocols)`, `later(ms, act)` → cancel, `now()` in ms.
 */
export class Link {
  constructor({ url, token, on, world, plays = true, resumeToken = null, lastEvent = null }) {
    Object.assign(this, { url, token, on, world, plays });
    this.socket = null;
    this.live = false; // the server has answered on this socket
    this.over = false;
    this.resumeToken = resumeToken;
    this.lastEvent = lastEvent;
    this.tries = 0;
    this.lostAt = null;
    this.words = [];
    this.frames = [];
    this.timers = new Map();
    this.heardAt = 0;
    this.dropped = 0;
  }

  open() {
    if (this.over) return;
    this.stop("retry");
    let socket;
    try {
      socket = this.world.connect(this.url, subprotocols(this.token));
    } catch {
      this.fail("address");
      return;
    }
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.heardAt = this.world.now();
    socket.onopen = () => this.greet(socket);
    socket.onmessage = ({ data }) => this.take(socket, data);
    socket.onclose = ({ code }) => this.lose(socket, code);
    socket.onerror = () => {}; // a close always follows
    this.listen();
  }

  greet(socket) {
    if (socket !== this.socket) return;
    const first = this.resumeToken ? resume(this.resumeToken, this.lastEvent, this.plays) : wish(this.plays);
    socket.send(JSON.stringify(first));
  }

  take(socket, data) {
    if (socket !== this.socket) return;
    this.heardAt = this.world.now();
    if (typeof data !== "string") {
      const frame = readFrame(data);
      if (frame) this.on("audio", frame);
      return;
    }
    const event = readEvent(data);
    if (!event) return;
    // What comes before the server has answered says nothing of what we have seen.
    if (event.event_id && (this.live || GREETED.has(event.type))) this.lastEvent = event.event_id;
    if (event.type === "viva.session" && event.resume_token) this.resumeToken = event.resume_token;
    if (event.type === "viva.ended") this.finish();
    if (GREETED.has(event.type) && !this.live) this.up();
    this.on("event", event);
    if (this.over) this.on("ended", event);
  }

  up() {
    const resumed = this.lostAt !== null;
    this.live = true;
    this.tries = 0;
    this.lostAt = null;
    this.on("up", { resumed });
    for (const word of this.words.splice(0)) this.socket.send(word);
    for (const frame of this.frames.splice(0)) this.socket.send(frame);
  }

  /** Send a message; while the line is down it waits, unless it is worthless later. */
  send(message, { keep = true } = {}) {
    const text = JSON.stringify(message);
    if (this.live && this.socket.readyState === OPEN) this.socket.send(text);
    else if (keep && !this.over && this.words.length < KEPT_WORDS) this.words.push(text);
    else return false;
    return true;
  }

  /** Send 20 ms of the microphone. What was said while the line was down is sent when it is back, 3 s at most. */
  sendAudio(frame) {
    if (this.over) return;
    if (!this.live || this.socket.readyState !== OPEN) {
      this.frames.push(frame);
      if (this.frames.length > KEPT_FRAMES) this.frames.shift();
    } else if (this.socket.bufferedAmount > BEHIND_BYTES) this.dropped += 1;
    else this.socket.send(frame);
  }

  lose(socket, code) {
    if (socket !== this.socket || this.over) return;
    this.socket = null;
    this.live = false;
    this.stop("ping");
    if (code === 1000 || code === 1008 || (code >= 4000 && !COME_BACK.has(code))) {
      this.fail({ 1000: "closed", 4404: "closed", 4409: "elsewhere" }[code] ?? "refused");
      return;
    }
    const now = this.world.now();
    if (this.lostAt === null) {
      this.lostAt = now;
      this.on("down");
    }
    if (now - this.lostAt > GIVE_UP_MS) {
      this.fail("unreachable");
      return;
    }
    const pause = PAUSES_MS[Math.min(this.tries, PAUSES_MS.length - 1)];
    this.tries += 1;
    this.start("retry", pause, () => this.open());
  }

  /** Try again now: the network is said to be back, or the person asks. */
  retry() {
    if (this.socket || this.over) return;
    this.tries = 0;
    this.open();
  }

  listen() {
    this.start("ping", PING_MS, () => {
      const socket = this.socket;
      if (!socket) return;
      if (this.world.now() - this.heardAt > DEAF_MS) {
        // Closing a dead connection can take minutes: it is let go of at once.
        this.lose(socket, 1006);
        socket.close();
        return;
      }
      this.send(ping(Math.round(this.world.now())), { keep: false });
      this.listen();
    });
  }

  fail(reason) {
    this.finish();
    this.on("failed", { reason });
  }

  finish() {
    this.over = true;
    this.live = false;
    for (const name of [...this.timers.keys()]) this.stop(name);
  }

  close() {
    this.finish();
    this.socket?.close(1000);
    this.socket = null;
  }

  start(name, ms, act) {
    this.stop(name);
    this.timers.set(name, this.world.later(ms, () => {
      this.timers.delete(name);
      act();
    }));
  }

  stop(name) {
    this.timers.get(name)?.();
    this.timers.delete(name);
  }
}

/** The world of a browser. */
export const browserWorld = () => ({
  connect: (url, protocols) => new WebSocket(url, protocols),
  now: () => performance.now(),
  later: (ms, act) => {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
});
