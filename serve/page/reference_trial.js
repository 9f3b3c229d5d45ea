// A form that sends an operation's request, and shows what comes back.

import { el, example } from "./reference_shape.js";

const KEY = "unipose-key"; // the page at / keeps it under the same name

document.getElementById("key").value = sessionStorage.getItem(KEY) ?? "";
document.getElementById("key").addEventListener("change", ({ target }) => sessionStorage.setItem(KEY, target.value));

export function trial(api, method, path, operation) {
  const inputs = (operation.parameters ?? []).filter((p) => ["path", "query"].includes(p.in)).map((p) => [p, parameterInput(p)]);
  const body = operation.requestBody && bodyInputs(api, operation.requestBody.content);
  const picture = operation.responses[200].content?.["image/png"] && choice(["application/json", "image/png", "image/jpeg"]);
  const answer = el("div", { className: "answer" });
  answer.setAttribute("aria-live", "polite");
  const form = el(
    "form",
    { className: "try" },
    ...inputs.map(([{ name }, input]) => labelled(name, input)),
    ...(body?.fields ?? []),
    ...(picture ? [labelled("Accept", picture)] : []),
    el("button", { type: "submit" }, "Send"),
    answer,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    answer.replaceChildren("…");
    const given = inputs.filter(([, input]) => input.value !== "");
    const query = new URLSearchParams(given.filter(([p]) => p.in === "query").map(([p, input]) => [p.name, input.value]));
    const place = given.filter(([p]) => p.in === "path").reduce((text, [p, input]) => text.replace(`{${p.name}}`, encodeURIComponent(input.value)), path);
    const url = new URL(place.slice(1) + (query.size ? `?${query}` : ""), document.baseURI);
    const key = document.getElementById("key").value;
    const headers = { ...(picture && { Accept: picture.value }), ...(key && { Authorization: `Bearer ${key}` }), ...body?.headers() };
    try {
      await show(answer, await fetch(url, { method: method.toUpperCase(), headers, body: body?.value() }));
    } catch (error) {
      answer.replaceChildren(el("p", { className: "failed" }, `The service cannot be reached: ${error.message}`));
    }
  });
  return form;
}

function parameterInput({ name, schema, required = false, example: given }) {
  const values = schema.enum ?? schema.anyOf?.find((option) => option.enum)?.enum;
  const input = values ? choice(["", ...values]) : el("input", { placeholder: schema.examples?.[0] ?? "", value: given ?? "" });
  return Object.assign(input, { required, name });
}

/** A file where the body may be one, else JSON. */
function bodyInputs(api, content) {
  const form = content["multipart/form-data"];
  const [field, schema] = form ? Object.entries(form.schema.properties)[0] : [];
  if (field) {
    const input = el("input", { type: "file", required: true, multiple: schema.type === "array" });
    const value = () => {
      const data = new FormData();
      for (const file of input.files) data.append(field, file);
      return data;
    };
    return { fields: [labelled(field, input)], headers: () => ({}), value };
  }
  const text = JSON.stringify(example(api, content["application/json"].schema), null, 2);
  const area = el("textarea", { rows: 8, spellcheck: false, value: text });
  return { fields: [labelled("body", area)], headers: () => ({ "Content-Type": "application/json" }), value: () => area.value };
}

async function show(answer, response) {
  const kind = response.headers.get("Content-Type") ?? "";
  const timing = response.headers.get("Server-Timing");
  const line = el("p", { className: response.ok ? "" : "failed" }, `${response.status} ${response.statusText} ${kind}`);
  if (kind.startsWith("image/")) {
    answer.replaceChildren(line, el("img", { src: URL.createObjectURL(await response.blob()), alt: "The answer" }));
  } else {
    answer.replaceChildren(line, el("pre", {}, pretty(await response.text())));
  }
  if (timing) line.after(el("p", { className: "quiet" }, timing));
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

const choice = (values) => el("select", {}, ...values.map((value) => el("option", { value }, value)));
const labelled = (text, input) => el("label", {}, el("code", {}, text), input);
