// Words on the wire: what we send and how binary frames are read. See docs/realtime.md.

export const RATE = 16000;
const HEADER = 8; // reply number and millisecond offset, both uint32 little endian

/** What we can do. Without a loudspeaker (`plays` false) the server keeps the time of its speech itself. */
const session = (plays) => ({ type: "realtime", viva: { binary_audio: true, rate: RATE, playback: plays } });
export const wish = (plays) => ({ type: "session.update", session: session(plays) });
/** A server that was restarted does not remember what we can do; one that was not goes by what it knows. */
export const resume = (token, lastEvent, plays) => ({ type: "viva.resume", token, last_event: lastEvent, session: session(plays) });
/** The id before the first event of the server that made `eventId`: asks for all that is kept. */
export const beforeAll = (eventId) => eventId.replace(/_[\d.]+$/, "_0");
export const playback = (responseId, playedMs, done) => ({
  type: "viva.playback", response_id: responseId, played_ms: Math.max(0, Math.round(playedMs)), done,
});
export const typed = (text) => ({ type: "viva.text_answer", text });
/** The candidate writes: no reminder, please. */
export const typing = () => ({ type: "viva.typing" });
/** The candidate says that the spoken answer is over. */
export const done = () => ({ type: "input_audio_buffer.commit" });
export const mute = (on) => ({ type: "viva.mute", on });
export const speed = (value) => ({ type: "viva.speed", value });
export const patience = (seconds) => ({ type: "viva.patience", seconds });
/** Back to the server's own patience, whose value we do not know. */
export const usualPatience = () => ({
  type: "session.update",
  session: { type: "realtime", audio: { input: { turn_detection: { type: "semantic_vad", eagerness: "auto" } } } },
});
/** Ask for an item again: after an interruption its transcript is what was heard. */
export const retrieve = (itemId) => ({ type: "conversation.item.retrieve", item_id: itemId });
export const ping = (at) => ({ type: "viva.ping", at });
export const end = () => ({ type: "viva.end" });

/** The subprotocols by which a browser hands over its token. */
export const subprotocols = (token) => ["realtime", `openai-insecure-api-key.${token}`];

/** A binary frame of sound: `{number, atMs, pcm}`; null when it is too short to be one. */
export function readFrame(buffer) {
  if (buffer.byteLength <= HEADER) return null;
  const view = new DataView(buffer);
  const even = buffer.byteLength - ((buffer.byteLength - HEADER) % 2);
  return { number: view.getUint32(0, true), atMs: view.getUint32(4, true), pcm: buffer.slice(HEADER, even) };
}

/** A server event as an object; null when it is not one. */
export function readEvent(text) {
  try {
    const event = JSON.parse(text);
    return typeof event?.type === "string" ? event : null;
  } catch {
    return null;
  }
}
