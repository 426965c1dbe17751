import assert from "node:assert/strict";
import { test } from "node:test";
import { JitterBuffer, Playing } from "../../../server/web/audio/jitter.js";
import { Framer, Resampler, rms, toPcm } from "../../../server/web/audio/resample.js";

const RATE = 16000;
const tone = (hz, rate, seconds) => Float32Array.from({ length: rate * seconds }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hz * i) / rate));
const join = (parts) => Float32Array.from(parts.flatMap((part) => [...part]));

function resample(samples, from, to, cut) {
  const resampler = new Resampler(from, to);
  const parts = [];
  for (let at = 0; at < samples.length; at += cut) parts.push(resampler.process(samples.subarray(at, at + cut)));
  return join(parts);
}

for (const rate of [8000, 22050, 44100, 48000, 96000]) {
  test(`a voice survives from ${rate} Hz to 16 kHz and back`, () => {
    const down = resample(tone(700, rate, 1), rate, RATE, 128);
    assert.ok(Math.abs(down.length - RATE) <= 2, `${down.length} samples`);
    assert.ok(Math.abs(rms(down.subarray(200)) - 0.5 / Math.SQRT2) < 0.004);
    const up = resample(down, RATE, rate, 43);
    assert.ok(Math.abs(up.length - rate) <= 8);
    assert.ok(Math.abs(rms(up.subarray(900)) - 0.5 / Math.SQRT2) < 0.004);
  });
}

test("what would alias is taken away", () => {
  assert.ok(rms(resample(tone(12000, 48000, 1), 48000, RATE, 128)) < 0.005);
});

test("the cut of the input does not matter", () => {
  const whole = resample(tone(440, 48000, 0.5), 48000, RATE, 24000);
  for (const cut of [1, 127, 128, 999]) {
    const parts = resample(tone(440, 48000, 0.5), 48000, RATE, cut);
    assert.equal(parts.length, whole.length);
    assert.ok(parts.every((value, i) => Math.abs(value - whole[i]) < 1e-6));
  }
});

test("frames have one size and lose nothing", () => {
  const framer = new Framer(320);
  const given = tone(300, RATE, 0.1);
  const frames = [];
  for (let at = 0; at < given.length; at += 43) for (const frame of framer.push(given.subarray(at, at + 43))) frames.push(frame.slice());
  assert.equal(frames.length, 5);
  assert.ok(frames.every((frame) => frame.length === 320));
  assert.deepEqual(join(frames), given);
});

test("a shout is clipped, not wrapped", () => {
  assert.deepEqual([...toPcm(Float32Array.from([2, -2, 0, 1, -1]))], [32767, -32768, 0, 32767, -32768]);
});

const ms = (count, value = 1000) => new Int16Array(16 * count).fill(value);
function fill(buffer, number, total, from = 0) {
  for (let at = from; at < from + total; at += 20) assert.ok(buffer.push(number, at, ms(20)));
}
function pull(buffer, count) {
  const out = new Float32Array(16 * count);
  return { ended: buffer.pull(out), sounded: out.filter((value) => value !== 0).length / 16 };
}

test("a reply waits until it can go on, sounds, and tells when it is over", () => {
  const buffer = new JitterBuffer(RATE);
  fill(buffer, 1, 40);
  assert.equal(pull(buffer, 10).sounded, 0);
  assert.equal(buffer.state, Playing.FILLING);
  fill(buffer, 1, 40, 40);
  assert.equal(pull(buffer, 10).sounded, 10);
  assert.deepEqual(buffer.position(), { number: 1, playedMs: 10 });
  buffer.finish(1);
  const last = pull(buffer, 100);
  assert.equal(last.sounded, 70);
  assert.deepEqual(last.ended, [{ number: 1, playedMs: 80 }]);
  assert.equal(buffer.state, Playing.IDLE);
});

test("a short reply sounds though it never fills the buffer", () => {
  const buffer = new JitterBuffer(RATE);
  fill(buffer, 1, 20);
  buffer.finish(1);
  assert.equal(pull(buffer, 40).sounded, 20);
});

test("a gap in the network makes it wait longer the next time, up to a bound", () => {
  const buffer = new JitterBuffer(RATE);
  let at = 0;
  for (let gap = 0; gap < 6; gap += 1) {
    fill(buffer, 1, 300, at);
    at += 300;
    assert.equal(pull(buffer, 400).sounded, 300);
  }
  assert.equal(buffer.underruns, 6);
  assert.equal(buffer.wanted, buffer.samples(240));
});

test("held is silent at once and goes on where it stopped", () => {
  const buffer = new JitterBuffer(RATE);
  fill(buffer, 1, 200);
  pull(buffer, 50);
  buffer.hold(1);
  assert.equal(pull(buffer, 50).sounded, 0);
  assert.equal(buffer.state, Playing.HELD);
  assert.deepEqual(buffer.position(), { number: 1, playedMs: 50 });
  buffer.release(1);
  assert.equal(pull(buffer, 50).sounded, 50);
  assert.deepEqual(buffer.position(), { number: 1, playedMs: 100 });
});

test("a hold that comes before the first frame holds", () => {
  const buffer = new JitterBuffer(RATE);
  buffer.hold(1);
  fill(buffer, 1, 200);
  assert.equal(pull(buffer, 50).sounded, 0);
});

test("cleared says how far it got; late frames of it are dropped", () => {
  const buffer = new JitterBuffer(RATE);
  fill(buffer, 3, 200);
  pull(buffer, 70);
  assert.deepEqual(buffer.clear(3), [{ number: 3, playedMs: 70 }]);
  assert.equal(buffer.push(3, 200, ms(20)), false);
  assert.equal(pull(buffer, 20).sounded, 0);
  fill(buffer, 4, 100);
  assert.equal(pull(buffer, 20).sounded, 20);
});

test("frames repeated after a reconnect sound once", () => {
  const buffer = new JitterBuffer(RATE);
  fill(buffer, 1, 100);
  pull(buffer, 50);
  for (let at = 0; at < 100; at += 20) assert.equal(buffer.push(1, at, ms(20)), false);
  assert.ok(buffer.push(1, 90, ms(20)));
  buffer.finish(1);
  assert.equal(pull(buffer, 100).sounded, 60);
});

test("frames lost on the way move the position, so that words stay in time", () => {
  const buffer = new JitterBuffer(RATE);
  fill(buffer, 1, 100);
  fill(buffer, 1, 100, 500);
  pull(buffer, 150);
  assert.deepEqual(buffer.position(), { number: 1, playedMs: 550 });
});

test("a reply nobody ended gives way to the next", () => {
  const buffer = new JitterBuffer(RATE);
  fill(buffer, 1, 100);
  fill(buffer, 2, 100);
  const { sounded, ended } = pull(buffer, 150);
  assert.equal(sounded, 150);
  assert.deepEqual(ended, [{ number: 1, playedMs: 100 }]);
});

test("a server that sends without end is refused, not stored", () => {
  const buffer = new JitterBuffer(RATE);
  for (let at = 0; at < 61_000; at += 1000) buffer.push(1, at, ms(1000));
  assert.equal(buffer.waiting(), buffer.samples(60_000));
  assert.equal(buffer.refused, 1);
});
