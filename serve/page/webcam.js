// Webcam: a camera in a <video>, and its pictures as JPEG.

import { Problem } from "./service.js";

const REFUSALS = {
  NotAllowedError: "The browser did not allow the camera. Allow it in the page's settings, then try again.",
  NotFoundError: "No camera was found.",
  NotReadableError: "The camera is in use by another program.",
};

export class Webcam {
  #stream = null;
  #camera = undefined; // the browser's choice, until another one is asked for
  #canvas = document.createElement("canvas"); // one for all pictures: some browsers are slow to free them

  constructor(video) {
    this.video = video;
  }

  /** Shows the camera, if it does not run yet. Throws Problem where there is none, or it may not be used. */
  async start(signal) {
    if (this.#stream) return;
    // Browsers give cameras to pages of https and of this machine only.
    if (!navigator.mediaDevices) throw new Problem("The webcam needs this page to come over https, or from localhost.");
    const deviceId = this.#camera && { exact: this.#camera };
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { deviceId, width: { ideal: 1280 } } });
      if (signal.aborted) return end(stream); // while the browser asked its user
      this.#stream = stream;
      this.video.srcObject = stream;
      await this.video.play();
    } catch (error) {
      this.stop();
      throw new Problem(REFUSALS[error.name] ?? `The camera could not be started: ${error.message}`);
    }
  }

  stop() {
    if (this.#stream) end(this.#stream);
    this.#stream = null;
    this.video.srcObject = null;
  }

  /** People expect to see themselves as in a mirror, and others as they are. */
  get mirrored() {
    return this.#track.getSettings().facingMode !== "environment";
  }

  async cameras() {
    return (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
  }

  /** The next `start` shows the camera after this one. */
  async chooseNext() {
    const ids = (await this.cameras()).map(({ deviceId }) => deviceId);
    this.#camera = ids[(ids.indexOf(this.#track.getSettings().deviceId) + 1) % ids.length];
  }

  /** What the camera sees, unmirrored, as a JPEG blob; null while it shows nothing. */
  async picture(longestSide = Infinity, quality = 0.95) {
    const { videoWidth, videoHeight, readyState } = this.video;
    if (readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return null;
    const scale = Math.min(1, longestSide / Math.max(videoWidth, videoHeight));
    const canvas = this.#canvas;
    canvas.width = Math.round(videoWidth * scale);
    canvas.height = Math.round(videoHeight * scale);
    canvas.getContext("2d").drawImage(this.video, 0, 0, canvas.width, canvas.height);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
  }

  get #track() {
    return this.#stream.getVideoTracks()[0];
  }
}

function end(stream) {
  for (const track of stream.getTracks()) track.stop();
}
