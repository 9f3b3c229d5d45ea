// Language: which of the table's languages is spoken, and everything that is told again when another one is chosen.

import { LANGUAGES } from "./languages.js";

const KEPT = "unipose-language"; // the reader's choice; without one the browser's languages decide
const FIRST = "en"; // where the browser's languages are not in the table
// Where an element keeps what it tells, and which of its attributes says it: none is its text.
const PLACES = {
  "data-words": null,
  "data-words-label": "aria-label",
  "data-words-title": "title",
  "data-words-alt": "alt",
  "data-words-content": "content",
};

let spoken = localStorage.getItem(KEPT);
if (!(spoken in LANGUAGES)) {
  spoken = navigator.languages.map((tag) => tag.split("-")[0].toLowerCase()).find((code) => code in LANGUAGES) ?? FIRST;
}

/** A row of the table with its {gaps} filled. A value that is a pair [key, values] is a row, too. */
export function words(key, values = {}) {
  const fill = (value) => (Array.isArray(value) ? words(...value) : value);
  return LANGUAGES[spoken][key].replace(/\{(\w+)\}/g, (_, gap) => fill(values[gap]));
}

/** Whether the table has such a row. */
export function known(key) {
  return key in LANGUAGES[spoken];
}

/** For a number of things, the row of none, of one, or of many. */
export function count(key, n) {
  return [`${key}.${["none", "one"][n] ?? "many"}`, { n }];
}

/** An element says a row as its text, or in the attribute that belongs to one of PLACES, in every language. */
export function tell(element, key, values = {}, place = "data-words") {
  element.setAttribute(place, JSON.stringify([key, values]));
  show(element, place);
}

/** No longer says anything. */
export function hush(element) {
  element.removeAttribute("data-words");
  element.textContent = "";
}

/** Fills a <select> with the languages, and follows it. */
export function offerLanguages(select) {
  select.replaceChildren(...Object.entries(LANGUAGES).map(([code, { language }]) => option(code, language)));
  select.value = spoken;
  select.addEventListener("change", () => {
    spoken = select.value;
    localStorage.setItem(KEPT, spoken);
    speak();
  });
  speak();
}

function option(code, name) {
  return Object.assign(document.createElement("option"), { value: code, textContent: name, lang: code });
}

function speak() {
  document.documentElement.lang = spoken;
  for (const place of Object.keys(PLACES)) {
    for (const element of document.querySelectorAll(`[${place}]`)) show(element, place);
  }
}

function show(element, place) {
  const row = element.getAttribute(place);
  const text = row.startsWith("[") ? words(...JSON.parse(row)) : words(row); // the page's own elements name a key alone
  const attribute = PLACES[place];
  if (attribute) element.setAttribute(attribute, text);
  else if (element.textContent !== text) element.textContent = text; // a live region speaks with every change
}
