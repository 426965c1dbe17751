import assert from "node:assert/strict";
import { test } from "node:test";
import { clock, floorMark, floorText, newRoom, progress, step } from "../../../server/web/room/machine.js";

const play = (events, start = newRoom({ personas: [{ id: "hr", name: "Maya" }], total: 5 })) => events.reduce(step, start);
const UP = { type: "link.up", resumed: false };

test("both sides are captioned, each line once", () => {
  const room = play([
    UP,
    { type: "response.output_audio_transcript.delta", response_id: "r1", item_id: "a", delta: "Tell me " },
    { type: "response.output_audio_transcript.delta", response_id: "r1", item_id: "a", delta: "more." },
    { type: "response.done", response: { id: "r1", status: "completed" } },
    { type: "conversation.item.input_audio_transcription.delta", item_id: "b", delta: "We had" },
    { type: "conversation.item.input_audio_transcription.completed", item_id: "b", transcript: "We had an outage." },
    { type: "conversation.item.input_audio_transcription.delta", item_id: "b", delta: " late" },
  ]);
  assert.deepEqual(room.lines.map(({ name, text, state }) => [name, text, state]), [
    ["Maya", "Tell me more.", "done"], ["You", "We had an outage.", "done"],
  ]);
});

test("an interrupted line keeps what was heard, and says that it was cut", () => {
  const room = play([
    UP, { type: "viva.floor", state: "speaking" },
    { type: "response.output_audio_transcript.delta", response_id: "r1", item_id: "a", delta: "Tell me more about it" },
    { type: "viva.pause", response_id: "r1" },
  ]);
  assert.equal(floorText(room), "Maya paused for you");
  const cut = play([
    { type: "response.output_audio_transcript.done", response_id: "r1", item_id: "a", transcript: "Tell me" },
    { type: "response.done", response: { id: "r1", status: "cancelled" } },
    { type: "viva.floor", state: "listening" },
  ], room);
  assert.deepEqual([cut.lines[0].text, cut.lines[0].state, cut.held], ["Tell me", "cut", false]);
  assert.equal(floorText(cut), "Your turn: take your time");
});

test("who says to be done before having spoken is told so", () => {
  const room = play([UP, { type: "error", error: { code: "input_audio_buffer_commit_empty", message: "m" } }]);
  assert.equal(room.notice.text, "No answer has been heard yet. Speak, or type it.");
  assert.equal(play([UP, { type: "error", error: { code: "invalid_json", message: "m" } }]).notice, null);
});

test("a cough: the pause is over and the line goes on", () => {
  const room = play([UP, { type: "viva.floor", state: "speaking" }, { type: "viva.pause" }, { type: "viva.resume_audio" }]);
  assert.equal(floorText(room), "Maya is speaking");
});

test("after an interruption the line says what was heard", () => {
  const room = play([
    UP, { type: "response.output_audio_transcript.delta", response_id: "r1", item_id: "a", delta: "Tell me more about it" },
    { type: "conversation.item.truncated", item_id: "a", audio_end_ms: 400 },
    { type: "conversation.item.retrieved", item: { id: "a", role: "assistant", content: [{ transcript: "Tell me" }] } },
  ]);
  assert.deepEqual([room.lines[0].text, room.lines[0].state], ["Tell me", "cut"]);
});

test("a line of which nothing was heard is none", () => {
  const room = play([
    UP, { type: "response.output_audio_transcript.delta", response_id: "r1", item_id: "a", delta: "Tell me" },
    { type: "conversation.item.truncated", item_id: "a", audio_end_ms: 20 },
    { type: "conversation.item.retrieved", item: { id: "a", role: "assistant", content: [{ transcript: "" }] } },
  ]);
  assert.deepEqual(room.lines, []);
});

test("before the greeting it is nobody's turn", () => {
  const room = play([UP, { type: "viva.floor", state: "listening" }]);
  assert.deepEqual([floorText(room), floorMark(room)], ["Maya will begin in a moment", "waiting"]);
  const asked = step(room, { type: "viva.question", id: "q1", text: "?", index: 1, total: 2 });
  assert.deepEqual([floorText(asked), floorMark(asked)], ["Your turn: take your time", "listening"]);
});

test("partials replace each other, and the pieces no longer count", () => {
  const room = play([
    UP, { type: "viva.partial", item_id: "b", text: "In my last" }, { type: "viva.partial", item_id: "b", text: "In my last job" },
    { type: "conversation.item.input_audio_transcription.delta", item_id: "b", delta: "In my last job" },
  ]);
  assert.equal(room.lines[0].text, "In my last job");
});

test("an utterance that was nothing leaves no line", () => {
  const room = play([
    UP, { type: "conversation.item.input_audio_transcription.delta", item_id: "b", delta: "uh" },
    { type: "conversation.item.input_audio_transcription.completed", item_id: "b", transcript: "" },
  ]);
  assert.deepEqual(room.lines, []);
});

test("questions count without their follow-ups, and repeated events change nothing", () => {
  const ask = (id, index, more = {}) => ({ type: "viva.question", id, text: id, index, total: 6, ...more });
  const room = play([ask("q1", 1), ask("q2", 2), ask("q2", 2), ask("f1", 2, { follow_up_to: "q2" }),
    { type: "viva.answer.saved", question_id: "q1" }, { type: "viva.answer.saved", question_id: "q1" }]);
  assert.deepEqual(progress(room), { index: 2, total: 6 });
  assert.deepEqual(room.asked.map((one) => one.id), ["q1", "q2", "f1"]);
  assert.deepEqual(room.saved, ["q1"]);
});

test("a score that is not there is none", () => {
  const room = play([{ type: "viva.score", question_id: "q1", overall: 71 }, { type: "viva.score", question_id: "q2", overall: null }]);
  assert.deepEqual(room.scores, { q1: 71 });
});

test("the phase moves only as it may", () => {
  const ended = play([UP, { type: "viva.ended", reason: "finished", scorecard_url: "/s" }]);
  assert.equal(ended.phase, "ended");
  for (const type of ["link.down", "link.failed", "link.up"]) assert.equal(step(ended, { type, reason: "x" }).phase, "ended");
  assert.deepEqual(ended.ended, { reason: "finished", scorecardUrl: "/s" });
  const lost = play([UP, { type: "link.down" }]);
  assert.equal(floorText(lost), "Reconnecting");
  assert.equal(step(lost, { type: "link.up", resumed: true }).resumes, 1);
  assert.deepEqual(step(lost, { type: "link.failed", reason: "unreachable" }).ended, { reason: "unreachable" });
});

test("captions and cues are bounded", () => {
  let room = newRoom();
  for (let n = 0; n < 1000; n += 1) {
    room = step(room, { type: "local.typed", id: `t${n}`, text: "x" });
    room = step(room, { type: "viva.coach", text: "slow down" });
  }
  assert.equal(room.lines.length, 400);
  assert.equal(room.cues.length, 20);
});

test("unknown events are nothing", () => {
  const room = newRoom();
  assert.equal(step(room, { type: "rate_limits.updated" }), room);
});

test("time reads as minutes and seconds", () => {
  assert.deepEqual([0, 5, 65, 3600, -3].map(clock), ["0:00", "0:05", "1:05", "60:00", "0:00"]);
});
