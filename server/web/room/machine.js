// What the room knows, and how each event changes it. Pure: the page draws what `step` returns.

export const Phase = Object.freeze({
  CONNECTING: "connecting",
  LIVE: "live",
  RECONNECTING: "reconnecting",
  ENDED: "ended",
  FAILED: "failed",
});

/** Moves of the phase; an event that is not listed leaves it as it is. */
const MOVES = {
  connecting: { "link.up": "live", "link.down": "reconnecting", "link.failed": "failed", "viva.ended": "ended" },
  live: { "link.down": "reconnecting", "link.failed": "failed", "viva.ended": "ended" },
  reconnecting: { "link.up": "live", "link.failed": "failed", "viva.ended": "ended" },
  ended: {},
  failed: {},
};

export const AGENT = "agent";
export const YOU = "you";
const KEPT_LINES = 400;
const KEPT_CUES = 20;
/** Errors that a person should know of, in words for them; the others are ours alone. */
const ERRORS = {
  input_audio_buffer_commit_empty: "No answer has been heard yet. Speak, or type it.",
  audio_too_fast: "Your sound arrives in bursts, and some of it was lost. Say the last sentence again, or type it.",
  text_too_long: "That answer is too long to be taken. Send it in two parts.",
};

export function newRoom({ textOnly = false, personas = [], total = 0 } = {}) {
  return {
    phase: Phase.CONNECTING,
    floor: "waiting", // waiting | listening | thinking | speaking
    held: false, // the interviewer paused: perhaps you speak
    persona: personas[0] ?? null,
    question: null,
    asked: [], // questions and follow-ups, in the order in which they came
    saved: [], // ids of questions whose answer is stored
    scores: {}, // question id -> 0–100, where the server scores at once
    total,
    lines: [], // captions: {id, who, name, text, state: going | done | cut | typed}
    replies: {}, // reply number -> response id
    partials: false, // the server sends the answer so far as a whole
    cues: [],
    time: null,
    muted: false,
    textOnly,
    speed: 1,
    patience: 0,
    recording: false,
    engines: null,
    notice: null,
    resumes: 0,
    ended: null,
  };
}

/** The room after `event`: a server event, `link.*`, or `local.*` for what the person did. */
export function step(room, event) {
  const phase = MOVES[room.phase][event.type] ?? room.phase;
  const moved = phase === room.phase ? room : { ...room, phase };
  const rule = RULES[event.type];
  return rule ? rule(moved, event) : moved;
}

const RULES = {
  "link.up": (room, { resumed }) => (resumed ? { ...room, resumes: room.resumes + 1 } : room),
  "link.down": (room) => ({ ...room, held: false }),
  "link.failed": (room, { reason }) => (room.phase === Phase.FAILED ? { ...room, ended: { reason } } : room),

  "viva.session": (room, { recording, engines }) => ({ ...room, recording: Boolean(recording), engines: engines ?? room.engines }),
  "viva.floor": (room, { state }) => ({ ...room, floor: state, held: state === "speaking" ? room.held : false }),
  "viva.pause": (room) => ({ ...room, held: true }),
  "viva.resume_audio": (room) => ({ ...room, held: false }),
  "viva.persona": (room, { id, name, title }) => ({ ...room, persona: { id, name, title } }),
  "viva.question": (room, event) => {
    const question = questionOf(event);
    const rest = room.asked.filter((one) => one.id !== question.id);
    return { ...room, question, asked: [...rest, question], total: question.total || room.total };
  },
  "viva.coach": (room, { text, event_id }) =>
    ({ ...room, cues: [...room.cues, { id: event_id ?? `cue-${room.cues.length}`, text }].slice(-KEPT_CUES) }),
  "viva.answer.saved": (room, { question_id }) =>
    (question_id && !room.saved.includes(question_id) ? { ...room, saved: [...room.saved, question_id] } : room),
  "viva.score": (room, { question_id, overall }) =>
    (typeof overall === "number" ? { ...room, scores: { ...room.scores, [question_id]: overall } } : room),
  "viva.time": (room, { elapsed_s, left_s }) => ({ ...room, time: { elapsed: elapsed_s, left: left_s } }),
  "viva.notice": (room, { code, text }) => ({ ...room, notice: { code, text } }),
  error: (room, { error }) =>
    (Object.hasOwn(ERRORS, error?.code) ? { ...room, notice: { code: error.code, text: ERRORS[error.code] } } : room),
  "viva.ended": (room, { reason, scorecard_url }) =>
    ({ ...room, floor: "waiting", held: false, ended: { reason, scorecardUrl: scorecard_url ?? null } }),
  "viva.reply": (room, { response_id, number }) => ({ ...room, replies: { ...room.replies, [number]: response_id } }),

  "conversation.item.input_audio_transcription.delta": (room, { item_id, delta }) =>
    (room.partials ? room : say(room, item_id, YOU, (text) => text + (delta ?? ""), "going")),
  // Once the whole text comes with every change, the pieces of it are of no use.
  "viva.partial": (room, { item_id, text }) => ({ ...say(room, item_id, YOU, () => text, "going"), partials: true }),
  "conversation.item.input_audio_transcription.completed": (room, { item_id, transcript }) =>
    (transcript ? say(room, item_id, YOU, () => transcript, "done") : drop(room, item_id)),
  "response.output_audio_transcript.delta": (room, { response_id, item_id, delta }) =>
    say(room, item_id ?? response_id, AGENT, (text) => text + (delta ?? ""), "going", response_id),
  "response.output_audio_transcript.done": (room, { response_id, item_id, transcript }) =>
    say(room, item_id ?? response_id, AGENT, (text) => transcript ?? text, "going", response_id),
  "response.done": (room, { response }) => {
    const cut = ["cancelled", "failed", "incomplete"].includes(response?.status);
    const lines = room.lines.map((line) =>
      (line.response === response?.id && line.state === "going" ? { ...line, state: cut ? "cut" : "done" } : line));
    return { ...room, lines, held: cut ? false : room.held };
  },
  "conversation.item.truncated": (room, { item_id }) => ({
    ...room, held: false,
    lines: room.lines.map((line) => (line.id === item_id ? { ...line, state: "cut" } : line)),
  }),
  "conversation.item.retrieved": (room, { item }) => {
    const heard = item?.content?.[0]?.transcript;
    if (typeof heard !== "string" || item.role !== "assistant") return room;
    if (!heard) return drop(room, item.id);
    return { ...room, lines: room.lines.map((line) => (line.id === item.id ? { ...line, text: heard } : line)) };
  },

  "local.typed": (room, { id, text }) => say(room, id, YOU, () => text, "typed"),
  "local.mute": (room, { on }) => ({ ...room, muted: on }),
  "local.speed": (room, { value }) => ({ ...room, speed: value }),
  "local.patience": (room, { seconds }) => ({ ...room, patience: seconds }),
  "local.microphone": (room, { on }) => ({ ...room, textOnly: !on }),
  "local.notice": (room, { code, text }) => ({ ...room, notice: { code, text } }),
  "local.dismiss": (room) => ({ ...room, notice: null }),
};

function questionOf({ id, text, index, total, block, follow_up_to, time_limit_s }) {
  return { id, text, index, total, block, followUpTo: follow_up_to ?? null, timeLimit: time_limit_s ?? null };
}

function say(room, id, who, change, state, response = null) {
  const found = room.lines.find((line) => line.id === id);
  if (found) {
    if (found.state !== "going" && state === "going") return room;
    const text = change(found.text);
    return { ...room, lines: room.lines.map((line) => (line === found ? { ...line, text, state } : line)) };
  }
  const name = who === AGENT ? room.persona?.name ?? "Interviewer" : "You";
  const line = { id, who, name, text: change(""), state, response };
  return { ...room, lines: [...room.lines, line].slice(-KEPT_LINES) };
}

const drop = (room, id) => ({ ...room, lines: room.lines.filter((line) => line.id !== id) });

/** Where the interview stands, for the list: planned questions without their follow-ups. */
export function progress(room) {
  const main = room.asked.filter((one) => !one.followUpTo);
  const index = room.question ? room.question.index ?? main.length : 0;
  return { index, total: Math.max(room.total, index) };
}

/** Seconds as minutes and seconds: `4:05`. */
export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** Whether the interviewer has said anything: before that, it is nobody's turn. */
const begun = (room) => room.lines.length > 0 || room.asked.length > 0;

/** One sentence on whose floor it is. */
export function floorText(room) {
  const name = room.persona?.name ?? "The interviewer";
  if (room.phase === Phase.CONNECTING) return "Connecting";
  if (room.phase === Phase.RECONNECTING) return "Reconnecting";
  if (room.phase === Phase.ENDED || room.phase === Phase.FAILED) return "The interview is over";
  if (room.held) return `${name} paused for you`;
  if (room.floor === "speaking") return `${name} is speaking`;
  if (room.floor === "thinking" && begun(room)) return `${name} is thinking`;
  if (room.floor === "listening" && begun(room)) return room.textOnly ? "Your turn: type your answer" : room.muted ? "Your turn: you are muted" : "Your turn: take your time";
  return `${name} will begin in a moment`;
}

/** The same for the eye: listening, thinking, speaking, or waiting when the floor is nobody's. */
export function floorMark(room) {
  if (room.phase !== Phase.LIVE) return "waiting";
  if (room.held) return "listening";
  return room.floor === "speaking" || begun(room) ? room.floor : "waiting";
}
