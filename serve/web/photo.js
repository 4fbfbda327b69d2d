// Reads a photo as the browser draws it: upright, and with a small copy to be seen from afar.

/** The whole photo and, where a side is longer than `most`, a copy that is not. */
export async function readPhoto(blob, most) {
  const full = await createImageBitmap(blob, { imageOrientation: "from-image" });
  const { width, height } = full;
  const scale = most / Math.max(width, height);
  if (scale >= 1) return { width, height, full, small: null };
  const small = await createImageBitmap(full, {
    resizeWidth: Math.max(1, Math.round(width * scale)),
    resizeHeight: Math.max(1, Math.round(height * scale)),
    resizeQuality: "medium",
  });
  return { width, height, full, small };
}
