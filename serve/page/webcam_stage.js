// The stage with a webcam: its poses as they come.

import { at } from "./dom.js";
import { count, tell } from "./language.js";
import { say } from "./notice.js";
import { problemOf } from "./problem.js";
import { limbsFor } from "./service.js";
import { snapshot } from "./snapshot.js";
import { streamPoses } from "./stream.js";
import { Webcam } from "./webcam.js";
import { begin, stop } from "./work.js";

const SIDE = 640; // pixels of the longer side of what is sent
const [picture, video] = ["picture", "video"].map(at);

export class WebcamStage {
  /** `options()`: the query of a request; `onPicture(file)`: a picture was taken. */
  constructor(stage, options, onPicture) {
    Object.assign(this, { stage, options, onPicture });
    this.webcam = new Webcam(video);
    stage.onLeave("webcam", () => {
      this.webcam.stop();
      at("pace").textContent = "";
    });
    at("use-webcam").addEventListener("click", () => this.begin());
    at("take").addEventListener("click", () => this.#take());
    at("other-camera").addEventListener("click", () => this.#change());
    at("stop-webcam").addEventListener("click", () => {
      stop();
      this.#leave();
    });
  }

  begin() {
    begin((signal) => this.#show(signal));
  }

  async #show(signal) {
    if (this.stage.name !== "webcam") this.stage.enter("webcam");
    tell(video, "webcam", {}, "data-words-label");
    try {
      const options = await this.options(); // says whether a key is needed, which a WebSocket cannot
      await this.webcam.start(signal);
      if (signal.aborted) return;
      picture.classList.toggle("mirrored", this.webcam.mirrored);
      at("other-camera").hidden = (await this.webcam.cameras()).length < 2;
      say("looking");
      const grab = () => snapshot(video, SIDE, 0.8);
      await streamPoses(options, grab, (answer, ms) => this.#answered(answer, ms), signal);
    } catch (error) {
      if (!signal.aborted) this.#leave();
      throw error;
    }
  }

  async #answered(answer, ms) {
    if (answer.error) return say(...problemOf(answer.error.status).row); // the next frame may fare better
    this.stage.show(answer, await limbsFor(answer), { listed: false });
    say("found", { found: count("found", this.stage.answer.poses.length) });
    at("pace").textContent = `${Math.round(ms)} ms`;
  }

  #leave() {
    this.stage.enter("empty");
    say();
  }

  async #take() {
    const blob = await snapshot(video);
    if (blob) this.onPicture(new File([blob], "webcam.jpg", { type: blob.type }));
  }

  async #change() {
    await this.webcam.chooseNext();
    this.webcam.stop();
    this.begin();
  }
}
