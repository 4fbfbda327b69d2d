// Pictures and masks as the page holds them while they are shown; a worker reads them.

const SMALL = 2048;
const TILE = 192;
const worker = new Worker(new URL("decoder.js", import.meta.url), { type: "module" });
const waiting = new Map();
let tickets = 0;

worker.onmessage = ({ data: { ticket, made, error } }) => {
  const { resolve, reject } = waiting.get(ticket);
  waiting.delete(ticket);
  if (error) reject(new Error(error));
  else resolve(made);
};

function ask(question) {
  const ticket = tickets++;
  worker.postMessage({ ticket, ...question });
  return new Promise((resolve, reject) => waiting.set(ticket, { resolve, reject }));
}

/** The class of every pixel of a mask PNG, and how many pixels each class has. */
export function readMask(blob) {
  return ask({ blob });
}

/** A photo, upright, with a small copy for when it is seen from afar; null if it cannot be read. */
export async function readPhoto(file) {
  try {
    const photo = await ask({ blob: file, most: SMALL });
    return { ...photo, small: photo.small ?? photo.full };
  } catch {
    return null;
  }
}

/** Give a photo's memory back. */
export function close(photo) {
  photo?.full.close();
  photo?.small.close();
}

/** Draw the photo small, for the strip; what cannot be read stays blank. */
export async function thumbnail(file, canvas) {
  const photo = await ask({ blob: file, most: TILE }).catch(() => null);
  if (!photo) return;
  const source = photo.small ?? photo.full;
  const scale = Math.max(canvas.width / source.width, canvas.height / source.height);
  const [width, height] = [source.width * scale, source.height * scale];
  const [left, top] = [(canvas.width - width) / 2, (canvas.height - height) / 2];
  canvas.getContext("2d").drawImage(source, left, top, width, height);
  photo.full.close();
  photo.small?.close();
}
