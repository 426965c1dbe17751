// The first page: is the server well, who can interview, plan an interview.
const $ = (id) => document.getElementById(id);
const socket = `${location.protocol.replace("http", "ws")}//${location.host}/llm-websocket`;
$("socket").textContent = socket;

async function ask(path, options) {
  const answer = await fetch(path, options);
  const data = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(data.detail || data.title || `The server answered ${answer.status}.`);
  return data;
}

async function showState() {
  const state = $("state");
  try {
    const ready = await ask("/readyz");
    state.dataset.ok = "true";
    const offline = ready.llm.startsWith("offline");
    state.textContent = offline ? "ready · offline interviewer, rules without a model" : `ready · ${ready.llm}`;
  } catch {
    state.dataset.ok = "false";
    state.textContent = "not ready: see the server's log";
  }
}

async function showInterviewers() {
  const list = await ask("/v1/interviewers");
  const box = $("interviewers");
  for (const [place, one] of list.entries()) {
    const label = document.createElement("label");
    label.className = "choice";
    const input = Object.assign(document.createElement("input"), {
      type: "radio", name: "interviewerAgentId", value: one.id, checked: place === 0,
    });
    const name = document.createElement("b");
    name.textContent = one.name;
    label.append(input, name, one.description);
    box.append(label);
  }
}

function showPlan(made) {
  $("description").textContent = made.description;
  $("questions").replaceChildren(...made.questions.map((question) => {
    const item = document.createElement("li");
    const small = document.createElement("small");
    const block = (question.block ?? question.type).replaceAll("_", " ");
    small.textContent = `${block} · ${Math.round(question.timeLimit / 5) * 5} s`;
    item.append(question.question, small);
    return item;
  }));
  $("command").textContent =
    `.venv/bin/viva simulate retell --interactive --session ${made.mockInterviewSession.id} --url ${socket}`;
  $("plan").hidden = false;
  $("planned").scrollIntoView({ block: "start" });
}

$("create").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const wishes = Object.fromEntries(new FormData(form));
  wishes.duration = Number(wishes.duration);
  form.querySelector("button").disabled = true;
  $("trouble").textContent = "";
  try {
    showPlan(await ask("/v1/candidates/mock-ai-interview/questions/generate", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(wishes),
    }));
  } catch (trouble) {
    $("trouble").textContent = trouble.message;
  } finally {
    form.querySelector("button").disabled = false;
  }
});

showState();
showInterviewers().catch((trouble) => { $("trouble").textContent = trouble.message; });
