// Stage: what is shown (nothing yet, a photo, the webcam or a film), with the poses over it and the people beside it.

import { at } from "./dom.js";
import { Inspector } from "./inspector.js";
import { count, tell } from "./language.js";
import { Overlay } from "./overlay.js";
import { People } from "./people.js";

const WIDE = matchMedia("(min-width: 60rem)"); // the people are beside the picture, not below it
const root = document.documentElement;
const [picture, photo, video, result] = ["picture", "photo", "video", "result"].map(at);

export class Stage {
  #leaving = {}; // what ends with each stage
  #shown = null; // { answer, limbs, selected, listed }
  #thresholds = { person: 0, joint: 0 };

  constructor() {
    this.overlay = new Overlay(at("overlay"));
    this.inspector = new Inspector(this.overlay, picture, at("joint-label"), (person, name) =>
      this.people.mark(person, name),
    );
    this.people = new People(at("people"), {
      onJoint: (person, name) => this.inspector.look(this.inspector.find(person, name)),
      onPerson: (person) => this.overlay.mark(person),
      onSwitch: (person, shown) => this.overlay.setVisible(person, shown),
    });
  }

  get name() {
    return root.dataset.stage;
  }

  /** `call()` whenever this stage is left for another. */
  onLeave(name, call) {
    this.#leaving[name] = call;
  }

  /** "empty", "photo", "webcam" or "film", with nobody on it yet. */
  enter(name) {
    const focused = document.activeElement;
    if (name !== this.name) this.#leaving[this.name]?.();
    root.dataset.stage = name;
    picture.hidden = name === "empty";
    photo.hidden = name !== "photo";
    video.hidden = name !== "webcam" && name !== "film";
    at("film").hidden = name !== "film";
    picture.classList.remove("mirrored");
    this.clear();
    // The focused button may have gone.
    if (focused === at("use-webcam") && name === "webcam") at("take").focus();
    if (focused.matches(".webcam-only") && name !== "webcam") at("use-webcam").focus();
    if (focused.matches(".sample") && name !== "empty") at("file").focus();
  }

  clear() {
    this.#shown = null;
    this.inspector.look(null);
    this.overlay.clear();
    this.people.clear();
    result.hidden = true;
  }

  setShape(width, height) {
    picture.style.setProperty("--shape", width / height);
  }

  /** Draws an answer: its people from the threshold on, or all of them if `selected`; with `listed`, as a list too. */
  show(answer, limbs, { selected = false, listed = true } = {}) {
    this.#shown = { answer, limbs, selected, listed };
    this.#refresh();
  }

  /** The answer as it is shown: without the people below the threshold. */
  get answer() {
    if (!this.#shown) return null;
    const { answer, selected } = this.#shown;
    return selected ? answer : this.select(answer);
  }

  /** An answer without the people below the threshold. */
  select(answer) {
    return { ...answer, poses: answer.poses.filter(({ score }) => score >= this.#thresholds.person) };
  }

  /** Joints from this score on are drawn. */
  set jointThreshold(score) {
    this.#thresholds.joint = score;
    this.overlay.threshold = this.people.threshold = score;
  }

  /** People from this score on are shown. */
  set personThreshold(score) {
    const before = this.answer?.poses.length;
    this.#thresholds.person = score;
    if (this.#shown && this.answer.poses.length !== before) this.#refresh();
  }

  #refresh() {
    const { answer } = this;
    const { limbs, listed } = this.#shown;
    this.overlay.show(answer, limbs, picture.classList.contains("mirrored"));
    this.inspector.follow();
    if (!listed) return;
    this.people.show(answer, WIDE.matches);
    this.people.threshold = this.#thresholds.joint;
    tell(at("result-heading"), ...count("people", answer.poses.length));
    result.hidden = answer.poses.length === 0;
  }
}
