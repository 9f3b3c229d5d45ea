// Problem: anything that went wrong, as a row of the table of languages.

// What the service's status says to a person; its own words, in English, are shown where they know more.
const TOLD = [401, 408, 413, 415, 422, 429, 500, 503, 504];
const DETAILED = [413, 415, 422];

export class Problem extends Error {
  /** `status`: the service's, or what it would be; 0: it could not be reached. `detail`: the service's own words. */
  constructor(key, values = {}, { status = 0, detail = null, retryAfter = null, requestId = null } = {}) {
    super(key);
    Object.assign(this, { row: [key, values], status, detail, retryAfter, requestId });
  }

  /** Whether the same may succeed later: 4xx are the request's fault, but for a few. */
  get passing() {
    return [0, 408, 429].includes(this.status) || this.status >= 500;
  }
}

/** The problem of an answer that is none. */
export function problemOf(status, { detail = null, retryAfter = null, requestId = null } = {}) {
  const key = TOLD.includes(status) ? `problem.${status}` : "problem.other";
  const shown = DETAILED.includes(status) || key === "problem.other" ? detail : null;
  return new Problem(key, { status }, { status, detail: shown, retryAfter, requestId });
}

/** The service did not answer at all. */
export function unreachable() {
  return new Problem(navigator.onLine ? "problem.unreachable" : "problem.offline");
}
