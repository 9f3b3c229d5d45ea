// What the page says: how things stand, and what went wrong. Both are live regions, which screen readers speak.

const status = document.getElementById("status");
const problem = document.getElementById("problem");
const retry = document.getElementById("retry");
let countdown = null;

export function say(words) {
  if (status.textContent !== words) status.textContent = words; // a live region speaks with every change
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
  say("");
  problem.append(paragraph(sentence(error.message)));
  if (error.status >= 500 && error.requestId) problem.append(paragraph(`Request ${error.requestId}`, "request"));
  if (!again) return;
  retry.hidden = false;
  retry.onclick = () => {
    clearProblem();
    again();
  };
  holdRetry(error.retryAfter ?? 0);
}

function holdRetry(seconds) {
  const unit = seconds === 1 ? "second" : "seconds";
  if (seconds) problem.append(paragraph(`The service asks to wait ${seconds} ${unit}.`));
  const end = Date.now() + seconds * 1000;
  const tell = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    retry.disabled = left > 0;
    retry.textContent = left > 0 ? `Try again in ${left} s` : "Try again";
    if (left <= 0) clearInterval(countdown);
  };
  countdown = setInterval(tell, 250);
  tell();
}

function paragraph(words, className = "") {
  const element = document.createElement("p");
  element.textContent = words;
  element.className = className;
  return element;
}

/** The service's details begin small and end without a full stop; here they stand alone. */
export function sentence(words) {
  const begun = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
