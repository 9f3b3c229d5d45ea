// Webcam: a camera in a <video>.

import { Problem } from "./problem.js";

const REFUSALS = {
  NotAllowedError: "webcam.refused",
  NotFoundError: "webcam.missing",
  NotReadableError: "webcam.taken",
};

export class Webcam {
  #stream = null;
  #camera = undefined; // the browser's choice, until another one is asked for

  constructor(video) {
    this.video = video;
  }

  /** Shows the camera, if it does not run yet. Throws Problem where there is none, or it may not be used. */
  async start(signal) {
    if (this.#stream) return;
    // Browsers give cameras to pages of https and of this machine only.
    if (!navigator.mediaDevices) throw new Problem("webcam.insecure", {}, { status: 403 });
    const deviceId = this.#camera && { exact: this.#camera };
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { deviceId, width: { ideal: 1280 } } });
      if (signal.aborted) return end(stream); // while the browser asked its user
      this.#stream = stream;
      this.video.srcObject = stream;
      await this.video.play();
    } catch (error) {
      this.stop();
      const known = REFUSALS[error.name];
      throw new Problem(known ?? "webcam.failed", {}, { detail: known ? null : error.message });
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

  get #track() {
    return this.#stream.getVideoTracks()[0];
  }
}

function end(stream) {
  for (const track of stream.getTracks()) track.stop();
}
