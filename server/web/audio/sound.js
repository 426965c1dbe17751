// The audio graph of the page: one context, microphone in, replies out. It is made by a click, as browsers demand.
import { openMicrophone } from "./devices.js";

const START_MS = 4_000; // without a loudspeaker some browsers never say that sound has started

class LoudspeakerTrouble extends Error {
  constructor() {
    const title = "No loudspeaker was found";
    const text = "Connect one, or headphones, and try again. Or answer by typing: all that is said is shown.";
    super(`${title}. ${text}`);
    Object.assign(this, { title, text });
  }
}

/** Waits for `promise`, no longer than a loudspeaker may take. */
async function promptly(promise) {
  let timer;
  const late = new Promise((_, fail) => { timer = setTimeout(() => fail(new LoudspeakerTrouble()), START_MS); });
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** `on` takes ("frame", {pcm, level}), ("state"|"done"|"cleared", data), ("unplugged") and ("stopped", {state}). */
export class Sound {
  constructor(on = () => {}) {
    this.on = on;
    this.context = null;
    this.starting = null;
    this.speaker = null;
    this.capture = null;
    this.stream = null;
    this.source = null;
    this.muted = false;
  }

  /** Call inside a click, as often as you like. Throws when there is nothing to play on. */
  async start() {
    const first = this.starting === null;
    this.starting ??= this.prepare();
    try {
      await this.starting;
      await promptly(this.context.resume());
    } catch (error) {
      if (first) this.stop().catch(() => {}); // nothing has sounded: the next try begins anew
      throw error;
    }
  }

  async prepare() {
    this.context = new AudioContext({ latencyHint: "interactive" });
    this.context.onstatechange = () => this.on("stopped", { state: this.context?.state });
    await this.context.audioWorklet.addModule(new URL("./playback-worklet.js", import.meta.url));
    await this.context.audioWorklet.addModule(new URL("./capture-worklet.js", import.meta.url));
    this.speaker = new AudioWorkletNode(this.context, "viva-playback", { numberOfInputs: 0, outputChannelCount: [1] });
    this.speaker.port.onmessage = ({ data }) => this.on(data.kind, data);
    this.speaker.connect(this.context.destination);
  }

  /** Open a microphone, instead of the one before if any. Throws MicrophoneTrouble. */
  async listen(deviceId = "") {
    const stream = await openMicrophone(deviceId);
    this.deafen();
    this.stream = stream;
    const [track] = stream.getAudioTracks();
    track.onended = () => {
      if (this.stream !== stream) return;
      this.deafen();
      this.on("unplugged");
    };
    this.capture = new AudioWorkletNode(this.context, "viva-capture", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    this.capture.port.onmessage = ({ data }) => this.on("frame", data);
    this.capture.port.postMessage({ kind: "mute", on: this.muted });
    this.source = this.context.createMediaStreamSource(stream);
    this.source.connect(this.capture);
    return track.label;
  }

  deafen() {
    this.source?.disconnect();
    this.capture?.port.postMessage({ kind: "end" });
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.source = this.capture = this.stream = null;
  }

  get plays() {
    return this.speaker !== null;
  }

  get hears() {
    return this.stream !== null;
  }

  mute(on) {
    this.muted = on;
    this.capture?.port.postMessage({ kind: "mute", on });
  }

  play(frame) {
    this.speaker?.port.postMessage({ kind: "push", ...frame }, [frame.pcm]);
  }

  /** `kind`: finish, hold, release or clear, for reply `number`. */
  tell(kind, number) {
    this.speaker?.port.postMessage({ kind, number });
  }

  /** Milliseconds between handing a sample over and hearing it. */
  get latencyMs() {
    return 1000 * ((this.context?.outputLatency ?? 0) || (this.context?.baseLatency ?? 0));
  }

  /** A short, soft chord, to hear whether there is sound. */
  chime() {
    const { context } = this;
    const gain = context.createGain();
    gain.gain.setValueAtTime(0, context.currentTime);
    gain.gain.linearRampToValueAtTime(0.16, context.currentTime + 0.03);
    gain.gain.exponentialRampToValueAtTime(0.001, context.currentTime + 1.4);
    gain.connect(context.destination);
    for (const hz of [392, 493.9, 587.3]) {
      const voice = new OscillatorNode(context, { type: "sine", frequency: hz });
      voice.connect(gain);
      voice.start();
      voice.stop(context.currentTime + 1.5);
    }
  }

  async stop() {
    this.deafen();
    this.tell("end");
    const { context } = this;
    this.context = this.speaker = this.starting = null;
    if (context) await promptly(context.close()).catch(() => {});
  }
}
