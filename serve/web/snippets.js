// The request that the page has just made, as a person would type it.

/** `curl` for a POSIX shell. */
export function curl({ address, name, keyed }) {
  const header = keyed ? `  -H "Authorization: Bearer $SOFTRES_KEY" \\\n` : "";
  return `curl --data-binary ${quoted(`@${name}`)} \\\n${header}  ${quoted(address)} \\\n  -o ${quoted(`${stem(name)}-mask.png`)}`;
}

/** The client that comes with softres. */
export function python({ server, name, model, keyed }) {
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
