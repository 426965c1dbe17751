// The microphone's side: the device's rate in, 20 ms frames of 16-bit PCM out, with their level.
import { Framer, Resampler, rms, toPcm } from "./resample.js";

const RATE = 16000;
const FRAME = RATE / 50;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(sampleRate, RATE);
    this.framer = new Framer(FRAME);
    this.muted = false;
    this.over = false;
    this.port.onmessage = ({ data }) => {
      if (data.kind === "mute") this.muted = data.on;
      if (data.kind === "end") this.over = true;
    };
  }

  process([input]) {
    const samples = input[0];
    if (!samples) return !this.over;
    for (const frame of this.framer.push(this.resampler.process(samples))) {
      const level = rms(frame);
      // Muted is silence, made here: what was said never leaves the device, and time goes on.
      const pcm = this.muted ? new Int16Array(FRAME) : toPcm(frame);
      this.port.postMessage({ level: this.muted ? 0 : level, pcm: pcm.buffer }, [pcm.buffer]);
    }
    return !this.over;
  }
}

registerProcessor("viva-capture", Capture);
