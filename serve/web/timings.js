// Where the time of one answer went: a stacked bar, and the same in numbers.

import { make } from "./elements.js";

const WAY = "way"; // to the server and back, and what it did not time

/** Fill bar, list and total from one answer. */
export function showTimings({ stages, roundTrip }, bar, list, total) {
  const served = stages.reduce((sum, { took }) => sum + took, 0);
  const parts = [...stages, { name: WAY, took: Math.max(0, roundTrip - served) }];
  const whole = Math.max(served, roundTrip, 0.001);
  bar.replaceChildren(
    ...parts.map(({ name, took }) => {
      const piece = make("i", kind(name));
      piece.style.flexGrow = String(took / whole);
      return piece;
    }),
  );
  bar.setAttribute("aria-label", parts.map(({ name, took }) => `${said(name)} ${time(took)}`).join(", "));
  list.replaceChildren(
    ...parts.map(({ name, took }) => {
      const row = make("li");
      row.append(make("i", kind(name)), make("span", "", said(name)), make("span", "number", time(took)));
      return row;
    }),
  );
  total.textContent = `${time(roundTrip)} round trip`;
}

/** Milliseconds, for people. */
export function time(took) {
  if (took >= 1000) return `${(took / 1000).toFixed(2)} s`;
  return `${took.toFixed(took < 10 ? 1 : 0)} ms`;
}

function said(name) {
  return name === WAY ? "on the way" : name;
}

function kind(name) {
  return `piece ${name.replace(/[^\w-]/g, "")}`;
}
