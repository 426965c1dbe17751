// Streaming change of sample rate by a windowed sinc: what leaves does not depend on how the input was cut.

const TAPS = 32;
const PHASES = 128;

/** Mono float samples at `from` Hz in, at `to` Hz out. Delays by half a window: `latency` input samples. */
export class Resampler {
  constructor(from, to) {
    this.from = from;
    this.to = to;
    this.latency = TAPS / 2;
    this.step = from / to;
    // Below the lower of both Nyquist frequencies, with room for the filter's slope.
    this.table = sincTable(0.92 * Math.min(1, to / from));
    this.history = new Float32Array(TAPS);
    this.at = 0;
  }

  /** The output that `input` completes. */
  process(input) {
    if (this.from === this.to) return input.slice();
    const joined = new Float32Array(TAPS + input.length);
    joined.set(this.history);
    joined.set(input, TAPS);
    const out = new Float32Array(Math.max(0, Math.ceil((input.length - this.at) / this.step)));
    let made = 0;
    while (this.at < input.length) {
      const whole = Math.floor(this.at);
      const phase = Math.floor((this.at - whole) * PHASES);
      let sum = 0;
      for (let tap = 0; tap < TAPS; tap += 1) sum += joined[whole + 1 + tap] * this.table[phase * TAPS + tap];
      out[made] = sum;
      made += 1;
      this.at += this.step;
    }
    this.at -= input.length;
    this.history = joined.slice(joined.length - TAPS);
    return made === out.length ? out : out.subarray(0, made);
  }
}

/** PHASES filters of TAPS taps; each sums to one, so that a constant stays itself. */
function sincTable(cutoff) {
  const table = new Float32Array(PHASES * TAPS);
  for (let phase = 0; phase < PHASES; phase += 1) {
    let sum = 0;
    for (let tap = 0; tap < TAPS; tap += 1) {
      const x = tap - (TAPS / 2 - 1) - phase / PHASES;
      const window = 0.42 + 0.5 * Math.cos((2 * Math.PI * x) / TAPS) + 0.08 * Math.cos((4 * Math.PI * x) / TAPS);
      const value = (x === 0 ? cutoff : Math.sin(Math.PI * cutoff * x) / (Math.PI * x)) * Math.max(0, window);
      table[phase * TAPS + tap] = value;
      sum += value;
    }
    for (let tap = 0; tap < TAPS; tap += 1) table[phase * TAPS + tap] /= sum;
  }
  return table;
}

/** Float samples as 16-bit PCM, clipped. */
export function toPcm(samples) {
  const pcm = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; i += 1) {
    const value = Math.max(-1, Math.min(1, samples[i]));
    pcm[i] = Math.round(value < 0 ? value * 32768 : value * 32767);
  }
  return pcm;
}

/** Cuts a stream of samples into frames of one size. */
export class Framer {
  constructor(size) {
    this.size = size;
    this.rest = new Float32Array(0);
  }

  *push(samples) {
    const joined = new Float32Array(this.rest.length + samples.length);
    joined.set(this.rest);
    joined.set(samples, this.rest.length);
    let at = 0;
    for (; at + this.size <= joined.length; at += this.size) yield joined.subarray(at, at + this.size);
    this.rest = joined.slice(at);
  }
}

/** Root mean square, 0–1. */
export function rms(samples) {
  let sum = 0;
  for (let i = 0; i < samples.length; i += 1) sum += samples[i] * samples[i];
  return samples.length ? Math.sqrt(sum / samples.length) : 0;
}
