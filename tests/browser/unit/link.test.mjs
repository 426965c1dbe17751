import assert from "node:assert/strict";
import { test } from "node:test";
import { Link } from "../../../server/web/room/link.js";
import { beforeAll, playback, readEvent, readFrame, typed } from "../../../server/web/room/protocol.js";

/** A network whose time stands still until it is told to move. */
class World {
  constructor() {
    this.time = 0;
    this.due = [];
    this.sockets = [];
  }
  now() { return this.time; }
  connect(url, protocols) {
    const socket = { url, protocols, sent: [], readyState: 0, bufferedAmount: 0, closed: null };
    socket.send = (data) => socket.sent.push(typeof data === "string" ? JSON.parse(data) : data);
    socket.close = (code) => { socket.closed = code ?? 1005; };
    this.sockets.push(socket);
    return socket;
  }
  later(ms, act) {
    const one = { at: this.time + ms, act };
    this.due.push(one);
    return () => { this.due = this.due.filter((other) => other !== one); };
  }
  pass(ms) {
    const until = this.time + ms;
    for (;;) {
      const next = this.due.filter((one) => one.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.time = next.at;
      this.due = this.due.filter((one) => one !== next);
      next.act();
    }
    this.time = until;
  }
  get socket() { return this.sockets.at(-1); }
  accept() {
    this.socket.readyState = 1;
    this.socket.onopen();
    this.say({ type: "session.created", event_id: "e1" });
    if (this.socket.sent[0].type === "viva.resume") this.say({ type: "viva.resumed", event_id: "e9" });
    else {
      this.say({ type: "session.updated", event_id: "e2" });
      this.say({ type: "viva.session", event_id: "e3", resume_token: "r1" });
    }
  }
  say(event) { this.socket.onmessage({ data: JSON.stringify(event) }); }
  cut(code = 1006) {
    this.socket.readyState = 3;
    this.socket.onclose({ code });
  }
}

function open() {
  const world = new World();
  const told = [];
  const link = new Link({ url: "ws://x", token: "t", on: (kind, data) => told.push([kind, data]), world });
  link.open();
  return { world, link, told, kinds: () => told.map(([kind]) => kind).filter((kind) => kind !== "event") };
}

test("the token travels as a subprotocol and the extensions are asked for", () => {
  const { world, kinds } = open();
  assert.deepEqual(world.socket.protocols, ["realtime", "openai-insecure-api-key.t"]);
  world.accept();
  assert.deepEqual(world.socket.sent[0].session.viva, { binary_audio: true, rate: 16000, playback: true });
  assert.deepEqual(kinds(), ["up"]);
});

test("a cut line comes back with what was said meanwhile", () => {
  const { world, link, told, kinds } = open();
  world.accept();
  world.cut();
  assert.deepEqual(kinds(), ["up", "down"]);
  assert.ok(link.send(typed("I stayed")));
  assert.equal(link.send(playback("r", 5, false), { keep: false }), false);
  for (let n = 0; n < 200; n += 1) link.sendAudio(Uint8Array.of(n).buffer);
  world.pass(0);
  world.accept();
  const { sent } = world.socket;
  const { session } = world.sockets[0].sent[0]; // a server that was restarted knows nothing of it
  assert.deepEqual(sent[0], { type: "viva.resume", token: "r1", last_event: "e3", session });
  assert.deepEqual(sent[1], { type: "viva.text_answer", text: "I stayed" });
  const frames = sent.slice(2);
  assert.equal(frames.length, 150);
  assert.equal(new Uint8Array(frames[0])[0], 50);
  assert.deepEqual(told.filter(([kind]) => kind === "up").map(([, data]) => data.resumed), [false, true]);
});

test("a socket that dies before the server has answered changes nothing of what was seen", () => {
  const { world } = open();
  world.accept();
  world.cut();
  world.pass(0);
  world.socket.readyState = 1;
  world.socket.onopen();
  world.say({ type: "session.created", event_id: "e8" });
  world.cut();
  world.pass(500);
  world.accept();
  assert.equal(world.socket.sent[0].last_event, "e3");
});

test("a page that was loaded again asks for all that is kept", () => {
  const world = new World();
  const kept = { resumeToken: "r7", lastEvent: beforeAll("evt_5f31c2_118.7") };
  new Link({ url: "ws://x", token: "t", on: () => {}, world, ...kept }).open();
  world.accept();
  const [{ type, token, last_event }] = world.socket.sent;
  assert.deepEqual([type, token, last_event], ["viva.resume", "r7", "evt_5f31c2_0"]);
});

test("it keeps trying with growing pauses, then says so", () => {
  const { world, kinds } = open();
  world.accept();
  const at = [];
  world.cut();
  for (;;) {
    const count = world.sockets.length;
    world.pass(8000);
    if (world.sockets.length === count) break;
    at.push(world.time);
    world.cut();
  }
  assert.deepEqual(kinds(), ["up", "down", "failed"]);
  assert.ok(world.sockets.length > 8 && world.sockets.length < 20, `${world.sockets.length} sockets`);
  assert.ok(world.time <= 112_000);
  assert.equal(world.due.length, 0);
});

test("asked to try again, it does so at once, and only when there is no line", () => {
  const { world, link } = open();
  world.accept();
  link.retry();
  assert.equal(world.sockets.length, 1);
  for (let n = 0; n < 4; n += 1) {
    world.cut();
    world.pass(8000);
  }
  const count = world.sockets.length;
  world.cut();
  link.retry();
  assert.equal(world.sockets.length, count + 1);
  world.pass(10_000);
  assert.equal(world.sockets.length, count + 1);
});

test("a line without a word for 15 s is given up", () => {
  const { world, kinds } = open();
  world.accept();
  world.pass(12_000);
  assert.deepEqual(kinds(), ["up"]);
  world.pass(10_000);
  assert.deepEqual(kinds(), ["up", "down"]);
  assert.equal(world.sockets[0].closed, 1005);
  assert.equal(world.sockets.length, 2);
});

test("pongs keep it", () => {
  const { world, kinds } = open();
  world.accept();
  for (let n = 0; n < 20; n += 1) {
    world.pass(5_000);
    world.say({ type: "viva.pong" });
  }
  assert.deepEqual(kinds(), ["up"]);
  assert.equal(world.socket.sent.filter((message) => message.type === "viva.ping").length, 20);
});

for (const [code, reason] of [[1000, "closed"], [1008, "refused"], [4401, "refused"], [4404, "closed"], [4409, "elsewhere"]]) {
  test(`close code ${code} is final`, () => {
    const { world, told } = open();
    world.accept();
    world.cut(code);
    assert.deepEqual(told.at(-1), ["failed", { reason }]);
    world.pass(60_000);
    assert.equal(world.sockets.length, 1);
  });
}

for (const code of [1001, 1006, 1009, 1011, 1012, 4408, 4429]) {
  test(`close code ${code} means: come back`, () => {
    const { world, kinds } = open();
    world.accept();
    world.cut(code);
    world.pass(0);
    assert.equal(world.sockets.length, 2);
    world.accept();
    assert.deepEqual(kinds(), ["up", "down", "up"]);
  });
}

test("after the end nothing is sent and nothing reconnects", () => {
  const { world, link, kinds } = open();
  world.accept();
  world.say({ type: "viva.ended", reason: "finished" });
  assert.deepEqual(kinds(), ["up", "ended"]);
  const count = world.socket.sent.length;
  link.sendAudio(new ArrayBuffer(640));
  assert.equal(link.send(typed("late")), false);
  world.cut(1000);
  world.pass(60_000);
  assert.equal(world.sockets.length, 1);
  assert.equal(world.socket.sent.length, count);
  assert.equal(world.due.length, 0);
});

test("words of an old socket are not heard", () => {
  const { world, told } = open();
  world.accept();
  const old = world.socket;
  world.cut();
  world.pass(0);
  const before = told.length;
  old.onmessage({ data: JSON.stringify({ type: "viva.ended" }) });
  old.onclose({ code: 1006 });
  assert.equal(told.length, before);
});

test("a network that takes nothing costs no memory", () => {
  const { world, link } = open();
  world.accept();
  const count = world.socket.sent.length;
  world.socket.bufferedAmount = 100_000;
  link.sendAudio(new ArrayBuffer(640));
  assert.equal(world.socket.sent.length, count);
  assert.equal(link.dropped, 1);
});

test("a frame carries the number and the offset of its reply", () => {
  const data = new ArrayBuffer(8 + 5);
  new DataView(data).setUint32(0, 7, true);
  new DataView(data).setUint32(4, 1234, true);
  const frame = readFrame(data);
  assert.deepEqual([frame.number, frame.atMs, frame.pcm.byteLength], [7, 1234, 4]);
  assert.equal(readFrame(new ArrayBuffer(8)), null);
});

test("what is no event is nothing", () => {
  for (const text of ["", "null", "[]", "{}", '{"type":3}', "{"]) assert.equal(readEvent(text), null);
});
