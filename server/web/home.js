// The first page: what runs here, plan an interview, start it by voice.
import { ask } from "./lib/api.js";
import { $, el, words, write } from "./lib/dom.js";
import { whatRuns } from "./lib/engines.js";

const ROOT = "/v1/candidates/mock-ai-interview";
const SHOWN = 6;
const STATUS = { created: "planned", in_progress: "under way", completed: "held", cancelled: "called off", paused: "paused", interrupted: "interrupted", abandoned: "not finished" };

async function showState() {
  const { ready, lines } = await whatRuns();
  $("state").dataset.ok = String(ready);
  write($("state"), ready ? "Ready" : "Not ready: see the server's log");
  $("engines").replaceChildren(...lines.flatMap(({ role, name, note }) => [
    el("dt", {}, role), el("dd", {}, el("b", {}, name), note ? `: ${note}` : ""),
  ]));
}

async function showInterviewers() {
  const list = await ask("/v1/interviewers");
  $("interviewers").replaceChildren(...list.map((one, place) => {
    const [title, text] = manner(one);
    return el("label", { className: "choice" },
      el("input", { type: "radio", name: "interviewerAgentId", value: one.id, checked: place === 0 }), el("b", {}, title), " ", text);
  }));
  $("manner").hidden = list.length === 0;
}

/** A manner by what it is like. Its name would be taken for that of the person who interviews. */
function manner({ name, description }) {
  const [, title, text] = /^(?:The )?([^:]{1,30}?)(?: one)?: (.+)$/s.exec(description) ?? [];
  return title ? [title, text].map((part) => part[0].toUpperCase() + part.slice(1)) : [name, description];
}

/** Interviews of before; nothing where nobody is signed in. */
async function showMine() {
  const { items } = await ask(`${ROOT}?limit=${SHOWN}`).catch(() => ({ items: [] }));
  $("mine").hidden = items.length === 0;
  $("interviews").replaceChildren(...items.map((one) => el("li", {},
    el("b", {}, one.name), el("span", {}, `${STATUS[one.status] ?? words(one.status)} · ${one.duration} min`), el("span", { className: "ways" }, ...ways(one)))));
}

/** Where an interview can be gone on with: one that was begun has a scorecard, one that is not over can be held. */
function ways({ status, callId, name }) {
  const base = `/mock-interview/${encodeURIComponent(callId)}`;
  const way = (text, href) => el("a", { href, "aria-label": `${text}: ${name}` }, text);
  const found = [];
  if (!["created", "cancelled"].includes(status)) found.push(way("Scorecard", `${base}/scorecard`));
  if (!["completed", "cancelled"].includes(status)) found.push(way(status === "created" ? "Start" : "Hold it again", base));
  return found;
}

function showPlan({ mockInterviewSession: session, questions, description }) {
  const socket = `${location.protocol.replace("http", "ws")}//${location.host}/llm-websocket`;
  const link = `/mock-interview/${encodeURIComponent(session.callId)}`;
  write($("planned"), session.name);
  write($("description"), description);
  $("start").href = link;
  $("copy").onclick = async () => {
    const whole = new URL(link, location.href).href;
    await navigator.clipboard.writeText(whole).then(
      () => write($("copied"), "Copied. Whoever has the link can answer this interview."),
      () => write($("copied"), whole),
    );
  };
  write($("copied"), "");
  $("questions").replaceChildren(...questions.map((question) =>
    el("li", {}, question.question, el("small", {}, `${words(question.block ?? question.type)} · ${Math.round(question.timeLimit / 5) * 5} s`))));
  write($("command"), `.venv/bin/viva simulate retell --interactive --session ${session.id} --url ${socket}`);
  write($("socket"), socket);
  $("plan").hidden = false;
  $("plan").scrollIntoView({ block: "start" });
  $("planned").focus({ preventScroll: true });
}

$("create").addEventListener("submit", async (event) => {
  event.preventDefault();
  const wishes = Object.fromEntries(new FormData(event.currentTarget));
  wishes.duration = Number(wishes.duration);
  $("make").disabled = true;
  write($("make"), "Planning…");
  write($("trouble"), "");
  try {
    showPlan(await ask(`${ROOT}/questions/generate`, wishes));
    await showMine();
  } catch (problem) {
    write($("trouble"), problem.message);
  } finally {
    $("make").disabled = false;
    write($("make"), "Plan it");
  }
});

showState();
showInterviewers().catch((problem) => write($("trouble"), problem.message));
showMine();
