// An unmodified @openai/agents session over WebSocket. It prints what happens as JSON lines and does what
// it reads as JSON lines: {"say": TEXT} types a message, {"close": true} ends the session.
import { createInterface } from "node:readline";
import { RealtimeAgent, RealtimeSession } from "@openai/agents/realtime";

const [url, apiKey] = process.argv.slice(2);
const tell = (kind, more = {}) => process.stdout.write(`${JSON.stringify({ kind, ...more })}\n`);

const agent = new RealtimeAgent({ name: "stock", instructions: "Be a pirate." });
const session = new RealtimeSession(agent, { transport: "websocket" });
let bytes = 0;

session.on("error", ({ error }) => tell("error", { code: error?.error?.error?.code ?? error?.error?.code ?? String(error) }));
session.on("audio", (event) => { bytes += event.data.byteLength; });
session.on("audio_interrupted", () => tell("audio_interrupted"));
session.on("audio_stopped", () => tell("audio_stopped", { bytes }));
session.on("history_updated", (history) =>
  tell("history", {
    items: history.map((item) => ({
      id: item.itemId, role: item.role, status: item.status,
      text: (item.content ?? []).map((part) => part.transcript ?? part.text ?? "").join(" "),
    })),
  }));
session.transport.on("turn_started", () => tell("turn_started"));
session.transport.on("turn_done", ({ response }) => tell("turn_done", { output: response.output.length }));
session.transport.on("connection_change", (state) => tell("connection", { state }));
session.transport.on("conversation.item.retrieved", ({ item }) =>
  tell("retrieved", { id: item.id, text: item.content[0]?.transcript ?? item.content[0]?.text ?? "" }));
session.transport.on("conversation.item.truncated", ({ item_id, audio_end_ms }) =>
  tell("truncated", { id: item_id, ms: audio_end_ms }));

await session.connect({ url, apiKey });
// A tenth of a second of quiet, as a microphone would send it.
session.sendAudio(new ArrayBuffer(4800));

createInterface({ input: process.stdin }).on("line", (line) => {
  const wanted = JSON.parse(line);
  if (wanted.say) session.sendMessage(wanted.say);
  if (wanted.close) {
    session.close();
    process.exit(0);
  }
});
