// What a joint's name says, and the colours people are told apart by.

import { known } from "./language.js";

// Bright enough to be seen on a photograph over a dark edge; neighbours differ in lightness too, for colour-blind eyes.
const COLOURS = ["#ffc145", "#4cc9f0", "#ff7eb6", "#a8e05f", "#c4a2ff", "#ff8a5c", "#5eead4", "#f4f1de"];

export function colourOf(person) {
  return COLOURS[person % COLOURS.length];
}

/** A value for the rows of the table: a row of its own for a joint that has one; else its name as words. */
export function readable(name) {
  const key = `joint.${name}`;
  return known(key) ? [key, {}] : name.replaceAll("_", " ");
}

/** left, right or middle: the person's own side, as the name says it. */
export function sideOf(name) {
  const [first] = name.split("_");
  return first === "left" || first === "right" ? first : "middle";
}

/** A limb belongs to a side when both of its ends do. */
export function sideOfLimb(a, b) {
  return sideOf(a) === sideOf(b) ? sideOf(a) : "middle";
}

export function scoreText(score) {
  return score.toFixed(2);
}
