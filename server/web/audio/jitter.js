// What is waiting to be sounded, reply by reply, and exactly how far each one got.

/** How playing stands. */
export const Playing = Object.freeze({
  IDLE: "idle", // nothing is due
  FILLING: "filling", // waiting for enough to play on without a gap
  SOUNDING: "sounding",
  HELD: "held", // paused by the server: perhaps the candidate speaks
});

const FIRST_MS = 60; // what must wait before a reply begins to sound
const MOST_MS = 240; // a poor network makes us wait longer, but never more than this
const GROW_MS = 60;
const ROOM_MS = 60_000; // the most that may wait; more is refused, since nobody sends that much ahead

/** Samples wait here at `rate` Hz. No clock: time is what `pull` takes. */
export class JitterBuffer {
  constructor(rate) {
    this.rate = rate;
    this.state = Playing.IDLE;
    this.wanted = this.samples(FIRST_MS);
    this.replies = []; // oldest first; the first one is sounding
    this.cleared = -1; // replies up to this number are over: late frames of theirs are dropped
    this.held = null;
    this.underruns = 0;
    this.refused = 0;
  }

  samples(ms) {
    return Math.round((ms * this.rate) / 1000);
  }

  /** A frame of reply `number`, `atMs` into it. False when it came too late or there is no room. */
  push(number, atMs, pcm) {
    if (number <= this.cleared) return false;
    if (this.waiting() + pcm.length > this.samples(ROOM_MS)) {
      this.refused += 1;
      return false;
    }
    const reply = this.reply(number);
    const at = this.samples(atMs);
    const end = reply.chunks.length ? reply.chunks.at(-1).at + reply.chunks.at(-1).pcm.length : reply.played;
    // A replay after a reconnect repeats what we have; half of a frame may be new. One millisecond is rounding.
    const overlap = end - at > this.rate / 1000 ? end - at : 0;
    if (overlap >= pcm.length) return false;
    const fresh = overlap ? pcm.subarray(overlap) : pcm;
    const start = reply.chunks.length && Math.abs(at + overlap - end) <= this.rate / 1000 ? end : at + overlap;
    reply.chunks.push({ at: start, pcm: fresh });
    if (this.state === Playing.IDLE) this.state = Playing.FILLING;
    return true;
  }

  /** All of reply `number` has been sent. */
  finish(number) {
    if (number > this.cleared) this.reply(number).whole = true;
  }

  hold(number) {
    if (number <= this.cleared) return;
    this.held = number;
    if (this.replies[0]?.number === number) this.state = Playing.HELD;
  }

  release(number) {
    if (this.held !== number) return;
    this.held = null;
    if (this.state === Playing.HELD) this.state = Playing.FILLING;
  }

  /** Drop all up to reply `number`; what was sounded of each, newest last. */
  clear(number) {
    const dropped = this.replies.filter((reply) => reply.number <= number);
    this.replies = this.replies.filter((reply) => reply.number > number);
    this.cleared = Math.max(this.cleared, number);
    if (this.held !== null && this.held <= number) this.held = null;
    this.state = this.replies.length ? Playing.FILLING : Playing.IDLE;
    return dropped.map((reply) => ({ number: reply.number, playedMs: this.ms(reply.played) }));
  }

  /** Fill `out` with what is due, silence where nothing is; reports of replies that ended in here. */
  pull(out) {
    out.fill(0);
    const ended = [];
    let filled = 0;
    while (filled < out.length) {
      const reply = this.replies[0];
      if (!reply) {
        this.state = Playing.IDLE;
        break;
      }
      if (this.held === reply.number) {
        this.state = Playing.HELD;
        break;
      }
      // A newer reply means that no more of this one will come, even if nobody said so.
      const whole = reply.whole || this.replies.length > 1;
      if (whole && reply.chunks.length === 0) {
        ended.push({ number: reply.number, playedMs: this.ms(reply.played) });
        this.cleared = Math.max(this.cleared, reply.number);
        this.replies.shift();
        continue;
      }
      if (this.state !== Playing.SOUNDING) {
        if (!whole && this.waiting() < this.wanted) {
          this.state = Playing.FILLING;
          break;
        }
        this.state = Playing.SOUNDING;
      }
      if (reply.chunks.length === 0) {
        this.underruns += 1;
        this.wanted = Math.min(this.samples(MOST_MS), this.wanted + this.samples(GROW_MS));
        this.state = Playing.FILLING;
        break;
      }
      filled += this.take(reply, out, filled);
    }
    return ended;
  }

  take(reply, out, filled) {
    const chunk = reply.chunks[0];
    const offset = Math.max(0, reply.played - chunk.at);
    const count = Math.min(chunk.pcm.length - offset, out.length - filled);
    for (let i = 0; i < count; i += 1) out[filled + i] = chunk.pcm[offset + i] / 32768;
    reply.played = chunk.at + offset + count;
    if (offset + count === chunk.pcm.length) reply.chunks.shift();
    return count;
  }

  /** The reply that is sounding: its number and how many milliseconds of it were handed out; or null. */
  position() {
    const reply = this.replies[0];
    return reply ? { number: reply.number, playedMs: this.ms(reply.played) } : null;
  }

  /** Samples that wait. */
  waiting() {
    let sum = 0;
    for (const reply of this.replies)
      for (const chunk of reply.chunks) sum += chunk.at + chunk.pcm.length - Math.max(chunk.at, reply.played);
    return sum;
  }

  ms(samples) {
    return Math.floor((samples * 1000) / this.rate);
  }

  reply(number) {
    let reply = this.replies.find((one) => one.number === number);
    if (!reply) {
      reply = { number, chunks: [], played: 0, whole: false };
      this.replies.push(reply);
      this.replies.sort((a, b) => a.number - b.number);
    }
    return reply;
  }
}
