// What can be taken away: the answer as JSON, the photo with the skeleton as PNG, and a film's poses as JSON lines.

export function toJson({ answer }) {
  return `${JSON.stringify(answer, null, 2)}\n`;
}

export function saveJson(result) {
  save(new File([toJson(result)], `${stem(result.file.name)}.pose.json`, { type: "application/json" }));
}

/** A line for each frame, as `unipose video` writes them. */
export function saveLines(frames, name) {
  const lines = frames.map(({ frame, time, answer }) => `${JSON.stringify({ frame, time, poses: answer.poses })}\n`);
  save(new File(lines, `${stem(name)}.pose.jsonl`, { type: "application/jsonl" }));
}

/** The photo at its full size with the overlay's drawing on it. Rejects where the browser has no room for that. */
export async function toPng(photo, svg, { answer, file }) {
  const { width, height } = answer;
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  context.drawImage(photo, 0, 0, width, height);
  context.drawImage(await asImage(svg, width, height), 0, 0, width, height);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!blob) throw new Error("no room for the picture");
  return new File([blob], `${stem(file.name)}.pose.png`, { type: "image/png" });
}

async function asImage(svg, width, height) {
  const copy = svg.cloneNode(true);
  copy.setAttribute("xmlns", svg.namespaceURI);
  copy.setAttribute("width", width); // without a size of its own, not every browser draws it
  copy.setAttribute("height", height);
  const url = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    return image;
  } finally {
    URL.revokeObjectURL(url);
  }
}

export function save(file) {
  const url = URL.createObjectURL(file);
  const link = Object.assign(document.createElement("a"), { href: url, download: file.name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the download reads it after this returns
}

function stem(name) {
  return name.replace(/\.[^.]*$/, "") || "photo";
}
