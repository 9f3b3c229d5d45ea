// What the page says: how things stand, and what went wrong. Both are live regions, which screen readers speak.

import { at, html } from "./dom.js";
import { hush, tell } from "./language.js";

const [status, problem, retry] = ["status", "problem", "retry"].map(at);
let countdown = null;

/** How things stand, as a row of the table; without one, nothing. */
export function say(key, values) {
  if (key) tell(status, key, values);
  else hush(status);
}

export function clearProblem() {
  problem.replaceChildren();
  retry.hidden = true;
  retry.onclick = null;
  clearInterval(countdown);
}

/** Shows a Problem; `again` is offered as a button, once the time is over that the service asks to wait. */
export function showProblem(error, again = null) {
  clearProblem();
  say();
  const line = html("p");
  problem.append(line);
  tell(line, ...error.row);
  if (error.detail) problem.append(html("p", { className: "detail", lang: "en", textContent: sentence(error.detail) }));
  if (error.status >= 500 && error.requestId) {
    const request = html("p", { className: "detail" });
    problem.append(request);
    tell(request, "problem.request", { id: error.requestId });
  }
  problem.scrollIntoView({ block: "nearest" });
  if (!again) return;
  retry.hidden = false;
  retry.onclick = () => {
    clearProblem();
    again();
  };
  holdRetry(error.retryAfter ?? 0);
}

function holdRetry(seconds) {
  const end = Date.now() + seconds * 1000;
  const show = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    retry.disabled = left > 0;
    tell(retry, left > 0 ? "retry.in" : "retry", { n: left });
    if (left <= 0) clearInterval(countdown);
  };
  countdown = setInterval(show, 250);
  show();
}

/** The service's details begin small and end without a full stop; here they stand alone. */
function sentence(text) {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
