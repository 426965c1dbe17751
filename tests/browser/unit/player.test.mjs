import assert from "node:assert/strict";
import { test } from "node:test";
import { lineUrl } from "../../../server/web/room/call.js";
import { microphoneTrouble, meter } from "../../../server/web/audio/devices.js";
import { Player } from "../../../server/web/room/player.js";

function make(latencyMs = 0) {
  const told = [];
  const sent = [];
  const sound = { latencyMs, plays: true, play: ({ number }) => told.push(["play", number]), tell: (kind, number) => told.push([kind, number]) };
  const player = new Player(sound, (message) => sent.push([message.response_id, message.played_ms, message.done]));
  player.event({ type: "viva.reply", response_id: "r1", item_id: "i1", number: 1 });
  return { player, told, sent };
}
const at = (playedMs, state = "sounding") => ({ state, position: { number: 1, playedMs } });

test("progress is told every 200 ms of sound, less what the device still holds", () => {
  const { player, sent } = make(40);
  for (let ms = 0; ms <= 700; ms += 50) player.report(at(ms));
  assert.deepEqual(sent, [["r1", 210, false], ["r1", 410, false], ["r1", 610, false]]);
  player.over({ kind: "done", number: 1, playedMs: 720 });
  assert.deepEqual(sent.at(-1), ["r1", 720, true]);
});

test("a pause is told at once, and once", () => {
  const { player, told, sent } = make();
  player.report(at(210));
  player.event({ type: "viva.pause", response_id: "r1" });
  player.report(at(260, "held"));
  player.report(at(260, "held"));
  assert.deepEqual(told, [["hold", 1]]);
  assert.deepEqual(sent, [["r1", 210, false], ["r1", 260, false]]);
  player.event({ type: "viva.resume_audio", response_id: "r1" });
  assert.deepEqual(told.at(-1), ["release", 1]);
});

for (const event of [
  { type: "conversation.item.truncated", item_id: "i1", audio_end_ms: 3 },
  { type: "response.done", response: { id: "r1", status: "cancelled" } },
]) {
  test(`${event.type} silences the reply it names`, () => {
    const { player, told } = make();
    player.event(event);
    assert.deepEqual(told, [["clear", 1]]);
  });
}

test("a reply of somebody else is left alone", () => {
  const { player, told } = make();
  player.event({ type: "conversation.item.truncated", item_id: "of the candidate" });
  player.event({ type: "response.done", response: { id: "r9", status: "cancelled" } });
  assert.deepEqual(told, []);
});

test("the end waits for the goodbye", () => {
  const { player } = make();
  let ends = 0;
  player.frame({ number: 1, atMs: 0, pcm: new ArrayBuffer(4) });
  player.whenQuiet(() => { ends += 1; });
  assert.equal(ends, 0);
  player.over({ kind: "done", number: 1, playedMs: 1 });
  assert.equal(ends, 1);
  player.whenQuiet(() => { ends += 1; });
  assert.equal(ends, 2);
});

test("each trouble with the microphone has its own words", () => {
  const names = ["NotAllowedError", "NotFoundError", "NotReadableError", "Other"];
  const codes = names.map((name) => microphoneTrouble(name).code);
  assert.deepEqual(codes, ["denied", "missing", "busy", "unknown"]);
  assert.equal(microphoneTrouble("NotAllowedError", { secure: false }).code, "insecure");
  assert.equal(microphoneTrouble("", { supported: false }).code, "unsupported");
});

test("the meter is empty in silence and full at full scale", () => {
  assert.deepEqual([0, 0.001, 1, 4].map(meter), [0, 0, 1, 1]);
  assert.ok(Math.abs(meter(0.0316) - 0.5) < 0.01);
});

test("the line goes to the host that served the page", () => {
  assert.equal(lineUrl("ws://127.0.0.1:8080/v1/realtime?call_id=a", "https://viva.example/mock-interview/x"), "wss://viva.example/v1/realtime?call_id=a");
  assert.equal(lineUrl("/v1/realtime?call_id=a", "http://localhost:9/mock-interview/x"), "ws://localhost:9/v1/realtime?call_id=a");
});
