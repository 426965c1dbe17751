// Talking to the server over HTTP: JSON in and out, failures as one kind of error with words for people.
import { access } from "./access.js";

export class ApiProblem extends Error {
  constructor(status, code, title, detail) {
    super(detail || title);
    Object.assign(this, { status, code, title, detail });
  }
}

/** GET `path`, or POST `body` to it. Throws ApiProblem; status 0 when the server cannot be reached. */
export async function ask(path, body) {
  const token = access();
  const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
  const options = body === undefined ? { headers } : {
    method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  let got;
  try {
    got = await fetch(path, options);
  } catch {
    throw new ApiProblem(0, "unreachable", "The server cannot be reached", "Check the connection and try again.");
  }
  const data = await got.json().catch(() => null);
  if (got.ok && data !== null) return data;
  const title = data?.title ?? `The server answered ${got.status}`;
  throw new ApiProblem(got.status, data?.code ?? "unknown", title, data?.detail ?? "Try again in a moment.");
}
