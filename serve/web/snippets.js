// The request that the page has just made, as a person would type it.

/** The request in one of the two tongues. */
export function written(tongue, facts) {
  return tongue === "curl" ? curl(facts) : python(facts);
}

/** Copy the text of an element; `button` says that it is done. */
export async function copy(element, button) {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(element.textContent);
    button.textContent = "Copied";
  } catch {
    // Without https there is no clipboard: marked, it is one key away.
    getSelection().selectAllChildren(element);
    button.textContent = "Press Ctrl-C";
  }
  button.disabled = true;
  setTimeout(() => Object.assign(button, { textContent: before, disabled: false }), 1600);
}

// For a POSIX shell.
function curl({ address, name, keyed }) {
  const header = keyed ? `  -H "Authorization: Bearer $SOFTRES_KEY" \\\n` : "";
  const [from, to] = [`@${name}`, `${stem(name)}-mask.png`].map(quoted);
  return `curl --data-binary ${from} \\\n${header}  ${quoted(address)} \\\n  -o ${to}`;
}

// By the client that comes with softres.
function python({ server, name, model, keyed }) {
  const options = [text(server), ...(keyed ? ['key=os.environ["SOFTRES_KEY"]'] : [])].join(", ");
  const words = [text(name), ...(model ? [`model=${text(model)}`] : [])].join(", ");
  return [
    ...(keyed ? ["import os", ""] : []),
    "from serve.client import Client",
    "",
    `client = Client(${options})`,
    `answer = client.segment(${words})`,
    "print(answer.mask.shape, answer.shares)",
  ].join("\n");
}

/** A file's name without its ending. */
export function stem(name) {
  return name.replace(/\.[^.]+$/, "") || name;
}

function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

// What JSON writes between quotes Python reads the same.
function text(word) {
  return JSON.stringify(word);
}
