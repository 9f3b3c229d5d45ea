// What a file is by its first bytes, where the service would only say that it is no picture it reads.

import { Problem } from "./problem.js";

// Where which bytes begin; the first that fits. What fits nowhere goes to the service as a photo: it knows best.
const KINDS = [
  [0, /^GIF8/, "gif"],
  [0, /^%PDF/, "pdf"],
  [4, /^ftyp(avif|avis)/, "avif"],
  [4, /^ftyp(heic|heix|heim|heis|hevc|hevx|mif1|msf1)/, "heic"],
  [4, /^(ftyp|moov|mdat|wide)/, "video"],
  [0, /^\x1aE\xdf\xa3/, "video"],
  [0, /^RIFF....AVI /s, "video"],
  [0, /^\x00\x00\x01[\xb3\xba]/, "video"],
  [0, /^OggS/, "video"],
];

/** "photo" or "video". Throws Problem for what is neither, in words that say what to choose instead. */
export async function kindOf(file) {
  if (!file.size) throw refused("empty", file);
  const bytes = new Uint8Array(await file.slice(0, 16).arrayBuffer());
  const text = String.fromCharCode(...bytes);
  const kind = KINDS.find(([from, pattern]) => pattern.test(text.slice(from)))?.[2] ?? "photo";
  if (kind === "photo" || kind === "video") return kind;
  throw refused(kind, file);
}

function refused(kind, { name }) {
  return new Problem(`file.${kind}`, { name }, { status: 415 });
}
