// The ways files come in: chosen, taken with a phone's camera, dropped anywhere on the page, or pasted.

/** Calls `take(files)` with an array for each; `refuse(key)` where something else was dropped or pasted. */
export function acceptFiles(inputs, take, refuse) {
  for (const input of inputs) {
    input.addEventListener("change", () => {
      if (input.files.length) take([...input.files]);
      input.value = ""; // so that choosing the same file again is a change
    });
  }

  const root = document.documentElement;
  const carriesFile = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0; // dragenter and dragleave come for every element on the way
  const over = (change) => {
    depth = Math.max(0, depth + change);
    root.classList.toggle("dropping", depth > 0);
  };
  root.addEventListener("dragenter", (event) => carriesFile(event) && over(1));
  root.addEventListener("dragleave", (event) => carriesFile(event) && over(-1));
  root.addEventListener("dragover", (event) => event.preventDefault()); // else the browser opens what is dropped
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    over(-depth);
    const { files } = event.dataTransfer;
    if (files.length) take([...files]);
    else refuse("drop.nothing");
  });

  document.addEventListener("paste", (event) => {
    if (event.target.closest?.("input:not([type=file])")) return; // text into a field
    const { files } = event.clipboardData;
    if (files.length) take([...files]);
    else refuse("paste.nothing");
  });
}
