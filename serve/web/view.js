// The photo with its mask over it, moved and zoomed. Only what is on the screen is ever coloured,
// so a mask of 50 megapixels moves as easily as a small one.

const MOST_DENSITY = 2;
const REST = 90; // ms without a change, after which edges are smoothed
const LARGEST = 40; // screen pixels of a picture's pixel

export class View {
  constructor(stage, photoCanvas, maskCanvas, moved) {
    Object.assign(this, { stage, photoCanvas, maskCanvas, moved });
    this.photo = this.mask = null;
    this.colours = new Uint32Array(0);
    this.scale = this.least = 1;
    this.x = this.y = 0; // where the picture's corner lies on the canvas
    this.fitted = true;
    new ResizeObserver(() => this.resize()).observe(stage);
  }

  get size() {
    return this.mask ?? this.photo ?? { width: 1, height: 1 };
  }

  /** Screen pixels of the page for one of the picture. */
  get zoom() {
    return this.scale / this.density;
  }

  show(photo, mask) {
    const { width, height } = this.size;
    Object.assign(this, { photo, mask });
    const same = width === this.size.width && height === this.size.height;
    if (same) this.draw();
    else this.fit();
  }

  /** One colour a class, as the canvas has them: 0xAABBGGRR. */
  paint(colours) {
    this.colours = colours;
    this.draw();
  }

  resize() {
    this.density = Math.min(window.devicePixelRatio || 1, MOST_DENSITY);
    for (const canvas of [this.photoCanvas, this.maskCanvas]) {
      canvas.width = Math.max(1, Math.round(this.stage.clientWidth * this.density));
      canvas.height = Math.max(1, Math.round(this.stage.clientHeight * this.density));
    }
    if (this.fitted) this.scale = 0;
    this.settle();
    // At once: a canvas of a new size is empty, and would be seen so.
    this.drawNow();
  }

  fit() {
    this.scale = 0;
    this.settle();
  }

  /** Zoom about a point of the stage, its middle by default. */
  zoomBy(times, at = { x: this.stage.clientWidth / 2, y: this.stage.clientHeight / 2 }) {
    const wanted = this.scale * times;
    const scale = Math.min(Math.max(wanted, this.least), LARGEST * this.density);
    const [x, y] = [at.x * this.density, at.y * this.density];
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.settle();
  }

  moveBy(x, y) {
    this.x += x * this.density;
    this.y += y * this.density;
    this.settle();
  }

  /** Keep the picture in sight: centred where it is smaller than the stage. */
  settle() {
    const { width, height } = this.maskCanvas;
    const held = (at, room, length) =>
      length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, at));
    this.least = Math.min(width / this.size.width, height / this.size.height);
    this.scale = Math.max(this.scale, this.least);
    this.x = held(this.x, width, this.size.width * this.scale);
    this.y = held(this.y, height, this.size.height * this.scale);
    this.fitted = this.scale === this.least;
    this.draw();
    this.moved();
  }

  /** The class at a point of the stage; null beside the picture. */
  at(x, y) {
    if (!this.mask) return null;
    const column = Math.floor((x * this.density - this.x) / this.scale);
    const row = Math.floor((y * this.density - this.y) / this.scale);
    const { width, height, ids } = this.mask;
    const inside = column >= 0 && row >= 0 && column < width && row < height;
    return inside ? { column, row, id: ids[row * width + column] } : null;
  }

  draw() {
    this.frame ??= requestAnimationFrame(() => this.drawNow());
  }

  drawNow() {
    cancelAnimationFrame(this.frame);
    this.frame = undefined;
    clearTimeout(this.resting);
    this.drawPhoto();
    this.drawMask(1);
    if (this.scale < 1) this.resting = setTimeout(() => this.drawMask(2), REST);
  }

  drawPhoto() {
    const brush = this.photoCanvas.getContext("2d");
    brush.clearRect(0, 0, this.photoCanvas.width, this.photoCanvas.height);
    if (!this.photo) return;
    const { width, full, small } = this.photo;
    const afar = this.scale <= small.width / width;
    const [source, ratio] = afar ? [small, small.width / width] : [full, 1];
    const part = this.visible();
    brush.imageSmoothingEnabled = this.scale < 4;
    brush.imageSmoothingQuality = "medium";
    brush.drawImage(
      source,
      ...[part.left, part.top, part.width, part.height].map((side) => side * ratio),
      this.x + part.left * this.scale,
      this.y + part.top * this.scale,
      part.width * this.scale,
      part.height * this.scale,
    );
  }

  /** The part of the picture that is on the screen, in its own pixels. */
  visible() {
    const [left, top] = [-this.x, -this.y].map((side) => Math.max(0, side / this.scale));
    const { width, height } = this.maskCanvas;
    const right = Math.min(this.size.width, (width - this.x) / this.scale);
    const bottom = Math.min(this.size.height, (height - this.y) / this.scale);
    return { left, top, width: right - left, height: bottom - top };
  }

  /** Colour the pixels of the screen, each by `samples` x `samples` of the mask. */
  drawMask(samples) {
    const { width, height } = this.maskCanvas;
    const brush = this.maskCanvas.getContext("2d");
    if (!this.mask) {
      brush.clearRect(0, 0, width, height);
      return;
    }
    const image = brush.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const columns = this.places(this.x, width, this.mask.width, samples);
    const rows = this.places(this.y, height, this.mask.height, samples);
    if (samples === 1) this.colourOne(pixels, columns, rows);
    else this.colourFour(pixels, columns, rows);
    brush.putImageData(image, 0, 0);
  }

  /** Which column (or row) of the mask each sample of the screen sees; -1 is none. */
  places(start, count, length, samples) {
    const places = new Int32Array(count * samples);
    for (let i = 0; i < places.length; i++) {
      const place = Math.floor(((i + 0.5) / samples - start) / this.scale);
      places[i] = place >= 0 && place < length ? place : -1;
    }
    return places;
  }

  colourOne(pixels, columns, rows) {
    const { ids, width } = this.mask;
    const { colours } = this;
    for (let y = 0, at = 0; y < rows.length; y++) {
      const row = rows[y] * width;
      if (row < 0) at += columns.length;
      else for (const column of columns) pixels[at++] = column < 0 ? 0 : colours[ids[row + column]];
    }
  }

  colourFour(pixels, columns, rows) {
    const { ids, width } = this.mask;
    const { colours } = this;
    const seen = (row, column) => (row < 0 || column < 0 ? 0 : colours[ids[row * width + column]]);
    for (let y = 0, at = 0; y < rows.length; y += 2) {
      const [upper, lower] = [rows[y], rows[y + 1]];
      for (let x = 0; x < columns.length; x += 2, at++) {
        const left = columns[x];
        const right = columns[x + 1];
        const a = seen(upper, left);
        const b = seen(upper, right);
        const c = seen(lower, left);
        const d = seen(lower, right);
        pixels[at] = a === b && b === c && c === d ? a : mixed(a, b, c, d);
      }
    }
  }
}

/** The mean of four colours, each weighing as much as it covers. */
function mixed(a, b, c, d) {
  const p = a >>> 24;
  const q = b >>> 24;
  const r = c >>> 24;
  const s = d >>> 24;
  const cover = p + q + r + s;
  if (!cover) return 0;
  const part = (shift) => {
    const first = ((a >>> shift) & 255) * p + ((b >>> shift) & 255) * q;
    return (first + ((c >>> shift) & 255) * r + ((d >>> shift) & 255) * s) / cover;
  };
  return ((Math.round(cover / 4) << 24) | (part(16) << 16) | (part(8) << 8) | part(0)) >>> 0;
}
