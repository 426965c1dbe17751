// The microphone: asking for it, and saying in words why it is not there.

/** What to tell a person when `getUserMedia` failed: `{code, title, text}`. */
export function microphoneTrouble(name, { secure = true, supported = true } = {}) {
  if (!secure) {
    return { code: "insecure", title: "This page may not use a microphone",
      text: "Browsers allow it only over https, or on this machine itself. Open the page by its https address, or answer by typing." };
  }
  if (!supported) {
    return { code: "unsupported", title: "This browser cannot record sound",
      text: "Use a current Chrome, Edge, Firefox or Safari, or answer by typing." };
  }
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return { code: "denied", title: "The microphone was refused",
        text: "Click the icon left of the address, allow the microphone for this page, then try again. Your system's privacy settings may block it too." };
    case "NotFoundError":
    case "OverconstrainedError":
      return { code: "missing", title: "No microphone was found",
        text: "Plug one in or switch your headset on, then try again." };
    case "NotReadableError":
    case "AbortError":
      return { code: "busy", title: "The microphone is in use",
        text: "Another program holds it, often a video call. Close that program, then try again." };
    default:
      return { code: "unknown", title: "The microphone could not be opened",
        text: "Try again, choose another microphone, or answer by typing." };
  }
}

export class MicrophoneTrouble extends Error {
  constructor(trouble) {
    super(trouble.text);
    Object.assign(this, trouble);
  }
}

/** A stream of the microphone with echo cancellation. Throws MicrophoneTrouble. */
export async function openMicrophone(deviceId = "") {
  const supported = Boolean(navigator.mediaDevices?.getUserMedia);
  if (!isSecureContext || !supported) throw new MicrophoneTrouble(microphoneTrouble("", { secure: isSecureContext, supported }));
  const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
  if (deviceId) audio.deviceId = { exact: deviceId };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw new MicrophoneTrouble(microphoneTrouble(error.name));
  }
}

/** The microphones there are: `[{id, label}]`. Labels are empty until one was allowed. */
export async function microphones() {
  const found = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return found.filter((one) => one.kind === "audioinput").map((one) => ({ id: one.deviceId, label: one.label || "Microphone" }));
}

/** A loudness 0–1 as a share of the meter: -60 dB is empty, 0 dB is full. */
export function meter(level) {
  return level > 0 ? Math.max(0, Math.min(1, 1 + (20 * Math.log10(level)) / 60)) : 0;
}
