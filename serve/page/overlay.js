// Overlay: poses as SVG over a picture. Everything is in attributes, so that the drawing can be saved as it stands.

import { set, svg as element } from "./dom.js";
import { colourOf, readable, scoreText, sideOf, sideOfLimb } from "./joint.js";
import { tell } from "./language.js";

const EDGE = "#101418";
const CONFIDENT = 0.2; // the lowest score with which a joint says where its person is

export class Overlay {
  #shape = "";
  #people = [];
  #hidden = new Set();
  #marked = null;
  #threshold = 0;

  constructor(svg) {
    this.svg = svg;
  }

  /** Draws an answer, over a picture shown as in a mirror if `mirrored`. The same joints keep their elements. */
  show(answer, limbs, mirrored = false) {
    const { width, height, poses } = answer;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const shape = JSON.stringify([poses.map((pose) => pose.keypoints.map(({ name }) => name)), limbs]);
    if (shape !== this.#shape) {
      this.#people = poses.map((pose, person) => build(pose.keypoints, limbs, person));
      this.svg.replaceChildren(...this.#people.map(({ group }) => group));
      this.#hidden.clear();
      this.#marked = null;
      this.#shape = shape;
    }
    const toView = mirrored ? ({ x, y }) => [width - (x + 0.5), y + 0.5] : ({ x, y }) => [x + 0.5, y + 0.5];
    poses.forEach(({ keypoints }, person) => {
      const number = poses.length > 1 ? person + 1 : null;
      place(this.#people[person], keypoints, Math.max(width, height), toView, number);
    });
    this.#refresh();
  }

  clear() {
    this.svg.replaceChildren();
    this.#people = [];
    this.#shape = "";
  }

  /** Leaves out joints with a lower score, and their limbs. */
  set threshold(score) {
    this.#threshold = score;
    this.#refresh();
  }

  setVisible(person, visible) {
    this.#hidden[visible ? "delete" : "add"](person);
    this.#refresh();
  }

  /** Shows one person before the others, or with null all alike. */
  mark(person) {
    if (person === this.#marked) return;
    this.#marked = person;
    this.#refresh();
  }

  /** The circles that are drawn, person by person. */
  get joints() {
    const drawn = this.#people.filter((_, person) => !this.#hidden.has(person));
    return drawn.flatMap(({ dots }) => dots.filter(({ group }) => isDrawn(group)).map(({ circle }) => circle));
  }

  #refresh() {
    this.#people.forEach(({ group, lines, dots, number }, person) => {
      const above = dots.map(({ circle }) => Number(circle.dataset.score) >= this.#threshold);
      draw(group, !this.#hidden.has(person));
      set(group, { opacity: this.#marked === null || this.#marked === person ? 1 : 0.15 });
      dots.forEach((dot, i) => draw(dot.group, above[i]));
      for (const { a, b, group } of lines) draw(group, above[a] && above[b]);
      draw(number, this.#people.length > 1 && above.some(Boolean));
    });
    // One joint of those drawn can be reached with Tab.
    const { joints } = this;
    if (joints.some((circle) => circle.getAttribute("tabindex") === "0")) return;
    for (const circle of this.svg.querySelectorAll("circle[tabindex='0']")) circle.setAttribute("tabindex", "-1");
    joints[0]?.setAttribute("tabindex", "0");
  }
}

const isDrawn = (group) => group.getAttribute("display") !== "none";
const draw = (group, drawn) => set(group, { display: drawn ? "inline" : "none" });

function build(keypoints, limbs, person) {
  const colour = colourOf(person);
  const lines = limbs.map(([a, b]) => {
    const [from, to] = [keypoints[a].name, keypoints[b].name];
    const side = sideOfLimb(from, to);
    const weight = side === "middle" ? 2.5 : 4;
    const line = element("line", { stroke: colour, "data-limb": `${from}-${to}`, "data-side": side });
    const strokes = [[element("line", { stroke: EDGE }), weight + 2], [line, weight]];
    if (side === "right") strokes.push([element("line", { stroke: "#fff" }), 1.6]);
    return { a, b, strokes, group: element("g", { "stroke-linecap": "round" }, ...strokes.map(([stroke]) => stroke)) };
  });
  const dots = keypoints.map(({ name }) => {
    const side = sideOf(name);
    const data = { "data-joint": name, "data-person": person, "data-side": side };
    const fill = side === "right" ? "#fff" : colour;
    const look = { fill, stroke: colour, color: colour };
    const circle = element("circle", { ...look, ...data, role: "img", tabindex: -1 }, element("title"));
    const edge = element("circle", { fill: EDGE });
    return { circle, edge, group: element("g", {}, edge, circle) };
  });
  const groups = [...lines, ...dots].map(({ group }) => group);
  const number = element("g", { "aria-hidden": true }, element("circle", { fill: EDGE, stroke: colour }), text(person));
  return { lines, dots, number, group: element("g", { "data-person": person }, ...groups, number) };
}

function text(person) {
  const look = { fill: "#fff", "text-anchor": "middle", "font-family": "sans-serif", "font-weight": 700 };
  return element("text", look, `${person + 1}`);
}

function place({ lines, dots, number }, keypoints, longestSide, toView, who) {
  const points = keypoints.map(toView);
  const unit = thickness(points, longestSide);
  for (const { a, b, strokes, group } of lines) {
    const [[x1, y1], [x2, y2]] = [points[a], points[b]];
    for (const [line, weight] of strokes) set(line, { x1, y1, x2, y2, "stroke-width": weight * unit });
    set(group, { opacity: visibility(Math.min(keypoints[a].score, keypoints[b].score)) });
  }
  dots.forEach(({ circle, edge, group }, i) => {
    const [cx, cy] = points[i];
    const { name, score } = keypoints[i];
    set(edge, { cx, cy, r: 6 * unit });
    set(circle, { cx, cy, r: 4.2 * unit, "stroke-width": 1.6 * unit, "data-score": scoreText(score) });
    set(group, { opacity: visibility(score) });
    const values = { who, joint: readable(name), score: scoreText(score) };
    tell(circle.firstChild, who ? "point.of" : "point", values);
  });
  const [disc, digits] = number.children;
  const sure = points.filter((_, i) => keypoints[i].score >= CONFIDENT);
  const [cx, top] = (sure.length ? sure : points).reduce((best, point) => (point[1] < best[1] ? point : best));
  const cy = Math.max(9 * unit, top - 16 * unit); // above the person, and inside the picture
  set(disc, { cx, cy, r: 8 * unit, "stroke-width": 1.6 * unit });
  set(digits, { x: cx, y: cy + 3.4 * unit, "font-size": 9.5 * unit });
}

/** One pixel of a picture shown 560 pixels large, less for a person who is small in it: far away, limbs are thin. */
function thickness(points, longestSide) {
  const spread = (axis) => Math.max(...points.map((p) => p[axis])) - Math.min(...points.map((p) => p[axis]));
  return Math.min(longestSide / 560, Math.max(longestSide / 1400, Math.max(spread(0), spread(1)) / 120));
}

/** Joints the model is unsure of are fainter. */
function visibility(score) {
  return Math.min(1, 0.35 + 1.3 * score).toFixed(2);
}
