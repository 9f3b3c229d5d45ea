// What can be taken away: the answer as JSON, and the photo with the skeleton as PNG.

export function saveJson({ answer, file }) {
  const text = `${JSON.stringify(answer, null, 2)}\n`;
  save(new Blob([text], { type: "application/json" }), `${stem(file.name)}.pose.json`);
}

/** The photo at its full size with the overlay's drawing on it. Rejects where the browser has no room for that. */
export async function savePng(photo, svg, { answer, file }) {
  const { width, height } = answer;
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  context.drawImage(photo, 0, 0, width, height);
  context.drawImage(await asImage(svg, width, height), 0, 0, width, height);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!blob) throw new Error("no room for the picture");
  save(blob, `${stem(file.name)}.pose.png`);
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

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the download reads it after this returns
}

function stem(name) {
  return name.replace(/\.[^.]*$/, "") || "photo";
}
