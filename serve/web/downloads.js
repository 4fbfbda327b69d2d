// Buttons that save the mask on show, in one format each.

import { button } from "./elements.js";
import { stem } from "./snippets.js";

const FORMATS = [
  { format: "png", said: "PNG", ending: "-mask.png" },
  { format: "geojson", said: "GeoJSON", ending: ".geojson" },
  { format: "json", said: "JSON", ending: ".json" },
];

/** The buttons. `answer(format)` promises name and bytes; `tell` and `complain` say how it went. */
export function downloads({ answer, tell, complain }) {
  return FORMATS.map(({ format, said, ending }) => {
    const made = button(said, async () => {
      made.disabled = true;
      complain("");
      try {
        const { name, blob } = await answer(format);
        save(blob, `${stem(name)}${ending}`);
        tell(`${said} saved`);
      } catch (problem) {
        complain(`No ${said}: ${[problem.message, problem.hint].filter(Boolean).join("; ")}`);
      } finally {
        made.disabled = false;
      }
    });
    made.setAttribute("aria-label", `Download ${said}`);
    return made;
  });
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has begun to save by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
