// Strip: the photos given so far as thumbnails, to switch between.

import { html } from "./dom.js";
import { tell } from "./language.js";

const HEIGHT = 112; // pixels of a thumbnail: twice what is shown, for fine screens
export const MOST = 24; // photos; the oldest go first

export class Strip {
  #entries = [];
  #chosen = null;

  /** `onChoose(entry)` follows the thumbnails. */
  constructor(list, onChoose) {
    Object.assign(this, { list, onChoose });
  }

  get entries() {
    return this.#entries;
  }

  /** A photo as { file, answer, item }, without an answer yet; one that is there already, as it is. */
  add(file) {
    const known = this.#entries.find((entry) => entry.file === file);
    if (known) return known;
    const image = html("canvas", { width: HEIGHT, height: HEIGHT });
    const button = html("button", { type: "button", className: "thumbnail" }, image);
    const entry = { file, answer: null, item: html("li", {}, button) };
    tell(button, "strip.photo", { name: file.name }, "data-words-label");
    button.addEventListener("click", () => this.onChoose(entry));
    this.#entries.push(entry);
    this.list.append(entry.item);
    if (this.#entries.length > MOST) this.#entries.shift().item.remove();
    this.#refresh();
    drawThumbnail(file, image);
    return entry;
  }

  remove(entry) {
    this.#entries = this.#entries.filter((other) => other !== entry);
    entry.item.remove();
    this.#refresh();
  }

  /** Which one is shown; null: none. */
  set chosen(entry) {
    this.#chosen = entry;
    this.#refresh();
    if (entry && !this.list.hidden) entry.item.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  #refresh() {
    this.list.hidden = this.#entries.length < 2;
    for (const entry of this.#entries) {
      entry.item.firstChild.setAttribute("aria-pressed", entry === this.#chosen);
    }
  }
}

/** What this browser cannot show stays blank: its name says which it is. */
async function drawThumbnail(file, canvas) {
  let picture;
  try {
    picture = await createImageBitmap(file, { resizeHeight: HEIGHT, resizeQuality: "medium" });
  } catch {
    return;
  }
  canvas.width = Math.min(picture.width, 2 * HEIGHT);
  canvas.getContext("2d").drawImage(picture, (canvas.width - picture.width) / 2, 0);
  picture.close();
}
