// The page: what its parts do for each other. A stage shows nothing yet ("empty"), a "photo" or the "webcam".

import { Boxes } from "./boxes.js";
import { Inspector } from "./inspector.js";
import { acceptPhotos } from "./intake.js";
import { countText } from "./joint.js";
import { clearProblem, say, sentence, showProblem } from "./notice.js";
import { Overlay } from "./overlay.js";
import { People } from "./people.js";
import { saveJson, savePng } from "./saving.js";
import { address, findPoses, limbsFor, listModels, Problem, useKey } from "./service.js";
import { streamPoses } from "./stream.js";
import { Webcam } from "./webcam.js";

const at = (id) => document.getElementById(id);
const HINT = "A box around somebody says where to look.";
const root = document.documentElement;
const [picture, photo, video, result] = ["picture", "photo", "video", "result"].map(at);
const overlay = new Overlay(at("overlay"));
const webcam = new Webcam(video);
const boxes = new Boxes(at("boxes"), boxesChanged);
const inspector = new Inspector(overlay, picture, at("joint-label"), (person, name) => people.mark(person, name));
const people = new People(at("people"), {
  onJoint: (person, name) => inspector.look(inspector.find(person, name)),
  onPerson: (person) => overlay.mark(person),
  onSwitch: (person, shown) => overlay.setVisible(person, shown),
});

let shown = null; // { file, answer }: the photo being shown, and what the service said about it, once it has
let work = new AbortController(); // aborted when something else begins

/** Runs one piece of work at a time; the one before is dropped, and a problem is shown with a way to try again. */
async function begin(task) {
  work.abort();
  const { signal } = (work = new AbortController());
  clearProblem();
  picture.classList.remove("busy");
  try {
    await task(signal);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof Problem)) throw error;
    fail(error, () => begin(task));
  }
}

function fail(error, again) {
  picture.classList.remove("busy");
  showProblem(error, error.passing ? again : null);
  if (error.status !== 401) return;
  at("key-form").hidden = false;
  at("key").focus();
  at("key-form").onsubmit = (event) => {
    event.preventDefault();
    useKey(at("key").value);
    at("key-form").hidden = true;
    again();
  };
}

function setStage(stage) {
  const focused = document.activeElement;
  if (stage !== "webcam") webcam.stop();
  if (stage !== "photo") dropBoxes();
  root.dataset.stage = stage;
  picture.hidden = stage === "empty";
  photo.hidden = stage !== "photo";
  video.hidden = stage !== "webcam";
  picture.classList.remove("mirrored");
  inspector.look(null);
  overlay.clear();
  people.clear();
  result.hidden = true;
  at("clear-boxes").hidden = boxes.list.length === 0;
  shown = null;
  if (focused === at("use-webcam") && stage === "webcam") at("take").focus(); // the focused button has gone
  if (focused.matches(".webcam-only") && stage !== "webcam") at("use-webcam").focus();
}

function dropBoxes() {
  boxes.clear();
  boxes.setSize(0, 0); // no more of them until an answer tells the picture's size
}

const setShape = (width, height) => picture.style.setProperty("--shape", width / height);

// --- a photo

const openPhoto = (file) => begin((signal) => showPhoto(file, signal));

async function showPhoto(file, signal) {
  const again = file === shown?.file; // with other options
  if (!again) {
    const visible = await load(file);
    if (signal.aborted) return;
    dropBoxes();
    setStage(visible ? "photo" : "empty");
    if (visible) setShape(photo.naturalWidth, photo.naturalHeight);
    shown = { file, answer: null };
  }
  say("Looking for joints …");
  picture.classList.add("busy");
  const began = performance.now();
  let answer;
  let limbs;
  try {
    answer = await findPoses(file, boxes.list.length ? { boxes: JSON.stringify(boxes.list) } : options(), signal);
    limbs = await limbsFor(answer);
  } catch (error) {
    if (!signal.aborted && [413, 415, 422].includes(error.status) && !shown.answer) setStage("empty"); // not a photo
    throw error;
  }
  if (signal.aborted) return;
  picture.classList.remove("busy");
  showAnswer(file, answer, limbs, `in ${Math.round(performance.now() - began)} ms`);
}

/** Shows the file in <img>; false for what this browser cannot show, though the service may read it. */
async function load(file) {
  URL.revokeObjectURL(photo.src);
  photo.src = URL.createObjectURL(file);
  return photo.decode().then(() => true, () => false);
}

function showAnswer(file, answer, limbs, time) {
  // A picture that the browser cannot show, or shows in another orientation, is left out: joints would lie beside it.
  const visible = Math.abs((photo.naturalWidth * answer.height) / (photo.naturalHeight * answer.width) - 1) < 0.01;
  setStage("photo");
  photo.hidden = !visible;
  setShape(answer.width, answer.height);
  shown = { file, answer };
  overlay.show(answer, limbs);
  boxes.setSize(answer.width, answer.height);
  people.show(answer);
  people.threshold = threshold();
  at("result-heading").textContent = countText(answer.poses.length);
  result.hidden = answer.poses.length === 0;
  at("save-png").hidden = !visible;
  photo.alt = `${file.name}: ${found(answer)}`;
  const unseen = " This browser cannot show this kind of picture; the joints are drawn without it.";
  say(answer.poses.length ? `${found(answer)} ${time}.${visible ? "" : unseen}` : `${found(answer)}. ${HINT}`);
  nameModel(answer.model);
}

const found = ({ poses }) => `${countText(poses.length)} found`;

function nameModel({ name, version }) {
  at("model").textContent = `${name} ${version}`;
}

// --- the webcam

async function showWebcam(signal) {
  if (root.dataset.stage !== "webcam") setStage("webcam");
  try {
    await listModels(); // says whether a key is needed, which a WebSocket cannot
    await webcam.start(signal);
    if (signal.aborted) return;
    picture.classList.toggle("mirrored", webcam.mirrored);
    at("other-camera").hidden = (await webcam.cameras()).length < 2;
    say("Looking for joints …");
    await streamPoses(options(), () => webcam.picture(640, 0.8), showFrame, signal);
  } catch (error) {
    if (!signal.aborted) leaveWebcam();
    throw error;
  }
}

async function showFrame(answer, ms) {
  if (answer.error) return say(sentence(answer.error.detail)); // the next frame may fare better
  overlay.show(answer, await limbsFor(answer), picture.classList.contains("mirrored"));
  inspector.follow();
  say(`${found(answer)}.`);
  at("pace").textContent = `${Math.round(ms)} ms`;
}

function leaveWebcam() {
  setStage("empty");
  say("");
}

async function takePicture() {
  const blob = await webcam.picture();
  if (blob) openPhoto(new File([blob], "webcam.jpg", { type: blob.type }));
}

async function otherCamera() {
  await webcam.chooseNext();
  webcam.stop();
  begin(showWebcam);
}

video.addEventListener("resize", () => setShape(video.videoWidth, video.videoHeight)); // also when a phone is turned

// --- controls

const options = () => ({ max_people: at("max-people").value });
const threshold = () => Number(at("joint-threshold").value);

function optionsChanged() {
  if (!at("options").reportValidity()) return;
  if (root.dataset.stage === "webcam") begin(showWebcam);
  else if (shown) openPhoto(shown.file);
}

function boxesChanged() {
  if (!boxes.list.length) at("add-box").focus(); // what was focused has gone
  openPhoto(shown.file);
}

/** Changes the drawing alone: the answer stays. */
function applyThreshold() {
  at("threshold-shown").textContent = threshold().toFixed(2);
  overlay.threshold = people.threshold = threshold();
}

at("joint-threshold").addEventListener("input", applyThreshold);
at("max-people").addEventListener("change", optionsChanged);
at("add-box").addEventListener("click", () => boxes.add());
at("clear-boxes").addEventListener("click", () => {
  boxes.clear();
  boxesChanged();
});
at("options").addEventListener("submit", (event) => event.preventDefault());
at("use-webcam").addEventListener("click", () => begin(showWebcam));
at("take").addEventListener("click", takePicture);
at("other-camera").addEventListener("click", otherCamera);
at("stop-webcam").addEventListener("click", () => {
  work.abort();
  leaveWebcam();
});
at("save-json").addEventListener("click", () => saveJson(shown));
at("save-png").addEventListener("click", () =>
  savePng(photo, overlay.svg, shown).catch(() =>
    showProblem(new Problem("This browser has no room to draw a picture of this size.")),
  ),
);
acceptPhotos(at("file"), openPhoto, (words) => showProblem(new Problem(words)));

begin(async () => nameModel((await listModels())[0]));
at("pose-address").textContent = address("pose");
applyThreshold(); // a browser may have kept the slider where it was
