// The stage with a video file: its frames through the service's stream, drawn as they come, to be played and saved.

import { at } from "./dom.js";
import { Film, LONGEST, RATE } from "./film.js";
import { tell } from "./language.js";
import { say } from "./notice.js";
import { problemOf } from "./problem.js";
import { saveLines } from "./saving.js";
import { limbsFor } from "./service.js";
import { snapshot } from "./snapshot.js";
import { streamPoses } from "./stream.js";

const SIDE = 960; // pixels of the longer side of what is sent
const PATIENCE = 20_000; // ms that a frame may take
const [video, still, pace] = ["video", "frame", "pace"].map(at);
const [bar, cancel, play, save] = ["film-progress", "film-cancel", "film-play", "film-save"].map(at);

export class FilmStage {
  #film = new Film(video);
  #frames = []; // { frame, time, answer } in the film's own pixels
  #limbs = [];
  #ended = null; // true once cancelled, a Problem once a frame failed
  #name = "";

  /** `options()`: the query of a request. */
  constructor(stage, options) {
    Object.assign(this, { stage, options });
    stage.onLeave("film", () => {
      this.#film.close();
      still.hidden = true;
    });
    cancel.addEventListener("click", () => (this.#ended = true));
    play.addEventListener("click", () => this.#play());
    save.addEventListener("click", () => saveLines(this.#selected, this.#name));
    for (const name of ["play", "pause"]) video.addEventListener(name, () => this.#tellPlay());
  }

  async show(file, signal) {
    this.stage.enter("film");
    this.#frames = [];
    this.#ended = null;
    this.#name = file.name;
    tell(video, "film", { name: file.name }, "data-words-label");
    this.#setRunning(true);
    try {
      await this.#film.open(file, signal);
      const options = await this.options(); // says whether a key is needed, which a WebSocket cannot
      if (!signal.aborted) await this.#look(options, signal);
    } catch (error) {
      if (!signal.aborted && !this.#frames.length) this.stage.enter("empty");
      throw error;
    } finally {
      if (!signal.aborted) this.#finish();
    }
    if (signal.aborted) return;
    const found = this.#selected.filter(({ answer }) => answer.poses.length).length;
    say(this.#film.cut ? "film.done.cut" : "film.done", { n: this.#frames.length, found, seconds: LONGEST });
  }

  async #look(options, signal) {
    const { count } = this.#film;
    const sent = []; // the number of each frame
    let next = 0;
    bar.max = count;
    say("looking");
    const grab = async () => {
      if (this.#ended instanceof Error) throw this.#ended;
      if (this.#ended || next === count) return undefined;
      await this.#film.show(next, signal);
      const picture = await snapshot(video, SIDE, 0.85);
      if (picture) sent.push(next);
      next += 1;
      bar.value = next;
      pace.textContent = `${next} / ${count}`;
      return picture;
    };
    const onAnswer = (answer) => this.#answered(answer, sent[answer.frame]);
    await streamPoses(options, grab, onAnswer, signal, { interval: 0, patience: PATIENCE });
  }

  /** The frames with the people from the threshold on, as they are shown. */
  get #selected() {
    return this.#frames.map(({ answer, ...frame }) => ({ ...frame, answer: this.stage.select(answer) }));
  }

  async #answered(answer, frame) {
    if (answer.error) {
      this.#ended = problemOf(answer.error.status, { detail: answer.error.detail });
      return;
    }
    const { videoWidth: width, videoHeight: height } = video;
    Object.assign(still, { width, height });
    still.getContext("2d").drawImage(video, 0, 0); // the video itself goes on to the next frame before its answer
    this.#limbs = await limbsFor(answer);
    const own = resized(answer, width, height);
    this.#frames.push({ frame, time: frame / RATE, answer: own });
    this.#draw(own);
  }

  #draw(answer) {
    this.stage.show(answer, this.#limbs, { listed: false });
  }

  #setRunning(running) {
    bar.hidden = cancel.hidden = still.hidden = !running;
    still.width = 0;
    pace.textContent = "";
    play.hidden = save.hidden = running || !this.#frames.length;
    bar.removeAttribute("value");
  }

  #finish() {
    const focused = document.activeElement === cancel;
    this.#setRunning(false);
    if (focused) play.focus();
  }

  #play() {
    if (!video.paused) return video.pause();
    if (video.currentTime >= this.#end) video.currentTime = 0;
    video.play();
    this.#follow();
  }

  /** Where what was looked at ends, in seconds. */
  get #end() {
    return (this.#frames.at(-1).frame + 1) / RATE;
  }

  /** Draws the poses of what is played. */
  #follow() {
    if (this.stage.name !== "film") return;
    if (video.currentTime >= this.#end) video.pause();
    const now = Math.floor(video.currentTime * RATE);
    const at = this.#frames.findLast(({ frame }) => frame <= now);
    if (at) this.#draw(at.answer);
    if (!video.paused) requestAnimationFrame(() => this.#follow());
  }

  #tellPlay() {
    tell(play, video.paused ? "film.play" : "film.pause");
  }
}

/** An answer about a smaller picture, in pixels of the whole one. Whole numbers are pixel centres, boxes at edges. */
function resized(answer, width, height) {
  const [across, down] = [width / answer.width, height / answer.height];
  const poses = answer.poses.map((pose) => ({
    ...pose,
    box: pose.box.map((edge, i) => edge * (i % 2 ? down : across)),
    keypoints: pose.keypoints.map((keypoint) => ({
      ...keypoint,
      x: (keypoint.x + 0.5) * across - 0.5,
      y: (keypoint.y + 0.5) * down - 0.5,
    })),
  }));
  return { ...answer, width, height, poses };
}
