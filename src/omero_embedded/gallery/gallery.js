/**
 * The gallery page: which dataset or plate is shown, at which size and to whom, and how long its thumbnails took.
 * Parts: loading.js asks for thumbnails, cells.js places them, viewer.js shows a single one, telling.js has the words,
 * breaking.js breaks them into lines.
 *
 * Addresses are `#/dataset/<id>` and `#/plate/<id>`, with `?size=<pixels>` once the size was chosen.
 *
 * The root element tells what the page is doing: `data-place` is what it shows ("plate/1"), `data-state` is "loading"
 * or "complete", `data-filled` and `data-placeholders` count the cells with and without a thumbnail, `data-requests`
 * and `data-milliseconds` are what the view took.
 */

import { cellsByImage, datasetGrid, plateGrid, showLoading, showThumbnail, showUnavailable } from "./cells.js";
import { DEFAULT_SIZE, ServiceError, fetchJson, loadThumbnails } from "./loading.js";
import { hideBanner, showBanner, tellLoading, tellStatus } from "./telling.js";
import { prepareViewer, view } from "./viewer.js";

/** Slider ranges, in pixels. A well is worth seeing from 32 px; up to 64 px a whole plate is fitted to the window. */
const SIZES = {
  dataset: { min: 48, max: 256, step: 8 },
  plate: { min: 32, max: 128, step: 8, fitFrom: 40, fitTo: 64 },
};

/** A captioned cell narrower than this many pixels shows only the first letters of a name: better none. */
const CAPTION_FROM = 80;

/** Milliseconds the slider rests before thumbnails are asked for. */
const SLIDER_REST = 180;

const root = document.documentElement;
const byId = (id) => document.getElementById(id);

let contents;
let place;
let size = DEFAULT_SIZE;
let loads = new AbortController();
let sliderRest;

/** Ends what is under way, for something else is coming, and gives the signal for what comes next. */
function supersede() {
  clearTimeout(sliderRest);
  loads.abort();
  loads = new AbortController();
  root.dataset.state = "loading";
  return loads.signal;
}

async function start() {
  const signal = supersede();
  hideBanner();
  try {
    contents = await fetchJson("/gallery/contents.json", signal);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof ServiceError)) throw error;
    if (contents === undefined) byId("title").textContent = "Nothing to show yet";
    byId("status").textContent = "";
    showBanner(error);
    root.dataset.state = "complete";
    return;
  }
  fillUsers();
  await open();
}

function fillUsers() {
  const options = contents.users.map((user) => {
    const current = user.name === contents.user.name;
    return new Option(`${user.full_name} – ${user.role}`, user.name, current, current);
  });
  byId("user").replaceChildren(...options);
}

/** Shows the dataset or plate that the address names, or the first one. */
async function open() {
  const [, kind, id, query] = /^#\/(dataset|plate)\/(\d+)(?:\?(.*))?$/.exec(location.hash) ?? [];
  const everything = [
    ...contents.datasets.map((dataset) => ({ ...dataset, kind: "dataset" })),
    ...contents.plates.map((plate) => ({ ...plate, kind: "plate" })),
  ];
  place = everything.find((one) => one.kind === kind && one.id === Number(id)) ?? everything[0];
  byId("places").replaceChildren(...everything.map(placeLink));

  const thumbnails = byId("thumbnails");
  if (place === undefined) {
    byId("title").textContent = "This OMERO has no images yet";
    byId("description").textContent = "";
    thumbnails.replaceChildren();
    prepareSlider(SIZES.dataset, DEFAULT_SIZE);
  } else {
    root.dataset.place = `${place.kind}/${place.id}`;
    byId("title").textContent = place.name;
    byId("description").textContent = place.description ?? plateInWords(place);
    document.title = `${place.name} · OMERO thumbnails`;
    thumbnails.replaceChildren(place.kind === "plate" ? plateGrid(place) : datasetGrid(place.images));
    prepareSlider(SIZES[place.kind], Number(new URLSearchParams(query).get("size")) || sensibleSize());
  }
  await load();
}

function placeLink(one) {
  const link = document.createElement("a");
  link.href = `#/${one.kind}/${one.id}`;
  if (one === place) link.setAttribute("aria-current", "page");
  const amount = document.createElement("span");
  amount.className = "amount";
  amount.textContent = String((one.wells ?? one.images).length);
  link.append(one.name, " ", amount);
  const item = document.createElement("li");
  item.append(link);
  return item;
}

function plateInWords(plate) {
  return `Plate of ${plate.rows} × ${plate.columns} wells, ${plate.wells.length} of them imaged`;
}

function sensibleSize() {
  if (place.kind === "dataset") return DEFAULT_SIZE;
  const { fitFrom, fitTo, step } = SIZES.plate;
  const thumbnails = byId("thumbnails");
  // The row letters, the gaps between wells (4 px) and the frame around them (12 px).
  const aroundWells = thumbnails.querySelector("tbody th").offsetWidth + (place.columns + 1) * 4 + 12;
  const room = (thumbnails.clientWidth - aroundWells) / place.columns;
  return Math.min(Math.max(Math.floor(room / step) * step, fitFrom), fitTo);
}

function prepareSlider({ min, max, step }, wanted) {
  const slider = byId("size");
  Object.assign(slider, { min, max, step });
  slider.value = String(wanted);
  applySize();
}

/** Takes the slider's value, which the browser keeps within its range, as the size of all cells. */
function applySize() {
  size = byId("size").valueAsNumber;
  byId("size-shown").textContent = `${size} px`;
  root.style.setProperty("--cell", `${size}px`);
  byId("thumbnails").classList.toggle("without-captions", size < CAPTION_FROM);
}

/** Fills all cells of the view with thumbnails of the present size. */
async function load() {
  const signal = supersede();
  const cells = cellsByImage(byId("thumbnails"));
  const all = [...cells.values()].flat();
  const tally = { filled: 0, none: 0, failed: 0, requests: 0 };
  const shown = [];
  hideBanner();
  byId("thumbnails").setAttribute("aria-busy", "true");
  all.forEach(showLoading);
  publish(tally);
  tellLoading(all.length);

  const unavailable = (cell, reason) => {
    showUnavailable(cell, reason);
    tally[reason === "none" ? "none" : "failed"] += 1;
    publish(tally);
  };
  const fill = async (cell, dataUrl) => {
    const ready = await showThumbnail(cell, dataUrl, signal);
    if (signal.aborted) return;
    tally[ready ? "filled" : "failed"] += 1;
    publish(tally);
  };

  const began = performance.now();
  let problem;
  try {
    await loadThumbnails([...cells.keys()], {
      size,
      retryNulls: place?.kind === "dataset",
      signal,
      onRequest: () => (tally.requests += 1),
      onThumbnail: (id, dataUrl) => shown.push(...cells.get(id).map((cell) => fill(cell, dataUrl))),
      onUnavailable: (id, reason) => cells.get(id).forEach((cell) => unavailable(cell, reason)),
    });
    await Promise.all(shown);
  } catch (error) {
    await Promise.allSettled(shown);
    if (signal.aborted) return;
    if (!(error instanceof ServiceError)) throw error;
    problem = error;
    loads.abort();
    all.filter((cell) => cell.dataset.state === "loading").forEach((cell) => unavailable(cell, "interrupted"));
  }
  const milliseconds = Math.round(performance.now() - began);

  if (problem !== undefined || tally.failed > 0) showBanner(problem, tally.failed);
  byId("thumbnails").setAttribute("aria-busy", "false");
  tellStatus(tally, milliseconds, all.length);
  root.dataset.milliseconds = String(milliseconds);
  root.dataset.state = "complete";
}

function publish({ filled, none, failed, requests }) {
  root.dataset.filled = String(filled);
  root.dataset.placeholders = String(none + failed);
  root.dataset.requests = String(requests);
}

byId("size").addEventListener("input", () => {
  supersede();
  applySize();
  sliderRest = setTimeout(() => {
    if (place !== undefined) history.replaceState(null, "", `#/${place.kind}/${place.id}?size=${size}`);
    load();
  }, SLIDER_REST);
});

byId("thumbnails").addEventListener("click", ({ target }) => {
  const cell = target.closest(".cell");
  if (cell !== null) view(cell, contents.user.full_name);
});

byId("skip").addEventListener("click", (event) => {
  // Following the link would replace the fragment, which names the dataset or plate.
  event.preventDefault();
  (byId("thumbnails").querySelector(".cell[tabindex='0']") ?? byId("thumbnails")).focus();
});

byId("switch").addEventListener("submit", () => {
  // A redirect keeps the fragment, so the next user sees the same dataset or plate.
  byId("switch").action = `/gallery/switch${location.hash}`;
  supersede();
});

byId("retry").addEventListener("click", () => {
  // Only the page itself may hand out a new session.
  if (byId("banner").dataset.status === "403") location.reload();
  else start();
});

window.addEventListener("hashchange", () => {
  if (contents !== undefined) open();
});

// A page taken from the browser's back-forward cache may belong to a user who has switched since.
window.addEventListener("pageshow", ({ persisted }) => {
  if (persisted) start();
});

prepareViewer();
start();
