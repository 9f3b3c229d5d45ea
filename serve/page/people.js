// The list of people: a switch that shows or hides each, and its joints in a table, which also shows what is looked at.

import { html, svg } from "./dom.js";
import { colourOf, readable, scoreText } from "./joint.js";
import { tell } from "./language.js";

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

  /** `open`: whether the joints of somebody alone are seen at once. */
  show({ poses }, open) {
    this.container.replaceChildren(...poses.map((pose, person) => entry(pose, person, open && poses.length === 1)));
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

function entry(pose, person, open) {
  const n = person + 1;
  const control = html("input", { type: "checkbox", checked: true });
  control.setAttribute("role", "switch");
  const swatch = html("span", { className: "swatch" });
  swatch.style.backgroundColor = colourOf(person);
  const who = html("label", { className: "who" }, control, swatch, said("span", "person", { n }));
  const score = said("span", "score", { score: scoreText(pose.score) }, "score");
  const heads = ["table.joint", "table.score", "table.x", "table.y"].map((key) => said("th", key));
  for (const head of heads) head.scope = "col";
  const table = html(
    "table",
    {},
    said("caption", "table", { n }, "unseen"),
    html("thead", {}, html("tr", {}, ...heads)),
    html("tbody", {}, ...pose.keypoints.map((keypoint) => line(keypoint, person))),
  );
  const summary = html("summary", {}, said("span", "joints"), said("span", "joints.of", { n }, "unseen"));
  const item = html("li", {}, who, score, html("details", { open }, summary, table));
  item.dataset.person = person;
  return item;
}

function line({ name, x, y, score }, person) {
  const frame = { viewBox: "0 0 1 1", preserveAspectRatio: "none", class: "bar", "aria-hidden": true };
  const bar = svg("svg", frame, svg("rect", { width: score, height: 1 }));
  const head = html("th", { scope: "row" });
  tell(head, "point.name", { joint: readable(name) });
  const cells = [html("td", { className: "score" }, bar, scoreText(score)), ...[x, y].map((at) => cell(at))];
  const row = html("tr", {}, head, ...cells);
  Object.assign(row.dataset, { joint: name, person, score: scoreText(score) });
  return row;
}

const cell = (number) => html("td", {}, number.toFixed(1));

function said(name, key, values, className = "") {
  const made = html(name, { className });
  tell(made, key, values);
  return made;
}
