// Talks to the service that this page came from; whatever goes wrong becomes a Problem with a hint.

const KEY = "softres.key";
export const BASE = new URL(".", document.baseURI);

export class Problem extends Error {
  constructor(detail, { hint = "", status = 0 } = {}) {
    super(detail);
    this.hint = hint;
    this.status = status;
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => sessionStorage.setItem(KEY, value),
};

/** The address that segments: of the one model, or of the model by that name. */
export function address(model, format) {
  const path = model ? `models/${encodeURIComponent(model)}/segment` : "segment";
  return new URL(`${path}?format=${format}`, BASE).href;
}

/** What is served, the model that answers by default first. */
export async function models() {
  return (await json("models")).models;
}

/** Classes, colours, factor and sight of a model. */
export function contract(model) {
  return json(model ? `models/${encodeURIComponent(model)}/contract` : "contract");
}

/** Send one picture; gives the answer's bytes, the server's times and the whole round trip. */
export async function segment(file, { model, format = "png" }) {
  const begin = performance.now();
  const answer = await ask(address(model, format), { method: "POST", body: file });
  const blob = await answer.blob();
  const roundTrip = performance.now() - begin;
  return { blob, roundTrip, stages: stages(answer.headers.get("Server-Timing") ?? "") };
}

/** `decode;dur=3.1, shrink;dur=1` as names and milliseconds, in the order they ran. */
export function stages(header) {
  return [...header.matchAll(/([\w-]+)\s*;\s*dur=([\d.]+)/g)].map(([, name, took]) => ({
    name,
    took: Number(took),
  }));
}

async function json(path) {
  return (await ask(new URL(path, BASE))).json();
}

async function ask(url, options = {}) {
  const headers = key.get() ? { Authorization: `Bearer ${key.get()}` } : {};
  let answer;
  try {
    answer = await fetch(url, { ...options, headers, cache: "no-store" });
  } catch {
    throw new Problem("The server does not answer.", {
      hint: "Is it still running? Start it again with `serve model.onnx`, then try once more.",
    });
  }
  if (!answer.ok) throw await problem(answer);
  return answer;
}

async function problem(answer) {
  let plain = {};
  try {
    plain = await answer.json();
  } catch {
    // Something in between, such as a proxy, answered in its own words.
  }
  // Which picture it is about is known better here.
  const detail =
    plain.detail?.replace(/^picture: /, "") ?? `The server answered ${answer.status} ${answer.statusText}`;
  return new Problem(detail, { hint: plain.hint || wait(answer), status: answer.status });
}

function wait(answer) {
  const seconds = answer.headers.get("Retry-After");
  if (seconds) return `Try again in ${seconds} s.`;
  return answer.status === 429 || answer.status === 503 ? "It is busy: try again in a moment." : "";
}
