// The pictures of this visit: which wait for an answer, which have one, and which is looked at.

import { button, make } from "./elements.js";
import { thumbnail } from "./picture.js";

const AT_ONCE = 2;
const SAID = { waiting: "waiting", busy: "being segmented", done: "done", failed: "failed" };

export class Album {
  /** `send(file)` promises an answer; `show(item)` is called whenever what is looked at changes. */
  constructor(strip, { send, show }) {
    Object.assign(this, { strip, send, show });
    this.items = [];
    this.current = null;
  }

  add(files) {
    const added = [...files].map((file) => ({ file, name: file.name || "picture.png", status: "waiting" }));
    if (!added.length) return;
    for (const item of added) item.tile = this.tile(item);
    this.items.push(...added);
    this.strip.append(...added.map((item) => item.tile));
    this.strip.hidden = this.items.length < 2;
    this.choose(added[0]);
    this.next();
  }

  choose(item) {
    this.current = item;
    for (const other of this.items) {
      other.tile.firstElementChild.setAttribute("aria-current", String(other === item));
    }
    item?.tile.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.show(item);
  }

  remove(item) {
    const place = this.items.indexOf(item);
    this.items.splice(place, 1);
    item.tile.remove();
    this.strip.hidden = this.items.length < 2;
    if (this.current === item) this.choose(this.items[place] ?? this.items[place - 1] ?? null);
  }

  /** Ask for these anew; an answer under way to an older question is dropped. */
  again(items = this.items) {
    for (const item of items) this.become(item, { status: "waiting", answer: null, problem: null });
    this.next();
  }

  /** Send what waits, what is looked at first, and not all at once. */
  next() {
    const busy = this.items.filter(({ status }) => status === "busy").length;
    const waiting = this.items.filter(({ status }) => status === "waiting");
    waiting.sort((one, other) => (other === this.current) - (one === this.current));
    for (const item of waiting.slice(0, Math.max(0, AT_ONCE - busy))) this.ask(item);
  }

  async ask(item) {
    const question = {};
    this.become(item, { status: "busy", question });
    let outcome;
    try {
      outcome = { status: "done", answer: await this.send(item.file) };
    } catch (problem) {
      outcome = { status: "failed", problem };
    }
    if (item.question === question && item.status === "busy") this.become(item, outcome);
    this.next();
  }

  become(item, change) {
    Object.assign(item, change);
    item.tile.dataset.status = item.status;
    item.tile.firstElementChild.setAttribute("aria-label", `${item.name}: ${SAID[item.status]}`);
    if (item === this.current) this.show(item);
  }

  tile(item) {
    const tile = make("li", "tile");
    const look = button("", () => this.choose(item), "look");
    const away = button("×", () => this.remove(item), "away");
    const canvas = make("canvas");
    [canvas.width, canvas.height] = [144, 96];
    look.append(canvas);
    look.title = item.name;
    look.setAttribute("aria-label", `${item.name}: ${SAID[item.status]}`);
    away.setAttribute("aria-label", `Take ${item.name} away`);
    tile.append(look, away);
    thumbnail(item.file, canvas);
    return tile;
  }
}
