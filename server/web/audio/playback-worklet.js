// The loudspeaker's side: frames of replies in, sound out, and reports of what has been sounded.
import { JitterBuffer, Playing } from "./jitter.js";
import { Resampler, rms } from "./resample.js";

const RATE = 16000;
const REPORTS_PER_S = 20;

class Playback extends AudioWorkletProcessor {
  constructor() {
    super();
    this.buffer = new JitterBuffer(RATE);
    this.resampler = new Resampler(RATE, sampleRate);
    this.ready = new Float32Array(0);
    this.sinceReport = 0;
    this.over = false;
    this.port.onmessage = ({ data }) => this.told(data);
  }

  told(data) {
    const { kind, number } = data;
    if (kind === "push") this.buffer.push(number, data.atMs, new Int16Array(data.pcm));
    else if (kind === "finish") this.buffer.finish(number);
    else if (kind === "hold") this.silence(() => this.buffer.hold(number));
    else if (kind === "release") this.buffer.release(number);
    else if (kind === "clear") this.silence(() => this.clear(number));
    else if (kind === "end") this.over = true;
  }

  clear(number) {
    for (const one of this.buffer.clear(number)) this.port.postMessage({ kind: "cleared", ...one });
  }

  silence(act) {
    act();
    // What the resampler has ready belongs to the reply that must stop now.
    if (this.buffer.state !== Playing.SOUNDING) this.ready = new Float32Array(0);
  }

  process(_, [output]) {
    const out = output[0];
    while (this.ready.length < out.length) this.more(out.length - this.ready.length);
    out.set(this.ready.subarray(0, out.length));
    this.ready = this.ready.slice(out.length);
    for (let channel = 1; channel < output.length; channel += 1) output[channel].set(out);
    this.sinceReport += out.length;
    if (this.sinceReport >= sampleRate / REPORTS_PER_S) {
      this.sinceReport = 0;
      this.port.postMessage({
        kind: "state", state: this.buffer.state, position: this.buffer.position(),
        level: rms(out), underruns: this.buffer.underruns,
      });
    }
    return !this.over;
  }

  more(wanted) {
    const source = new Float32Array(Math.ceil((wanted * RATE) / sampleRate));
    for (const one of this.buffer.pull(source)) this.port.postMessage({ kind: "done", ...one });
    const made = this.resampler.process(source);
    const joined = new Float32Array(this.ready.length + made.length);
    joined.set(this.ready);
    joined.set(made, this.ready.length);
    this.ready = joined;
  }
}

registerProcessor("viva-playback", Playback);
