// Makes the elements that scripts add to the page.

/** An element with a class and, if there is any, text. */
export function make(tag, kind = "", text = "") {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  if (text) element.textContent = text;
  return element;
}

/** A button that does something. */
export function button(text, act, kind = "") {
  const made = make("button", kind, text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}
