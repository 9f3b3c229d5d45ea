// The service as this page talks to it: its models, the poses of a photo, the address of its stream.

import { Problem, problemOf, unreachable } from "./problem.js";

const KEY = "unipose-key";

let models = null;

/** The service's models, asked for once. */
export async function listModels() {
  models ??= (await ask("models")).models;
  return models;
}

/** The limbs of the model that gave an answer, as pairs of indices into its keypoints. */
export async function limbsFor({ model }) {
  const same = ({ name, version }) => name === model.name && version === model.version;
  return (await listModels()).find(same)?.limbs ?? [];
}

/** The answer of `POST /pose` for an image file or blob. */
export function findPoses(image, options, signal) {
  const body = new FormData();
  body.append("image", image);
  return ask(`pose?${new URLSearchParams(options)}`, { method: "POST", body, signal });
}

/** What `new WebSocket` takes. A browser can send no header with it, so the key travels as a subprotocol. */
export function streamAddress(options) {
  const url = address(`pose/stream?${new URLSearchParams(options)}`);
  url.protocol = url.protocol.replace("http", "ws");
  return [url, key() ? ["unipose", `key.${key()}`] : ["unipose"]];
}

export function useKey(value) {
  sessionStorage.setItem(KEY, value);
}

function key() {
  return sessionStorage.getItem(KEY);
}

/** Relative to the page: the service may sit below a path of its host. */
export function address(path) {
  return new URL(path, document.baseURI);
}

async function ask(path, init = {}) {
  const headers = key() ? { Authorization: `Bearer ${key()}` } : {};
  let response;
  let body;
  try {
    response = await fetch(address(path), { ...init, headers });
    body = await response.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unreachable();
  }
  const content = parse(body);
  if (response.ok && content) return content;
  if (response.status === 401 && key()) throw new Problem("problem.401.wrong", {}, { status: 401 });
  const seconds = Number.parseInt(response.headers.get("Retry-After"), 10);
  throw problemOf(response.status, {
    detail: content?.detail,
    retryAfter: Number.isNaN(seconds) ? null : seconds,
    requestId: response.headers.get("X-Request-ID"),
  });
}

/** Whatever stands between may answer in HTML. */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
