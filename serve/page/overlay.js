// Overlay: poses as SVG over a picture. Everything is in attributes, so that the drawing can be saved as it stands.

import { colourOf, readable, scoreText, sideOf, sideOfLimb } from "./joint.js";
import { element, set } from "./svg.js";

const EDGE = "#101418";

export class Overlay {
  #shape = "";
  #people = [];

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
      this.joints[0]?.setAttribute("tabindex", "0");
      this.#shape = shape;
    }
    const toView = mirrored ? ({ x, y }) => [width - (x + 0.5), y + 0.5] : ({ x, y }) => [x + 0.5, y + 0.5];
    poses.forEach(({ keypoints }, person) => {
      const whose = poses.length > 1 ? `person ${person + 1}, ` : "";
      place(this.#people[person], keypoints, Math.max(width, height), toView, whose);
    });
  }

  clear() {
    this.svg.replaceChildren();
    this.#people = [];
    this.#shape = "";
  }

  /** All circles, person by person. */
  get joints() {
    return this.#people.flatMap(({ dots }) => dots.map(({ circle }) => circle));
  }
}

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
  return { lines, dots, group: element("g", { "data-person": person }, ...groups) };
}

function place({ lines, dots }, keypoints, longestSide, toView, whose) {
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
    circle.firstChild.textContent = `${whose}${readable(name)}, score ${scoreText(score)}`;
  });
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
