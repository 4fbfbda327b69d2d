// Buttons that save the mask on show, in one format each.

import { make } from "./legend.js";
import { stem } from "./snippets.js";

const FORMATS = [
  { format: "png", said: "PNG", ending: "-mask.png" },
  { format: "geojson", said: "GeoJSON", ending: ".geojson" },
  { format: "json", said: "JSON", ending: ".json" },
];

/** The buttons; `ask(file, format)` promises the answer in a format that is not here already. */
export function keep(current, ask, tell) {
  return FORMATS.map(({ format, said, ending }) => {
    const button = make("button", "", said);
    button.type = "button";
    button.setAttribute("aria-label", `Download ${said}`);
    button.addEventListener("click", async () => {
      const item = current();
      button.disabled = true;
      try {
        const { blob } = format === "png" ? item.answer : await ask(item.file, format);
        save(blob, `${stem(item.name)}${ending}`);
        tell(`${said} saved`);
      } catch (problem) {
        tell(`${problem.message} ${problem.hint ?? ""}`);
        button.title = problem.message;
        button.classList.add("failed");
      } finally {
        button.disabled = false;
      }
    });
    return button;
  });
}

function save(blob, name) {
  const link = make("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has begun to save by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
