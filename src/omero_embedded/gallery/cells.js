/**
 * The thumbnails' places on the page: a dataset's grid and a plate's wells, what each place shows, and moving between
 * them by keyboard. Where thumbnails come from is not known here.
 *
 * A cell is a button with `data-image-id` and `data-state` ("loading", "ready" or "unavailable"; the last with
 * `data-reason` "none", "failed" or "interrupted").
 */

import { breakable } from "./breaking.js";

const SVG = "http://www.w3.org/2000/svg";

const REASONS = {
  none: { icon: "icon-none", words: "no thumbnail for you" },
  failed: { icon: "icon-failed", words: "could not be loaded" },
  interrupted: { icon: "icon-failed", words: "not loaded" },
};

/**
 * A dataset's images as a list of cells with their names.
 *
 * @param {{id: number, name: string}[]} images
 */
export function datasetGrid(images) {
  const list = element("ul", { className: "grid" });
  list.setAttribute("aria-describedby", "keys");
  for (const image of images) {
    const cell = cellFor(image.id, `${image.name} · Image ${image.id}`);
    cell.dataset.name = image.name;
    const caption = element("span", { className: "caption" });
    caption.append(...breakable(image.name, /(?=[ ._-])/));
    cell.append(caption);
    const item = element("li");
    item.append(cell);
    list.append(item);
  }
  roveFocus(list);
  return list;
}

/**
 * A plate as a table of wells: rows lettered, columns numbered from 1; positions without a well stay empty.
 *
 * @param {{name: string, rows: number, columns: number, wells: {row: number, column: number, image: number}[]}} plate
 *   rows and columns of wells count from 0
 */
export function plateGrid(plate) {
  const wells = new Map(plate.wells.map((well) => [`${well.row},${well.column}`, well]));
  const table = element("table", { className: "plate" });
  table.setAttribute("role", "grid");
  table.setAttribute("aria-label", plate.name);
  table.setAttribute("aria-describedby", "keys");

  const head = table.createTHead().insertRow();
  head.append(element("td"));
  for (let column = 0; column < plate.columns; column += 1) {
    head.append(element("th", { scope: "col", textContent: String(column + 1) }));
  }
  const body = table.createTBody();
  for (let row = 0; row < plate.rows; row += 1) {
    const line = body.insertRow();
    line.append(element("th", { scope: "row", textContent: rowLetters(row) }));
    for (let column = 0; column < plate.columns; column += 1) {
      const place = line.insertCell();
      const well = wells.get(`${row},${column}`);
      if (well === undefined) {
        place.className = "empty";
        continue;
      }
      const label = `${rowLetters(row)}${column + 1}`;
      const cell = cellFor(well.image, `${label} · Image ${well.image}`);
      cell.dataset.well = label;
      cell.dataset.name = `${plate.name}, ${label}`;
      place.append(cell);
    }
  }
  roveFocus(table);
  const scroller = element("div", { className: "scroller" });
  scroller.append(table);
  return scroller;
}

/**
 * The cells under `root`, by image id: one image may stand in several places.
 *
 * @param {Element} root
 * @returns {Map<number, HTMLButtonElement[]>}
 */
export function cellsByImage(root) {
  const cells = new Map();
  for (const cell of cellsIn(root)) {
    const id = Number(cell.dataset.imageId);
    cells.set(id, [...(cells.get(id) ?? []), cell]);
  }
  return cells;
}

/** Marks a cell as waiting; a picture it already shows stays until the next one is there. */
export function showLoading(cell) {
  cell.dataset.state = "loading";
  delete cell.dataset.reason;
  cell.setAttribute("aria-label", cell.title);
  cell.querySelector(".frame svg")?.remove();
}

/**
 * Shows a thumbnail and resolves, once the browser has it on hand, to whether it could be read as an image.
 *
 * @param {HTMLButtonElement} cell
 * @param {string} dataUrl
 * @param {AbortSignal} signal once aborted, the cell is left to whoever aborted it, and the answer is false
 */
export async function showThumbnail(cell, dataUrl, signal) {
  const picture = new Image();
  picture.alt = "";
  picture.draggable = false;
  const readable = await new Promise((resolve) => {
    picture.addEventListener("load", () => resolve(true), { once: true });
    picture.addEventListener("error", () => resolve(false), { once: true });
    picture.src = dataUrl;
  });
  if (signal.aborted) return false;
  if (!readable) {
    showUnavailable(cell, "failed");
    return false;
  }
  cell.querySelector(".frame").replaceChildren(picture);
  cell.dataset.state = "ready";
  return true;
}

/**
 * Shows the placeholder for a thumbnail that will not come.
 *
 * @param {HTMLButtonElement} cell
 * @param {"none" | "failed" | "interrupted"} reason
 */
export function showUnavailable(cell, reason) {
  const { icon, words } = REASONS[reason];
  const drawing = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#${icon}`);
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  drawing.append(use);
  cell.querySelector(".frame").replaceChildren(drawing);
  cell.dataset.state = "unavailable";
  cell.dataset.reason = reason;
  cell.setAttribute("aria-label", `${cell.title}, ${words}`);
}

/** A row's letters as OMERO.web names them: 0 is A, 25 is Z, 26 is AA. */
function rowLetters(row) {
  const letter = String.fromCharCode("A".charCodeAt(0) + (row % 26));
  return row < 26 ? letter : rowLetters(Math.floor(row / 26) - 1) + letter;
}

function cellFor(imageId, title) {
  const cell = element("button", { className: "cell", type: "button", title, tabIndex: -1 });
  cell.dataset.imageId = String(imageId);
  cell.dataset.state = "loading";
  cell.setAttribute("aria-label", title);
  cell.append(element("span", { className: "frame" }));
  return cell;
}

/** One cell at a time can be reached with Tab; arrows, Home and End move among the others. */
function roveFocus(root) {
  const first = root.querySelector(".cell");
  if (first === null) return;
  let reachable = first;
  reachable.tabIndex = 0;
  root.addEventListener("focusin", ({ target }) => {
    if (!target.classList.contains("cell")) return;
    reachable.tabIndex = -1;
    reachable = target;
    reachable.tabIndex = 0;
  });
  root.addEventListener("keydown", (event) => {
    if (event.altKey || event.metaKey || event.shiftKey || !event.target.classList.contains("cell")) return;
    const next = neighbour(cellsIn(root), event.target, event.key, event.ctrlKey);
    if (next === undefined) return;
    event.preventDefault();
    next.focus();
  });
}

/**
 * The cell that a key leads to; undefined if the key has no meaning here.
 *
 * Up and down go by what is seen, since how many cells stand in a row depends on the window's width, and a plate may
 * have gaps: first within the column, then to whatever is closest in the nearest row.
 */
function neighbour(cells, from, key, wholeGrid) {
  const here = cells.indexOf(from);
  const { top, left } = from.getBoundingClientRect();
  const sameRow = (cell) => Math.abs(cell.getBoundingClientRect().top - top) < 1;
  switch (key) {
    case "ArrowLeft":
      return cells[Math.max(here - 1, 0)];
    case "ArrowRight":
      return cells[Math.min(here + 1, cells.length - 1)];
    case "ArrowUp":
      return nearest(cells, (box) => top - box.top, left) ?? from;
    case "ArrowDown":
      return nearest(cells, (box) => box.top - top, left) ?? from;
    case "Home":
      return wholeGrid ? cells.at(0) : cells.find(sameRow);
    case "End":
      return wholeGrid ? cells.at(-1) : cells.findLast(sameRow);
    default:
      return undefined;
  }
}

/** Of the cells that lie beyond (at a positive distance), the nearest in the same column or else the nearest row. */
function nearest(cells, distance, left) {
  let best;
  for (const cell of cells) {
    const box = cell.getBoundingClientRect();
    const away = distance(box);
    if (away < 1) continue;
    const aside = Math.abs(box.left - left);
    const rank = [aside < 1 ? 0 : 1, Math.round(away), aside];
    if (best === undefined || isLess(rank, best.rank)) best = { cell, rank };
  }
  return best?.cell;
}

function isLess(one, other) {
  const differing = one.findIndex((value, index) => value !== other[index]);
  return differing >= 0 && one[differing] < other[differing];
}

function cellsIn(root) {
  return [...root.querySelectorAll(".cell")];
}

function element(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}
