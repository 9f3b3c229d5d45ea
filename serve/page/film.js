// Film: a video file in a <video>, gone through at even times.

import { Problem } from "./problem.js";

export const RATE = 10; // frames looked at in a second of the film
export const LONGEST = 30; // seconds of it that are looked at
const PATIENCE = 250; // ms for a frame to be seen; a film of few frames shows the same one twice

export class Film {
  constructor(video) {
    this.video = video;
  }

  /** Shows its first frame. Throws Problem for a video that this browser cannot play. */
  async open(file, signal) {
    const { video } = this;
    this.close();
    video.src = URL.createObjectURL(file);
    const error = await event(video, "loadedmetadata", signal);
    if (signal.aborted) return;
    if (!error && video.duration === Infinity) await this.#seek(1e9, signal); // recorded by a browser: found at its end
    if (error || !video.videoWidth) throw new Problem("film.unreadable", { name: file.name }, { status: 415 });
  }

  close() {
    this.video.pause();
    if (!this.video.src) return;
    URL.revokeObjectURL(this.video.src);
    this.video.removeAttribute("src");
    this.video.load();
  }

  /** How many frames are looked at. */
  get count() {
    return Math.max(1, Math.floor(Math.min(this.video.duration, LONGEST) * RATE));
  }

  /** Whether the film is longer than what is looked at. */
  get cut() {
    return this.video.duration > LONGEST;
  }

  /** Shows the frame with this number. */
  show(number, signal) {
    return this.#seek((number + 0.5) / RATE, signal);
  }

  async #seek(seconds, signal) {
    const there = event(this.video, "seeked", signal);
    const seen = this.#seen(seconds);
    this.video.currentTime = seconds;
    if (await there) throw new Problem("film.broken", {}, { status: 422 });
    await Promise.race([seen, new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
  }

  /** Some browsers are there before they show it: resolves with the first frame of that time, where they tell. */
  #seen(seconds) {
    if (!this.video.requestVideoFrameCallback) return null;
    return new Promise((resolve) => {
      const look = (_, { mediaTime }) => (mediaTime > seconds - 1 / RATE ? resolve() : wait());
      const wait = () => this.video.requestVideoFrameCallback(look);
      wait();
    });
  }
}

/** Resolves to nothing with an event, or where `signal` aborts first, and to an error where that comes first. */
function event(video, name, signal) {
  return new Promise((resolve) => {
    const once = { once: true };
    video.addEventListener(name, () => resolve(), once);
    video.addEventListener("error", () => resolve(video.error), once);
    signal.addEventListener("abort", () => resolve(), once);
  });
}
