// Inspector: tells which joint is looked at, by pointer or keyboard, and names it next to the joint.

const REACH = 28; // CSS pixels: fingers are not precise
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

export class Inspector {
  #current = null;

  /** `onJoint(person, name)` follows what is looked at; both are null when nothing is. */
  constructor(overlay, picture, label, onJoint) {
    Object.assign(this, { overlay, picture, label, onJoint });
    picture.addEventListener("pointermove", (event) => this.look(this.#nearest(event)));
    picture.addEventListener("pointerdown", (event) => this.look(this.#nearest(event)));
    picture.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.look(null));
    overlay.svg.addEventListener("focusin", (event) => this.look(event.target.closest("circle")));
    overlay.svg.addEventListener("focusout", () => this.look(null));
    overlay.svg.addEventListener("keydown", (event) => this.#step(event));
  }

  /** Look at a circle, or at nothing. */
  look(circle) {
    if (circle === this.#current) return;
    this.#current?.classList.remove("seen");
    this.#current = circle;
    this.label.hidden = !circle;
    this.onJoint(circle?.dataset.person ?? null, circle?.dataset.joint ?? null);
    if (!circle) return;
    circle.classList.add("seen");
    this.label.textContent = circle.textContent;
    const [x, y] = centre(circle);
    const frame = this.picture.getBoundingClientRect();
    const across = (x - frame.left) / frame.width;
    this.label.style.left = `${100 * across}%`;
    this.label.style.top = `${(100 * (y - frame.top)) / frame.height}%`;
    this.label.dataset.lean = across < 0.34 ? "right" : across > 0.66 ? "left" : "none"; // stay inside the picture
    this.label.dataset.below = y - frame.top < 48;
  }

  /** Stays with the joint that was looked at, where it is now. */
  follow() {
    const { person, joint } = this.#current?.dataset ?? {};
    this.look(null);
    this.look(this.find(person, joint));
  }

  find(person, name) {
    return this.overlay.joints.find(({ dataset }) => dataset.person === person && dataset.joint === name) ?? null;
  }

  #nearest({ clientX, clientY }) {
    const away = (circle) => Math.hypot(...centre(circle).map((at, axis) => at - [clientX, clientY][axis]));
    const ranked = this.overlay.joints.map((circle) => [away(circle), circle]).sort(([a], [b]) => a - b);
    return ranked[0]?.[0] <= REACH ? ranked[0][1] : null;
  }

  /** One joint of the overlay can be reached with Tab, the others from there. */
  #step(event) {
    const { joints } = this.overlay;
    const at = joints.indexOf(event.target);
    const last = joints.length - 1;
    const to = { Home: 0, End: last }[event.key] ?? (event.key in STEPS ? at + STEPS[event.key] : null);
    if (at < 0 || to === null) return;
    event.preventDefault();
    const next = joints[Math.min(last, Math.max(0, to))];
    joints[at].setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  }
}

function centre(circle) {
  const { left, top, width, height } = circle.getBoundingClientRect();
  return [left + width / 2, top + height / 2];
}
