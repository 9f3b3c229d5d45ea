// The list of people: a switch that shows or hides each, and its joints in a table, which also shows what is looked at.

import { colourOf, readable, scoreText } from "./joint.js";
import { element } from "./svg.js";

export class People {
  /**
   * `onJoint(person, name)` follows the pointer over the joints, `onPerson(person)` pointer and focus over people; all
   * are null when nobody is looked at. `onSwitch(person, shown)` follows the switches.
   */
  constructor(container, { onJoint, onPerson, onSwitch }) {
    this.container = container;
    container.addEventListener("pointerover", ({ target }) => {
      const { person = null, joint = null } = target.closest("tr[data-joint]")?.dataset ?? {};
      onJoint(person, joint);
      onPerson(personOf(target));
    });
    container.addEventListener("pointerleave", () => {
      onJoint(null, null);
      onPerson(personOf(document.activeElement));
    });
    container.addEventListener("focusin", ({ target }) => onPerson(personOf(target)));
    container.addEventListener("focusout", ({ relatedTarget }) => onPerson(relatedTarget && personOf(relatedTarget)));
    container.addEventListener("change", ({ target }) => onSwitch(personOf(target), target.checked));
  }

  show({ poses }) {
    this.container.replaceChildren(...poses.map((pose, person) => entry(pose, person, poses.length === 1)));
  }

  clear() {
    this.container.replaceChildren();
  }

  mark(person, name) {
    for (const row of this.container.querySelectorAll("tr[data-joint]")) {
      row.classList.toggle("seen", row.dataset.person === person && row.dataset.joint === name);
    }
    for (const item of this.container.children) item.classList.toggle("seen", item.dataset.person === person);
  }

  /** Joints below the threshold, which the picture leaves out, are fainter. */
  set threshold(score) {
    for (const row of this.container.querySelectorAll("tr[data-joint]")) {
      row.classList.toggle("below", Number(row.dataset.score) < score);
    }
  }
}

function personOf(target) {
  const item = target.closest("#people > li");
  return item && Number(item.dataset.person);
}

function entry(pose, person, alone) {
  const control = make("input", { type: "checkbox", checked: true });
  control.setAttribute("role", "switch");
  const swatch = make("span", { className: "swatch" });
  swatch.style.backgroundColor = colourOf(person);
  const who = make("label", { className: "who" }, control, swatch, `Person ${person + 1}`);
  const score = make("span", { className: "score" }, `score ${scoreText(pose.score)}`);
  const heads = ["Joint", "Score", "x", "y"].map((text) => make("th", { scope: "col" }, text));
  const table = make(
    "table",
    {},
    make("caption", { className: "unseen" }, `Joints of person ${person + 1}, in pixels`),
    make("thead", {}, make("tr", {}, ...heads)),
    make("tbody", {}, ...pose.keypoints.map((keypoint) => line(keypoint, person))),
  );
  const unseen = make("span", { className: "unseen" }, ` of person ${person + 1}`);
  const details = make("details", { open: alone }, make("summary", {}, "Joints", unseen), table);
  const item = make("li", {}, who, score, details);
  item.dataset.person = person;
  return item;
}

function line({ name, x, y, score }, person) {
  const frame = { viewBox: "0 0 1 1", preserveAspectRatio: "none", class: "bar", "aria-hidden": true };
  const bar = element("svg", frame, element("rect", { width: score, height: 1 }));
  const row = make(
    "tr",
    {},
    make("th", { scope: "row" }, readable(name)),
    make("td", { className: "score" }, bar, scoreText(score)),
    make("td", {}, x.toFixed(1)),
    make("td", {}, y.toFixed(1)),
  );
  Object.assign(row.dataset, { joint: name, person, score: scoreText(score) });
  return row;
}

function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}
