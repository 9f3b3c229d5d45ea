// Work: one piece of it at a time; what goes wrong is shown, with a way to try again, or to give a key.

import { at } from "./dom.js";
import { clearProblem, showProblem } from "./notice.js";
import { Problem } from "./problem.js";
import { useKey } from "./service.js";

let current = new AbortController(); // aborted when something else begins

/** Runs `task(signal)`; the one before is dropped. */
export async function begin(task) {
  stop();
  const { signal } = (current = new AbortController());
  clearProblem();
  try {
    await task(signal);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof Problem)) throw error;
    fail(error, () => begin(task));
  } finally {
    if (current.signal === signal) busy(false);
  }
}

export function stop() {
  current.abort();
  busy(false);
}

/** Shows that the service has been asked. */
export function busy(asked) {
  at("picture").classList.toggle("busy", asked);
}

function fail(error, again) {
  showProblem(error, error.passing ? again : null);
  if (error.status !== 401) return;
  const form = at("key-form");
  form.hidden = false;
  at("key").focus();
  form.onsubmit = (event) => {
    event.preventDefault();
    useKey(at("key").value);
    form.hidden = true;
    again();
  };
}
