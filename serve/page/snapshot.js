// Snapshot: what a <video> shows now, as a JPEG.

const canvas = document.createElement("canvas"); // one for all pictures: some browsers are slow to free them

/** A blob, unmirrored, at most `longestSide` pixels large; null while the video shows nothing. */
export async function snapshot(video, longestSide = Infinity, quality = 0.95) {
  const { videoWidth, videoHeight, readyState } = video;
  if (readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return null;
  const scale = Math.min(1, longestSide / Math.max(videoWidth, videoHeight));
  canvas.width = Math.round(videoWidth * scale);
  canvas.height = Math.round(videoHeight * scale);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
}
