// The classes of a mask: which there are, how much of the picture each has, and which are shown.

import { button, make } from "./elements.js";

const FAINT = 40; // of 255: the classes beside the one that is looked at

export class Legend {
  constructor(list, absent, all, changed) {
    Object.assign(this, { list, absent, all, changed });
    this.hidden = new Set();
    this.looked = null;
    this.rows = new Map();
    all.addEventListener("click", () => this.hide(new Set()));
  }

  /** Begin with the classes and colours of a model. */
  open(contract) {
    this.contract = contract;
    this.hidden = new Set();
  }

  name(id) {
    return this.contract?.classes[id] ?? `class ${id}`;
  }

  /** List the classes of a mask, the largest first. */
  fill(mask) {
    const total = mask.width * mask.height;
    const found = [];
    this.shares = new Map();
    mask.counts.forEach((count, id) => {
      if (!count) return;
      found.push(id);
      this.shares.set(id, count / total);
    });
    found.sort((one, other) => mask.counts[other] - mask.counts[one]);
    const most = this.shares.get(found[0]) ?? 1;
    this.rows = new Map(found.map((id) => [id, this.row(id, most)]));
    this.list.replaceChildren(...this.rows.values());
    this.tellAbsent(new Set(found));
    this.look(null);
    this.refresh();
  }

  row(id, most) {
    const item = make("li", "row");
    const shown = button("", () => this.toggle(id), "shown");
    const only = button("Only", () => this.leaveOnly(id), "only");
    const swatch = make("i", "swatch");
    const bar = make("i", "share-bar");
    const share = this.shares.get(id);
    swatch.style.background = `rgb(${this.contract.palette[id].join(" ")})`;
    bar.style.width = `${Math.max(0.5, (100 * share) / most)}%`;
    shown.append(swatch, make("span", "name", this.name(id)), make("span", "number", percent(share)), bar);
    only.setAttribute("aria-label", `Only ${this.name(id)}`);
    for (const [begin, end] of [["mouseenter", "mouseleave"], ["focusin", "focusout"]]) {
      item.addEventListener(begin, (event) => this.look(begins(event) ? id : null));
      item.addEventListener(end, () => this.look(null));
    }
    item.append(shown, only);
    item.dataset.id = id;
    return item;
  }

  tellAbsent(found) {
    const names = this.contract.classes.filter((_, id) => !found.has(id));
    this.absent.hidden = !names.length;
    const count = names.length === 1 ? "1 class is" : `${names.length} classes are`;
    this.absent.firstElementChild.textContent = `${count} not in this picture`;
    this.absent.lastElementChild.textContent = names.join(", ");
  }

  toggle(id) {
    const hidden = new Set(this.hidden);
    if (!hidden.delete(id)) hidden.add(id);
    this.hide(hidden);
  }

  /** Show this class alone; a second time shows all again. */
  leaveOnly(id) {
    const others = [...this.rows.keys()].filter((other) => other !== id);
    const already = !this.hidden.has(id) && others.every((other) => this.hidden.has(other));
    this.hide(new Set(already ? [] : others));
  }

  hide(hidden) {
    this.hidden = hidden;
    this.refresh();
  }

  /** Let the others step back while one class is looked at. */
  look(id) {
    if (id === this.looked) return;
    this.looked = id;
    this.changed();
  }

  /** Mark the row of the class under the pointer. */
  mark(id) {
    for (const [other, row] of this.rows) row.classList.toggle("marked", other === id);
  }

  refresh() {
    this.all.disabled = !this.hidden.size;
    for (const [id, row] of this.rows) {
      row.classList.toggle("off", this.hidden.has(id));
      row.firstElementChild.setAttribute("aria-pressed", String(!this.hidden.has(id)));
    }
    this.changed();
  }

  /** One colour a class, as a canvas has them: 0xAABBGGRR. */
  colours() {
    return Uint32Array.from(this.contract?.palette ?? [], ([red, green, blue], id) => {
      if (this.hidden.has(id)) return 0;
      const cover = this.looked === null || this.looked === id ? 255 : FAINT;
      return ((cover << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    });
  }
}

/** A share of the picture, for people. */
export function percent(share) {
  if (share > 0 && share < 0.001) return "< 0.1 %";
  return `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
}

// A click focuses its row as well, which must not make the others faint.
function begins(event) {
  return event.type === "mouseenter" || event.target.matches(":focus-visible");
}
