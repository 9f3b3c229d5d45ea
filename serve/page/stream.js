// Frames to the service and answers back, over a WebSocket, at a pace that the slower of both sides sets.

import { Problem, streamAddress } from "./service.js";

const INTERVAL = 1000 / 15; // ms between frames at least
const PATIENCE = 1000; // ms after which a frame counts as skipped: the service answers only the latest
const REFUSED = "The service did not accept the stream; it may have as many as it can serve.";

/**
 * Sends what `grab()` gives (a blob, or null when there is nothing) and calls `onAnswer(answer, ms)` until `signal`
 * aborts. Throws Problem when the connection cannot be opened or ends by itself.
 */
export async function streamPoses(options, grab, onAnswer, signal) {
  const socket = new WebSocket(...streamAddress(options));
  let opened = false;
  const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
  socket.addEventListener("open", () => (opened = true));
  signal.addEventListener("abort", () => socket.close());
  try {
    await Promise.race([closed, new Promise((resolve) => socket.addEventListener("open", resolve))]);
    await Promise.race([closed, sendFrames(socket, grab, onAnswer, signal)]);
    if (!signal.aborted) throw new Problem(opened ? lost(await closed) : REFUSED);
  } finally {
    socket.close();
  }
}

async function sendFrames(socket, grab, onAnswer, signal) {
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
    if (frame && socket.readyState === WebSocket.OPEN) {
      const answer = new Promise((resolve) => (answered = resolve));
      sentAt.push(performance.now());
      socket.send(frame);
      await Promise.race([answer, pause(PATIENCE)]);
    }
    await pause(Math.max(0, began + INTERVAL - performance.now()));
  }
}

function lost({ reason }) {
  return reason ? `The service ended the stream: ${reason}` : "The connection to the service was lost.";
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
