// Boxes drawn by hand: where the service shall look for people. A mouse draws them, fingers and keys move a new one.

import { set, svg as element } from "./dom.js";
import { tell } from "./language.js";

const LEAST = 12; // CSS pixels: a shorter drag is no box
const PAUSE = 500; // ms after the last key, before the service is asked
const KEYS = { ArrowRight: [1, 0], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowUp: [0, -1] };
const CORNERS = [[0, 1], [2, 1], [2, 3], [0, 3]]; // indices of x and y in a box

export class Boxes {
  #size = [0, 0];
  #boxes = []; // { box, group }: box_xyxy in pixels of the picture
  #timer = null;

  /** `onChange()` is called when boxes have been drawn, moved or removed. */
  constructor(svg, onChange) {
    Object.assign(this, { svg, onChange });
    svg.addEventListener("pointerdown", (event) => this.#press(event));
    svg.addEventListener("dragstart", (event) => event.preventDefault()); // of what is selected, by the browser
    svg.addEventListener("keydown", (event) => this.#key(event));
  }

  /** box_xyxy, in whole pixels. */
  get list() {
    return this.#boxes.map(({ box }) => box.map(Math.round));
  }

  /** Takes boxes on a picture of this size in pixels; none on one of size 0. */
  setSize(width, height) {
    this.#size = [width, height];
    set(this.svg, { viewBox: `0 0 ${width} ${height}` });
    this.#boxes.forEach((one, i) => this.#place(one, i));
  }

  /** A box in the middle, to be moved. */
  add() {
    const [width, height] = this.#size;
    if (!width) return;
    const one = this.#insert([width / 4, height / 8, (3 * width) / 4, (7 * height) / 8]);
    one.group.focus();
    this.#changed(0);
  }

  clear() {
    clearTimeout(this.#timer);
    for (const { group } of this.#boxes) group.remove();
    this.#boxes = [];
  }

  #insert(box) {
    const handles = CORNERS.map((_, corner) => element("circle", { "data-corner": corner }));
    const group = element("g", { role: "img", tabindex: 0 }, element("rect"), ...handles);
    this.svg.append(group);
    const one = { box, group };
    this.#boxes.push(one);
    this.#place(one, this.#boxes.length - 1);
    return one;
  }

  #place({ box: [x1, y1, x2, y2], group }, index) {
    const [rect, ...handles] = group.children;
    set(rect, { x: x1, y: y1, width: x2 - x1, height: y2 - y1 });
    const r = 6 * this.#scale()[0];
    handles.forEach((handle, corner) => set(handle, { cx: corner % 3 ? x2 : x1, cy: corner > 1 ? y2 : y1, r }));
    tell(group, "boxes.one", { n: index + 1 }, "data-words-label");
  }

  /** Pixels of the picture for one of the screen. */
  #scale() {
    const { width, height } = this.svg.getBoundingClientRect();
    return [this.#size[0] / (width || 1), this.#size[1] / (height || 1)];
  }

  #toPicture({ clientX, clientY }) {
    const { left, top } = this.svg.getBoundingClientRect();
    return this.#scale().map((scale, axis) => this.#inside(scale * (axis ? clientY - top : clientX - left), axis));
  }

  #inside(value, axis) {
    return Math.min(this.#size[axis], Math.max(0, value));
  }

  #press(event) {
    if (event.button || !this.#size[0]) return;
    const group = event.target.closest("g");
    const one = this.#boxes.find((box) => box.group === group);
    if (!one && event.pointerType !== "mouse" && event.pointerType !== "pen") return; // a finger scrolls the page
    const began = this.#toPicture(event);
    const before = one ? [...one.box] : null;
    const drag = { one, began, before, corner: event.target.dataset.corner };
    const stop = new AbortController();
    const listen = (name, call) => window.addEventListener(name, call, { signal: stop.signal });
    listen("pointermove", (moved) => this.#drag(drag, moved));
    listen("pointerup", () => {
      stop.abort();
      if (drag.one && `${drag.one.box}` !== `${drag.before}`) this.#changed(0);
    });
    listen("pointercancel", () => stop.abort());
  }

  #drag(drag, event) {
    const [x, y] = this.#toPicture(event);
    const [fromX, fromY] = drag.began;
    if (!drag.one) {
      const [across, down] = this.#scale();
      if (Math.abs(x - fromX) < LEAST * across || Math.abs(y - fromY) < LEAST * down) return;
      drag.one = this.#insert(sorted([fromX, fromY, x, y]));
      drag.corner = "new";
    }
    if (drag.corner === "new") drag.one.box = sorted([fromX, fromY, x, y]);
    else if (drag.corner) drag.one.box = this.#resized(drag.before, CORNERS[drag.corner], [x, y]);
    else drag.one.box = this.#moved(drag.before, [x - fromX, y - fromY]);
    this.#place(drag.one, this.#boxes.indexOf(drag.one));
  }

  #resized(box, corner, xy) {
    const changed = [...box];
    corner.forEach((edge, axis) => {
      const other = box[(edge + 2) % 4];
      const least = LEAST * this.#scale()[axis];
      changed[edge] = edge < 2 ? Math.min(xy[axis], other - least) : Math.max(xy[axis], other + least);
    });
    return changed;
  }

  /** Stays within the picture, and as large as it was. */
  #moved(box, by) {
    const [dx, dy] = by.map((step, axis) => Math.min(this.#size[axis] - box[axis + 2], Math.max(-box[axis], step)));
    return [box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy];
  }

  #key(event) {
    const one = this.#boxes.find(({ group }) => group === event.target);
    const remove = event.key === "Delete" || event.key === "Backspace";
    if (!one || !(remove || event.key in KEYS)) return;
    event.preventDefault();
    if (remove) {
      this.#boxes = this.#boxes.filter((other) => other !== one);
      one.group.remove();
      this.#boxes.forEach((other, i) => this.#place(other, i));
      this.#boxes.at(-1)?.group.focus();
    } else {
      const by = KEYS[event.key].map((step, axis) => (step * this.#size[axis]) / 50);
      const end = [one.box[2] + by[0], one.box[3] + by[1]].map((value, axis) => this.#inside(value, axis));
      one.box = event.shiftKey ? this.#resized(one.box, CORNERS[2], end) : this.#moved(one.box, by);
      this.#place(one, this.#boxes.indexOf(one));
    }
    this.#changed(PAUSE);
  }

  #changed(wait) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.onChange, wait);
  }
}

function sorted([x1, y1, x2, y2]) {
  return [Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2)];
}
