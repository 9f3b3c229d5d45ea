// The ways a photo comes in: chosen, dropped anywhere on the page, or pasted.

/** Calls `take(file)` for each; `refuse(words)` where something else was dropped or pasted. */
export function acceptPhotos(input, take, refuse) {
  input.addEventListener("change", () => {
    if (input.files.length) take(input.files[0]);
    input.value = ""; // so that choosing the same file again is a change
  });

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
    const [file] = event.dataTransfer.files;
    if (file) take(file);
    else refuse("That was not a file. Save the picture first, then drop the file here.");
  });

  document.addEventListener("paste", (event) => {
    if (event.target.closest?.("input:not([type=file])")) return; // text into a field
    const [file] = event.clipboardData.files;
    if (file) take(file);
    else refuse("There is no picture in the clipboard.");
  });
}
