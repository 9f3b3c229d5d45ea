// Schemas of openapi.json in words, and elements.

/** An element with these properties and children, which are elements or text, with code in `backticks`. */
export function el(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children.flatMap((child) => (typeof child === "string" && !LITERAL.includes(name) ? prose(child) : [child])));
  return element;
}

const LITERAL = ["code", "pre", "textarea"];
const prose = (text) => text.split("`").map((part, i) => (i % 2 ? el("code", {}, part) : part));

/** What a schema stands for; a named one is drawn once it is opened. */
export function shape(api, schema = {}) {
  if (schema.$ref) return named(api, schema.$ref.split("/").at(-1));
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return el("span", {}, ...between(options.map((option) => shape(api, option)), " or "));
  if (schema.properties) return properties(api, schema);
  if (schema.type === "array" && !schema.prefixItems) return el("span", {}, "list of ", shape(api, schema.items));
  return el("span", {}, [simple(schema), ...limits(schema)].join(", "));
}

/** A value to start from: the schema's own example, or one made of its parts'. */
export function example(api, schema = {}) {
  if (schema.$ref) return example(api, api.components.schemas[schema.$ref.split("/").at(-1)]);
  if (schema.examples) return schema.examples[0];
  const required = Object.entries(schema.properties ?? {}).filter(([name]) => schema.required?.includes(name));
  if (required.length) return Object.fromEntries(required.map(([name, part]) => [name, example(api, part)]));
  if (schema.type === "array") return schema.items ? [example(api, schema.items)] : [];
  return { integer: 1, number: 1, boolean: true, object: {} }[schema.type] ?? "";
}

function named(api, name) {
  const schema = api.components.schemas[name];
  const details = el("details", {}, el("summary", {}, name));
  details.addEventListener("toggle", () => details.append(el("p", {}, schema.description ?? ""), properties(api, schema)), { once: true });
  return details;
}

function properties(api, schema) {
  const rows = Object.entries(schema.properties ?? {}).map(([name, part]) =>
    el("div", {}, el("code", {}, name), schema.required?.includes(name) ? ": " : " (may be left out): ", shape(api, part), part.description ? ` — ${part.description}` : ""),
  );
  return el("div", {}, ...rows);
}

function simple({ type, format, enum: values, const: value, contentMediaType }) {
  if (value !== undefined) return JSON.stringify(value);
  if (values) return values.join(" or ");
  if (format === "binary") return "a file";
  if (format === "byte") return "base64";
  return [type === "null" ? "nothing" : (type ?? "anything"), contentMediaType && `(${contentMediaType})`].filter(Boolean).join(" ");
}

function limits({ minimum, maximum, minItems, maxItems, prefixItems }) {
  if (prefixItems) return [`${prefixItems.length} of them`];
  const least = minimum ?? minItems;
  const most = maximum ?? maxItems;
  return [least !== undefined && `from ${least}`, most !== undefined && `up to ${most}`].filter(Boolean);
}

const between = (items, word) => items.flatMap((item, i) => (i ? [word, item] : [item]));
