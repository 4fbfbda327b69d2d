// The page: pictures in, their masks over them, and what was found.

import { Album } from "./album.js";
import * as camera from "./camera.js";
import { downloads } from "./downloads.js";
import { askForKey, hideProblem, showProblem } from "./errors.js";
import { listen } from "./gestures.js";
import { Legend, percent } from "./legend.js";
import { close, readMask, readPhoto } from "./picture.js";
import { drawSample } from "./sample.js";
import * as server from "./server.js";
import * as snippets from "./snippets.js";
import { showTimings, time } from "./timings.js";
import { View } from "./view.js";

const at = (id) => document.getElementById(id);
const stage = at("stage");

const view = new View(stage, at("photo"), at("mask"), () => {
  at("zoom").textContent = view.mask || view.photo ? `${Math.round(100 * view.zoom)} %` : "–";
});
const legend = new Legend(at("legend"), at("absent"), at("all"), () => view.paint(legend.colours()));
const album = new Album(at("strip"), { send, show });
let opened = open();
let held = { file: null, photo: null }; // the photo on show, or on its way
let turn = 0; // of showing: what comes too late is dropped

/** Ask what is served. A single model needs no name. */
async function open(name) {
  const models = await keyed(server.models);
  const chosen = models.find((model) => model.name === name) ?? models[0];
  const options = models.map((each) => new Option(each.name, each.name, false, each === chosen));
  at("model").replaceChildren(...options);
  at("model-field").hidden = models.length < 2;
  const model = models.length < 2 ? null : chosen.name;
  legend.open(await keyed(() => server.contract(model)));
  const classes = chosen.classes === 1 ? "1 class" : `${chosen.classes} classes`;
  const sight = chosen.sight > 1 ? [`sight ${chosen.sight}`] : [];
  at("facts").textContent = [chosen.file, classes, `factor ${chosen.factor}`, ...sight, chosen.runtime].join(" · ");
  return { model };
}

/** What `request` gives, the key asked for where the server wants one. */
async function keyed(request) {
  for (;;) {
    const used = server.key.get();
    try {
      return await request();
    } catch (problem) {
      if (problem.status !== 401) throw problem;
      // Meanwhile another request may have been given the key.
      const other = server.key.get() !== used;
      if (!other && !(await askForKey(problem))) throw problem;
    }
  }
}

async function send(file) {
  // What failed at first, such as a server that was not there, is tried again.
  opened = opened.catch(() => open());
  const { model } = await opened;
  return keyed(() => server.segment(file, { model }));
}

/** Show a picture of the album as far as it is: alone, with its mask, or with what went wrong. */
async function show(item) {
  const mine = ++turn;
  layOut(item);
  if (!item) return;
  const [photo, mask] = await Promise.all([
    photoOf(item.file),
    item.answer ? readMask(item.answer.blob) : null,
  ]);
  if (mine !== turn) return;
  if (mask) legend.fill(mask);
  fitStage(mask ?? photo);
  replace(photo, mask);
  stage.classList.toggle("painted", Boolean(mask));
  if (mask) tell(`${item.name}: ${found()}. ${time(item.answer.roundTrip)}.`);
}

/** The photo of a file, read once; that of another file is let go unless it is still on show. */
function photoOf(file) {
  if (held.file !== file) {
    held.photo?.then((old) => old !== view.photo && close(old));
    held = { file, photo: file && readPhoto(file) };
  }
  return held.photo;
}

function replace(photo, mask) {
  const old = view.photo;
  view.show(photo, mask);
  if (old !== photo) close(old);
}

/** On a phone the stage takes the picture's shape. */
function fitStage(picture) {
  stage.classList.toggle("seen", Boolean(picture));
  if (picture) stage.style.setProperty("--aspect", picture.width / picture.height);
}

function layOut(item) {
  const left = at("welcome").contains(document.activeElement);
  at("welcome").hidden = Boolean(item);
  at("surface").hidden = at("tools").hidden = !item;
  // Its place is kept from the first: a stage that moves when the mask comes is hard to look at.
  at("side").hidden = !item;
  at("side").classList.toggle("blank", !item?.answer);
  at("busy").hidden = !["waiting", "busy"].includes(item?.status);
  if (item && left) at("surface").focus({ preventScroll: true });
  if (!item) {
    photoOf(null);
    replace(null, null);
    stage.classList.remove("painted", "seen");
  }
  point();
  at("keep-told").textContent = "";
  if (item?.problem) showProblem(item, () => album.again([item]), () => album.remove(item));
  else hideProblem();
  if (item?.status === "busy") tell(`Segmenting ${item.name}`);
  if (item?.answer) {
    showTimings(item.answer, at("bar"), at("stages"), at("trip"));
    showSnippet();
  }
}

function found() {
  const largest = [...legend.shares].sort((one, other) => other[1] - one[1]);
  return largest.slice(0, 5).map(([id, share]) => `${legend.name(id)} ${percent(share)}`).join(", ");
}

function tell(text) {
  at("told").textContent = text;
}

/** Name the class at a point of the stage; `spoken` by the keyboard, whose point is the middle. */
function point(x, y, spoken = false) {
  const seen = x === undefined ? null : view.at(x, y);
  at("under").hidden = !seen;
  stage.classList.toggle("crossed", spoken);
  legend.mark(seen?.id);
  if (!seen) return;
  const text = `${legend.name(seen.id)} ${percent(legend.shares.get(seen.id))}`;
  at("under").textContent = text;
  const [beside, width] = [at("under"), stage.clientWidth];
  const left = Math.min(x + 14, width - beside.offsetWidth - 8);
  beside.style.transform = `translate(${Math.max(8, left)}px, ${y > 60 ? y - 42 : y + 18}px)`;
  if (spoken) tell(text);
}

async function showSnippet() {
  const item = album.current;
  if (!item) return;
  const { model } = await opened;
  const facts = {
    name: item.name,
    model,
    keyed: Boolean(server.key.get()),
    address: server.address(model, "png"),
    server: server.BASE.href.replace(/\/$/, ""),
  };
  const tongue = document.querySelector("[name=tongue]:checked").value;
  at("snippet").firstElementChild.textContent = snippets.written(tongue, facts);
}

/** The mask on show in a format: it is here already, or asked for. */
async function inFormat(format) {
  const { name, file, answer } = album.current;
  if (format === "png") return { name, blob: answer.blob };
  const { model } = await opened;
  return { name, ...(await keyed(() => server.segment(file, { model, format }))) };
}

async function shoot() {
  try {
    const file = await camera.takePicture(at("booth"), at("video"), at("shoot"), at("leave"));
    if (file) album.add([file]);
  } catch (error) {
    tell(`No camera: ${error.message}`);
    at("camera").disabled = at("camera-more").disabled = true;
    at("camera").textContent = "No camera here";
  }
}

function setOpacity() {
  at("mask").style.opacity = at("opacity").value / 100;
  at("opacity-told").textContent = `${at("opacity").value} %`;
}

function setSplit() {
  const comparing = at("compare").getAttribute("aria-pressed") === "true";
  at("split").hidden = !comparing;
  stage.classList.toggle("comparing", comparing);
  at("mask").style.clipPath = comparing ? `inset(0 0 0 ${at("split").value}%)` : "";
}

function click(id, act) {
  at(id).addEventListener("click", act);
}

function listenToFiles() {
  click("choose", () => at("file").click());
  click("more", () => at("file").click());
  click("sample", async () => album.add([await drawSample()]));
  at("file").addEventListener("change", () => {
    album.add(at("file").files);
    // The same file may be chosen again.
    at("file").value = "";
  });
  document.addEventListener("paste", (event) => album.add(event.clipboardData?.files ?? []));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    stage.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) stage.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    stage.classList.remove("dropping");
    album.add(event.dataTransfer?.files ?? []);
  });
  for (const id of ["camera", "camera-more"]) {
    at(id).hidden = !camera.possible;
    click(id, shoot);
  }
}

function listenToTools() {
  listen(at("surface"), view, point);
  click("in", () => view.zoomBy(1.5));
  click("out", () => view.zoomBy(1 / 1.5));
  click("fit", () => view.fit());
  click("copy", () => snippets.copy(at("snippet"), at("copy")));
  click("compare", () => {
    at("compare").setAttribute("aria-pressed", String(at("split").hidden));
    setSplit();
  });
  at("opacity").addEventListener("input", setOpacity);
  at("split").addEventListener("input", setSplit);
  at("model").addEventListener("change", () => {
    opened = open(at("model").value);
    album.again();
  });
  for (const tongue of document.querySelectorAll("[name=tongue]")) {
    tongue.addEventListener("change", showSnippet);
  }
  const complain = (text) => (at("keep-told").textContent = text);
  at("downloads").append(...downloads({ answer: inFormat, tell, complain }));
}

listenToFiles();
listenToTools();
setOpacity();
opened.catch((problem) => {
  if (!album.current) showProblem({ problem }, () => location.reload());
});
