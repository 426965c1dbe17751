// Which engines hear, speak and think here, in words. A demo recogniser is called one.
import { ask } from "./api.js";

const ROLES = { stt: "Hears with", tts: "Speaks with", llm: "Thinks with" };

/** Lines `{role, name, note}` from an answer of `/v1/engines`; engines that are not there are left out. */
export function engineLines(engines) {
  return Object.entries(ROLES).filter(([key]) => engines?.[key]).map(([key, role]) => {
    const one = engines[key];
    return typeof one === "string" ? { role, name: one, note: "" } : { role, name: one.name, note: one.note ?? "" };
  });
}

/** What runs here: `{ready, lines}`. Asks for readiness and engines; either may be missing. */
export async function whatRuns() {
  const [ready, engines] = await Promise.all([
    ask("/readyz").catch((problem) => ({ status: "unavailable", down: problem.status === 0 })),
    ask("/v1/engines").catch(() => null),
  ]);
  const llm = ready.llm ? { llm: { name: ready.llm, note: ready.llm.startsWith("offline") ? "rules over a question bank, without a model" : "" } } : null;
  return { ready: ready.status === "ready", lines: engineLines(engines ?? llm) };
}
