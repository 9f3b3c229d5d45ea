// The page: what its parts do for each other.

import { at } from "./dom.js";
import { kindOf } from "./file_kind.js";
import { FilmStage } from "./film_stage.js";
import { acceptFiles } from "./intake.js";
import { scoreText } from "./joint.js";
import { offerLanguages } from "./language.js";
import { say, showProblem } from "./notice.js";
import { PhotoStage } from "./photo_stage.js";
import { Problem, unreachable } from "./problem.js";
import { save, saveJson, toJson, toPng } from "./saving.js";
import { address, listModels } from "./service.js";
import { Stage } from "./stage.js";
import { MOST } from "./strip.js";
import { WebcamStage } from "./webcam_stage.js";
import { begin } from "./work.js";

// The service is asked for the unsure too, so that the slider shows and hides them without asking again.
const LEAST = 0.05;
const [people, joints, most] = ["person-threshold", "joint-threshold", "max-people"].map(at);
const [photo, video] = ["photo", "video"].map(at);

const stage = new Stage();
const photos = new PhotoStage(stage, options);
const film = new FilmStage(stage, options);
const webcam = new WebcamStage(stage, options, (file) => openFiles([file]));

/** The query of a request; the model is known by then, and so is whether the service needs a key. */
async function options() {
  await introduceModel();
  return { max_people: most.value, score_threshold: LEAST };
}

let introduced = false;

/** Says which model answers, and shows the people whom it would answer by itself. */
async function introduceModel() {
  const [{ name, version, min_score: least }] = await listModels();
  if (introduced) return;
  introduced = true;
  at("model").textContent = `${name} ${version}`;
  people.value = least ?? 0;
  applyThresholds();
}

/** Photos go onto the strip; a video is played alone. What cannot be read is told once the others are shown. */
function openFiles(files) {
  return begin(async (signal) => {
    const kinds = await Promise.allSettled(files.map(kindOf));
    const [read, videos] = ["photo", "video"].map((kind) => files.filter((_, i) => kinds[i].value === kind));
    if (videos.length > 1 || (videos.length && read.length)) throw new Problem("file.mixed", {}, { status: 415 });
    if (read.length > MOST) throw new Problem("file.many", { n: MOST }, { status: 413 });
    if (read.length) await photos.show(read, signal);
    if (videos.length) await film.show(videos[0], signal);
    const refused = kinds.find(({ status }) => status === "rejected");
    if (refused) throw refused.reason;
  });
}

const samples = {}; // files by name, once they are here

function openSample(name) {
  return begin(async (signal) => {
    samples[name] ??= await fetchSample(name);
    if (!signal.aborted) await photos.show([samples[name]], signal);
  });
}

async function fetchSample(name) {
  const response = await fetch(address(`page/${name}`)).catch(() => null);
  if (!response?.ok) throw unreachable();
  return new File([await response.blob()], name, { type: "image/jpeg" });
}

// --- options

/** Both sliders change what is drawn alone: the answer stays. */
function applyThresholds() {
  for (const slider of [people, joints]) slider.nextElementSibling.textContent = scoreText(Number(slider.value));
  stage.jointThreshold = Number(joints.value);
  stage.personThreshold = Number(people.value);
  if (stage.name === "photo" && stage.answer) photos.announce();
}

for (const slider of [people, joints]) slider.addEventListener("input", applyThresholds);
most.addEventListener("change", () => {
  if (!at("options").reportValidity()) return;
  if (stage.name === "webcam") webcam.begin();
  else photos.again();
});
at("options").addEventListener("submit", (event) => event.preventDefault());
// Also when a phone is turned.
video.addEventListener("resize", () => stage.setShape(video.videoWidth, video.videoHeight));

// --- what can be taken away

const drawn = () => toPng(photo, stage.overlay.svg, photos.result);
const noRoom = () => showProblem(new Problem("save.no-room", {}, { status: 413 }));

at("save-json").addEventListener("click", () => saveJson(photos.result));
at("save-png").addEventListener("click", () => drawn().then(save, noRoom));
at("copy-json").addEventListener("click", () =>
  navigator.clipboard.writeText(toJson(photos.result)).then(
    () => say("copied"),
    () => showProblem(new Problem("copy.refused", {}, { status: 403 })),
  ),
);
at("share").addEventListener("click", async () => {
  const file = await drawn().catch(noRoom);
  if (!file) return;
  await navigator.share({ files: [file], title: file.name }).catch(({ name }) => {
    if (name !== "AbortError") save(file); // that its user thought better of it is no failure
  });
});
at("copy-json").hidden = !navigator.clipboard; // browsers have one for pages of https and of this machine only
at("share").hidden = !navigator.canShare?.({ files: [new File([""], "photo.png", { type: "image/png" })] });

// --- the beginning

offerLanguages(at("language"));
acceptFiles([at("file"), at("camera")], openFiles, (key) => showProblem(new Problem(key)));
for (const button of document.querySelectorAll("[data-sample]")) {
  button.addEventListener("click", () => openSample(button.dataset.sample));
}
at("pose-address").textContent = address("pose");
applyThresholds(); // a browser may have kept the sliders where they were
begin(introduceModel);
