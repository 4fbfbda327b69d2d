// Pictures and masks as the page holds them while they are shown.

const SMALL = 2048;
const worker = new Worker(new URL("decoder.js", import.meta.url), { type: "module" });
const waiting = new Map();
let tickets = 0;

worker.onmessage = ({ data: { ticket, mask, error } }) => {
  const { resolve, reject } = waiting.get(ticket);
  waiting.delete(ticket);
  if (error) reject(new Error(error));
  else resolve(mask);
};

/** The class of every pixel of a mask PNG, and how many pixels each class has. */
export function readMask(blob) {
  const ticket = tickets++;
  worker.postMessage({ ticket, blob });
  return new Promise((resolve, reject) => waiting.set(ticket, { resolve, reject }));
}

/** A photo, upright, with a small copy for when it is seen from afar; null if it cannot be read. */
export async function readPhoto(file) {
  let full;
  try {
    full = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return null;
  }
  const { width, height } = full;
  const longest = Math.max(width, height);
  const small = longest > SMALL ? await shrunk(full, SMALL / longest) : full;
  return { width, height, full, small };
}

/** Give a photo's memory back. */
export function close(photo) {
  photo?.full.close();
  photo?.small.close();
}

/** Draw the photo small, for the strip. */
export async function thumbnail(file, canvas) {
  const photo = await readPhoto(file);
  if (!photo) return;
  const scale = Math.max(canvas.width / photo.width, canvas.height / photo.height);
  const [width, height] = [photo.width * scale, photo.height * scale];
  const [left, top] = [(canvas.width - width) / 2, (canvas.height - height) / 2];
  const brush = canvas.getContext("2d");
  brush.imageSmoothingQuality = "high";
  brush.drawImage(photo.small, left, top, width, height);
  close(photo);
}

function shrunk(bitmap, scale) {
  return createImageBitmap(bitmap, {
    resizeWidth: Math.max(1, Math.round(bitmap.width * scale)),
    resizeHeight: Math.max(1, Math.round(bitmap.height * scale)),
    resizeQuality: "medium",
  });
}
