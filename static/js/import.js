// The drop area: a file may be dropped anywhere on it, and its name and size are said. Without this the field alone works.
(() => {
  "use strict";

  const area = document.querySelector("[data-drop]");
  const field = area?.querySelector("input[type=file]");
  const name = area?.querySelector("[data-drop-name]");
  if (!field || !name) return;

  function size(bytes) {
    return bytes < 1048576 ? `${Math.max(1, Math.round(bytes / 1024))} KB` : `${(bytes / 1048576).toFixed(1)} MB`;
  }

  function show() {
    const file = field.files[0];
    name.hidden = !file;
    name.textContent = file ? `${file.name}, ${size(file.size)}` : "";
  }

  for (const kind of ["dragenter", "dragover"]) {
    area.addEventListener(kind, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      area.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) area.addEventListener(kind, () => area.classList.remove("over"));
  area.addEventListener("drop", (event) => {
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    const one = new DataTransfer();
    one.items.add(event.dataTransfer.files[0]);
    field.files = one.files;
    show();
  });
  field.addEventListener("change", show);
  show();
})();
