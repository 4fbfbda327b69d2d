// Moves the view by pointer, wheel, pinch and keyboard, and says what is pointed at.

const STEP = 60;
const ZOOM = 1.3;

/** Listen on `surface`; `pointed(x, y)` is told where the pointer is, or nothing when it left. */
export function listen(surface, view, pointed) {
  const fingers = new Map();

  surface.addEventListener("pointerdown", (event) => {
    surface.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, place(surface, event));
    surface.classList.toggle("held", true);
  });
  surface.addEventListener("pointermove", (event) => {
    const now = place(surface, event);
    pointed(now.x, now.y);
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) pinch(view, other, before, now);
    else view.moveBy(now.x - before.x, now.y - before.y);
    fingers.set(event.pointerId, now);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    surface.addEventListener(end, (event) => {
      fingers.delete(event.pointerId);
      surface.classList.toggle("held", fingers.size > 0);
    });
  }
  surface.addEventListener("pointerleave", () => pointed());
  surface.addEventListener("dblclick", (event) => view.zoomBy(2, place(surface, event)));
  surface.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : 1;
      view.zoomBy(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0016)), place(surface, event));
    },
    { passive: false },
  );
  surface.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = KEYS[event.key];
    if (!act) return;
    event.preventDefault();
    act(view);
    pointed(surface.clientWidth / 2, surface.clientHeight / 2, true);
  });
  surface.addEventListener("blur", () => pointed());
}

const KEYS = {
  ArrowLeft: (view) => view.moveBy(STEP, 0),
  ArrowRight: (view) => view.moveBy(-STEP, 0),
  ArrowUp: (view) => view.moveBy(0, STEP),
  ArrowDown: (view) => view.moveBy(0, -STEP),
  "+": (view) => view.zoomBy(ZOOM),
  "=": (view) => view.zoomBy(ZOOM),
  "-": (view) => view.zoomBy(1 / ZOOM),
  0: (view) => view.fit(),
};

function pinch(view, still, before, now) {
  const apart = (one, two) => Math.hypot(one.x - two.x, one.y - two.y);
  const middle = { x: (still.x + now.x) / 2, y: (still.y + now.y) / 2 };
  view.moveBy((now.x - before.x) / 2, (now.y - before.y) / 2);
  view.zoomBy(apart(still, now) / Math.max(1, apart(still, before)), middle);
}

function place(surface, event) {
  const box = surface.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}
