// A worker that reads what is large: photos, and the class ids of a mask PNG, exactly: no canvas
// and no colour management come near them.

import { readPhoto } from "./photo.js";

self.onmessage = async ({ data: { ticket, blob, most } }) => {
  try {
    if (most) {
      const photo = await readPhoto(blob, most);
      self.postMessage({ ticket, made: photo }, [photo.full, photo.small].filter(Boolean));
    } else {
      const mask = await decode(blob);
      self.postMessage({ ticket, made: mask }, [mask.ids.buffer]);
    }
  } catch (error) {
    self.postMessage({ ticket, error: String(error.message ?? error) });
  }
};

async function decode(blob) {
  const file = new DataView(await blob.arrayBuffer());
  const { header, parts } = chunks(file);
  const width = header.getUint32(0);
  const height = header.getUint32(4);
  const [depth, kind, , , interlaced] = new Uint8Array(header.buffer, header.byteOffset + 8, 5);
  if (![8, 16].includes(depth) || ![0, 3].includes(kind) || interlaced) {
    throw new Error(`a PNG of ${depth} bits and colour type ${kind} is no mask`);
  }
  const bytes = depth / 8;
  const rows = await inflate(parts, height * (1 + width * bytes));
  const flat = unfilter(rows, height, width * bytes, bytes);
  const ids = bytes === 1 ? flat : wide(flat);
  return { width, height, ids, counts: count(ids, bytes) };
}

function chunks(file) {
  if (file.byteLength < 8 || file.getUint32(0) !== 0x89504e47) throw new Error("not a PNG");
  const parts = [];
  let header;
  for (let at = 8; at + 8 <= file.byteLength; ) {
    const length = file.getUint32(at);
    const name = file.getUint32(at + 4);
    const body = file.byteOffset + at + 8;
    if (name === 0x49484452) header = new DataView(file.buffer, body, length); // IHDR
    if (name === 0x49444154) parts.push(new Uint8Array(file.buffer, body, length)); // IDAT
    at += 12 + length;
  }
  return { header, parts };
}

async function inflate(parts, size) {
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
  const rows = new Uint8Array(size);
  const reader = stream.getReader();
  let at = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    rows.set(value, at);
    at += value.length;
  }
  if (at !== size) throw new Error("the PNG is not whole");
  return rows;
}

/** Undo the filter of each row; `step` is the bytes of one pixel. */
function unfilter(rows, height, stride, step) {
  const flat = new Uint8Array(height * stride);
  for (let y = 0; y < height; y++) {
    const source = y * (stride + 1) + 1;
    const line = flat.subarray(y * stride, (y + 1) * stride);
    const above = y ? flat.subarray((y - 1) * stride, y * stride) : new Uint8Array(stride);
    line.set(rows.subarray(source, source + stride));
    FILTERS[rows[source - 1]](line, above, step);
  }
  return flat;
}

const FILTERS = [
  () => {},
  (line, above, step) => {
    for (let x = step; x < line.length; x++) line[x] += line[x - step];
  },
  (line, above) => {
    for (let x = 0; x < line.length; x++) line[x] += above[x];
  },
  (line, above, step) => {
    for (let x = 0; x < line.length; x++) {
      line[x] += ((x < step ? 0 : line[x - step]) + above[x]) >> 1;
    }
  },
  (line, above, step) => {
    for (let x = 0; x < line.length; x++) {
      const [left, corner] = x < step ? [0, 0] : [line[x - step], above[x - step]];
      line[x] += paeth(left, above[x], corner);
    }
  },
];

function paeth(left, up, corner) {
  const guess = left + up - corner;
  const [byLeft, byUp] = [Math.abs(guess - left), Math.abs(guess - up)];
  const byCorner = Math.abs(guess - corner);
  if (byLeft <= byUp && byLeft <= byCorner) return left;
  return byUp <= byCorner ? up : corner;
}

function wide(flat) {
  const ids = new Uint16Array(flat.length / 2);
  for (let i = 0; i < ids.length; i++) ids[i] = (flat[2 * i] << 8) | flat[2 * i + 1];
  return ids;
}

function count(ids, bytes) {
  const counts = new Uint32Array(bytes === 1 ? 256 : 65536);
  for (let i = 0; i < ids.length; i++) counts[ids[i]]++;
  return counts;
}
