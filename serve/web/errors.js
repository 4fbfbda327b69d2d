// Says what went wrong and what to do about it, and asks for the key where the server wants one.

import { button, make } from "./elements.js";
import { key } from "./server.js";

const at = (id) => document.getElementById(id);
let asking = null;

/** A card over the picture: what was wrong, the hint, and the ways on. */
export function showProblem({ name, problem }, again, remove) {
  const actions = make("p", "actions");
  actions.append(button("Try again", again, "strong"));
  if (remove) actions.append(button("Take it away", remove));
  at("problem").replaceChildren(
    make("h2", "", name ? `No mask of ${name}` : "This page cannot begin"),
    make("p", "detail", sentence(problem.message)),
    ...(problem.hint ? [make("p", "hint", sentence(problem.hint))] : []),
    actions,
  );
  at("problem").hidden = false;
}

export function hideProblem() {
  at("problem").hidden = true;
  at("problem").replaceChildren();
}

/** Ask for the key once, however many requests want it; false where the person would rather not. */
export function askForKey(problem) {
  asking ??= new Promise((resolve) => {
    at("gate-told").textContent = [problem.message, problem.hint].filter(Boolean).map(sentence).join(" ");
    at("key").value = "";
    at("gate").showModal();
    const end = (given) => {
      asking = null;
      at("gate").close();
      resolve(given);
    };
    at("gate-form").onsubmit = (event) => {
      event.preventDefault();
      key.set(at("key").value.trim());
      end(true);
    };
    at("gate-leave").onclick = () => end(false);
    at("gate").oncancel = () => end(false);
  });
  return asking;
}

function sentence(text) {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?`)]$/.test(begun) ? begun : `${begun}.`;
}
