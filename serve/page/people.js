// The answer as text: for each person a table of joints, which also shows what the overlay is asked about.

import { colourOf, readable, scoreText } from "./joint.js";
import { element } from "./svg.js";

export class People {
  /** `onJoint(person, name)` follows the pointer over the rows; both are null when it leaves them. */
  constructor(container, onJoint) {
    this.container = container;
    container.addEventListener("pointerover", ({ target }) => {
      const { person = null, joint = null } = target.closest("tr[data-joint]")?.dataset ?? {};
      onJoint(person, joint);
    });
    container.addEventListener("pointerleave", () => onJoint(null, null));
  }

  show({ poses }) {
    this.container.replaceChildren(...poses.map(section));
  }

  clear() {
    this.container.replaceChildren();
  }

  mark(person, name) {
    for (const row of this.container.querySelectorAll("tr[data-joint]")) {
      row.classList.toggle("seen", row.dataset.person === person && row.dataset.joint === name);
    }
  }
}

function section(pose, person) {
  const details = make("details", { open: person === 0 });
  const swatch = make("span", { className: "swatch" });
  swatch.style.backgroundColor = colourOf(person);
  const title = make("h3", {}, `Person ${person + 1}`);
  const score = make("span", { className: "score" }, `score ${scoreText(pose.score)}`);
  details.append(make("summary", {}, swatch, title, score));
  const heads = ["Joint", "Score", "x", "y"].map((text) => make("th", { scope: "col" }, text));
  const table = make(
    "table",
    {},
    make("caption", { className: "unseen" }, `Joints of person ${person + 1}, in pixels`),
    make("thead", {}, make("tr", {}, ...heads)),
    make("tbody", {}, ...pose.keypoints.map((keypoint) => line(keypoint, person))),
  );
  details.append(table);
  return details;
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
  Object.assign(row.dataset, { joint: name, person });
  return row;
}

function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}
