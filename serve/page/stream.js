// Frames to the service and answers back, over a WebSocket, at a pace that the slower of both sides sets.

import { Problem } from "./problem.js";
import { streamAddress } from "./service.js";

const INTERVAL = 1000 / 15; // ms between frames at least
const PATIENCE = 1000; // ms after which a frame counts as skipped: the service answers only the latest

/**
 * Sends what `grab()` gives (a blob, null when there is nothing yet, or undefined at the end) and calls
 * `onAnswer(answer, ms)` until the end, or until `signal` aborts. Throws Problem when the connection cannot be opened
 * or ends by itself.
 */
export async function streamPoses(options, grab, onAnswer, signal, { interval = INTERVAL, patience = PATIENCE } = {}) {
  const socket = new WebSocket(...streamAddress(options));
  let opened = false;
  const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
  socket.addEventListener("open", () => (opened = true));
  signal.addEventListener("abort", () => socket.close());
  try {
    await Promise.race([closed, new Promise((resolve) => socket.addEventListener("open", resolve))]);
    const frames = sendFrames(socket, grab, onAnswer, signal, { interval, patience });
    const lost = await Promise.race([closed, frames]);
    if (lost && !signal.aborted) throw opened ? ended(lost) : new Problem("stream.refused");
  } finally {
    socket.close();
  }
}

/** Resolves to nothing once `grab` has no more, and to the socket's last event where it is closed before. */
async function sendFrames(socket, grab, onAnswer, signal, { interval, patience }) {
  const sentAt = [];
  let answered = () => {};
  socket.addEventListener("message", ({ data }) => {
    const answer = JSON.parse(data);
    if (!signal.aborted) onAnswer(answer, performance.now() - sentAt[answer.frame]);
    if (answer.frame === sentAt.length - 1) answered();
  });
  while (socket.readyState === WebSocket.OPEN) {
    const began = performance.now();
    const frame = document.hidden ? null : await grab();
    if (frame === undefined) return;
    if (frame && socket.readyState === WebSocket.OPEN) {
      const answer = new Promise((resolve) => (answered = resolve));
      sentAt.push(performance.now());
      socket.send(frame);
      await Promise.race([answer, pause(patience)]);
    }
    await pause(Math.max(0, began + interval - performance.now()));
  }
  return new Promise((resolve) => socket.addEventListener("close", resolve));
}

function ended({ reason }) {
  return new Problem(reason ? "stream.ended" : "stream.lost", {}, { detail: reason || null });
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
