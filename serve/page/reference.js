// The reference at /docs: openapi.json drawn as a page, with a form for each operation.

import { el, shape } from "./reference_shape.js";
import { trial } from "./reference_trial.js";

const METHODS = ["get", "post", "put", "patch", "delete"];

const answer = await fetch("openapi.json");
if (answer.ok) draw(await answer.json());
else document.getElementById("about").textContent = `openapi.json: ${answer.status} ${answer.statusText}`;

function draw(api) {
  document.getElementById("about").replaceChildren(
    `${api.info.description} Version ${api.info.version}. `,
    el("a", { href: "openapi.json" }, "openapi.json"),
    " is the same for programs. ",
    el("a", { href: "./" }, "The page"),
  );
  document.getElementById("access").hidden = !api.components.securitySchemes;
  for (const { name, description } of api.tags) drawTag(api, name, description);
  drawProblems(api.components.schemas.ProblemDetails["x-kinds"]);
  reveal();
  addEventListener("hashchange", reveal);
}

function drawTag(api, tag, description) {
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    METHODS.filter((method) => methods[method]?.tags?.includes(tag)).map((method) => [method, path, methods[method]]),
  );
  contents(tag, operations.map(([method, path, { operationId }]) => [operationId, `${method.toUpperCase()} ${path}`]));
  document.getElementById("operations").append(
    el("h2", { id: tag }, tag),
    el("p", {}, description),
    ...operations.map(([method, path, operation]) => drawOperation(api, method, path, operation)),
  );
}

function drawOperation(api, method, path, operation) {
  const details = el(
    "details",
    { className: "operation", id: operation.operationId },
    el("summary", {}, el("span", { className: "method" }, method.toUpperCase()), el("code", {}, path), ` ${operation.summary}`),
  );
  details.addEventListener("toggle", () => fill(details, api, method, path, operation), { once: true });
  return details;
}

/** Only once it is opened: a long schema takes its time. */
function fill(details, api, method, path, operation) {
  details.append(el("p", {}, operation.description ?? ""));
  const parameters = operation.parameters ?? [];
  if (parameters.length) {
    const rows = parameters.map(({ name, schema, description }) => [el("code", {}, name), shape(api, schema), description ?? ""]);
    details.append(el("h4", {}, "Parameters"), table(["name", "type", "meaning"], rows));
  }
  if (operation.requestBody) {
    const kinds = Object.entries(operation.requestBody.content);
    details.append(
      el("h4", {}, "Body"),
      el("p", {}, operation.requestBody.description ?? ""),
      table(["content type", "content"], kinds.map(([kind, { schema }]) => [el("code", {}, kind), shape(api, schema)])),
    );
  }
  const answers = Object.entries(operation.responses).map(([status, { description, content = {} }]) => [
    el("code", {}, status),
    description,
    el("div", {}, ...Object.entries(content).map(([kind, { schema }]) => el("div", {}, el("code", {}, kind), " ", shape(api, schema)))),
  ]);
  details.append(el("h4", {}, "Answers"), table(["status", "when", "content"], answers), el("h4", {}, "Try it"), trial(api, method, path, operation));
}

function drawProblems(kinds) {
  contents("errors", kinds.map(({ type, status }) => [type.split("#")[1], `${status} ${type.split("#")[1]}`]));
  document.getElementById("operations").append(
    el("h2", { id: "errors" }, "errors"),
    el("p", {}, "An error is a problem of RFC 9457, application/problem+json; its type is the address of one of these."),
    ...kinds.map(({ type, status, meaning }) => {
      const name = type.split("#")[1];
      return el("section", { className: "problem", id: name }, el("h3", {}, `${status} ${name}`), el("p", {}, meaning));
    }),
  );
}

function contents(title, entries) {
  const links = entries.map(([id, text]) => el("li", {}, el("a", { href: `#${id}` }, el("code", {}, text))));
  document.getElementById("contents").append(el("a", { href: `#${title}` }, title), el("ul", {}, ...links));
}

function table(heads, rows) {
  const head = el("tr", {}, ...heads.map((text) => el("th", { scope: "col" }, text)));
  const body = rows.map((cells) => el("tr", {}, ...cells.map((cell) => el("td", {}, cell))));
  return el("div", { className: "scroll" }, el("table", {}, el("thead", {}, head), el("tbody", {}, ...body)));
}

/** What the address names is opened: it was not there when the browser looked for it. */
function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target.matches("details")) target.open = true;
  target.scrollIntoView();
}
