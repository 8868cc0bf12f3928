// Requests to the service. Those that it sheds are sent again.

const TRIES = 6;
const LONGEST_WAIT = 10; // seconds
const AGAIN = [429, 503];

export class Problem extends Error {
  constructor(status, code, message) {
    super(message);
    Object.assign(this, { status, code });
  }
}

// The key is kept nowhere else, so a reload forgets it.
let key = "";

export function useKey(given) {
  key = given;
}

function pause(seconds, signal) {
  return new Promise((done, fail) => {
    const timer = setTimeout(done, 1000 * seconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      fail(signal.reason);
    });
  });
}

async function problemOf(response) {
  const body = await response.json().catch(() => null);
  const { code = "", message = `The server answered ${response.status}.` } = body?.error ?? {};
  return new Problem(response.status, String(code), String(message));
}

/**
 * Ask the service.
 *
 * `body` is sent as JSON, or the request has none; `signal` stops it; `onWait` is called before it is
 * sent again. Throws a Problem if the service refuses it, or does not answer.
 */
export async function ask(path, { body, signal, onWait = () => {} } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers.Authorization = `Bearer ${key}`;
  const method = body === undefined ? "GET" : "POST";
  for (let i = 1; ; i++) {
    const options = { method, headers, signal, body: body && JSON.stringify(body), cache: "no-store" };
    let response = null;
    try {
      response = await fetch(path, options);
    } catch (error) {
      if (signal?.aborted) throw error;
    }
    if (response?.ok) return response.json();
    const problem = response
      ? await problemOf(response)
      : new Problem(0, "unreachable", "The server does not answer.");
    if (i === TRIES || (response && !AGAIN.includes(response.status))) throw problem;
    onWait(problem);
    const asked = Number(response?.headers.get("Retry-After"));
    await pause(Math.min(asked > 0 ? asked : 2 ** i / 4, LONGEST_WAIT), signal);
  }
}
