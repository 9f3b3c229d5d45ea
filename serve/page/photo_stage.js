// The stage with a photo: asks the service about it, and shows what it says.

import { Boxes } from "./boxes.js";
import { at } from "./dom.js";
import { count, tell } from "./language.js";
import { say } from "./notice.js";
import { findPoses, limbsFor } from "./service.js";
import { Strip } from "./strip.js";
import { begin, busy } from "./work.js";

const NO_PHOTO = [413, 415, 422]; // statuses with which the service refuses a file
const photo = at("photo");

export class PhotoStage {
  #entry = null; // of the strip: what is shown, or is about to be

  /** `options()`: the query of a request. */
  constructor(stage, options) {
    Object.assign(this, { stage, options });
    this.strip = new Strip(at("strip"), (entry) => begin((signal) => this.#look(entry, signal)));
    this.boxes = new Boxes(at("boxes"), () => this.#boxesChanged());
    stage.onLeave("photo", () => this.#leave());
    at("add-box").addEventListener("click", () => this.boxes.add());
    at("clear-boxes").addEventListener("click", () => {
      this.boxes.clear();
      this.#boxesChanged();
    });
  }

  /** Puts photos onto the strip, and looks at the first of them. */
  show(files, signal) {
    const [first] = files.map((file) => this.strip.add(file));
    return this.#look(first, signal);
  }

  /** The photo that is shown, and what the service said about the people in it who are shown. */
  get result() {
    return { file: this.#entry.file, answer: this.stage.answer };
  }

  /** With other options than before. */
  again() {
    for (const entry of this.strip.entries) entry.answer = null;
    if (this.stage.name === "photo") begin((signal) => this.#look(this.#entry, signal));
  }

  /** Says who is shown. */
  announce() {
    const { answer, file, ms, shown } = this.#entry;
    const { poses } = this.stage.answer;
    const found = count("found", poses.length);
    tell(photo, "photo", { name: file.name, found }, "data-words-alt");
    if (!poses.length) return say(answer.poses.length ? "found.unsure" : "found.nobody", { found });
    say(shown ? "found.in" : "found.unseen", { found, ms });
  }

  async #look(entry, signal) {
    if (entry !== this.#entry || this.stage.name !== "photo") await this.#load(entry, signal);
    if (signal.aborted) return;
    if (!entry.answer) await this.#ask(entry, signal);
    if (!signal.aborted) this.#answered(entry);
  }

  /** Shows the file in <img>, where this browser can: the service may read more kinds. */
  async #load(entry, signal) {
    URL.revokeObjectURL(photo.src);
    photo.src = URL.createObjectURL(entry.file);
    const visible = await photo.decode().then(() => true, () => false);
    if (signal.aborted) return;
    this.#leave();
    this.stage.enter(visible ? "photo" : "empty");
    if (visible) this.stage.setShape(photo.naturalWidth, photo.naturalHeight);
    tell(photo, "photo.name", { name: entry.file.name }, "data-words-alt");
    this.#entry = entry;
    this.strip.chosen = entry;
  }

  async #ask(entry, signal) {
    say("looking");
    busy(true);
    const { list } = this.boxes;
    try {
      const query = list.length ? { boxes: JSON.stringify(list) } : await this.options();
      const began = performance.now();
      const answer = await findPoses(entry.file, query, signal);
      const ms = Math.round(performance.now() - began);
      Object.assign(entry, { answer, limbs: await limbsFor(answer), selected: list.length > 0, ms });
    } catch (error) {
      if (!signal.aborted && NO_PHOTO.includes(error.status) && !list.length) {
        this.strip.remove(entry);
        this.stage.enter("empty");
      }
      throw error;
    }
  }

  #answered(entry) {
    const { answer, limbs, selected } = entry;
    busy(false);
    // A picture that the browser cannot show, or shows in another orientation, is left out: joints would lie beside it.
    entry.shown = Math.abs((photo.naturalWidth * answer.height) / (photo.naturalHeight * answer.width) - 1) < 0.01;
    this.stage.enter("photo");
    this.stage.setShape(answer.width, answer.height);
    photo.hidden = !entry.shown;
    at("save-png").hidden = !entry.shown;
    this.stage.show(answer, limbs, { selected });
    this.boxes.setSize(answer.width, answer.height);
    at("clear-boxes").hidden = this.boxes.list.length === 0;
    this.announce();
  }

  #boxesChanged() {
    if (!this.boxes.list.length) at("add-box").focus(); // what was focused has gone
    this.#entry.answer = null;
    begin((signal) => this.#look(this.#entry, signal));
  }

  /** Its boxes go with a photo, and what was said about them alone. */
  #leave() {
    if (this.#entry?.selected) this.#entry.answer = null;
    this.#entry = null;
    this.strip.chosen = null;
    this.boxes.clear();
    this.boxes.setSize(0, 0); // no more of them until an answer tells the picture's size
  }
}
