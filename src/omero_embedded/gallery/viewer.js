/**
 * The dialog for one image: its single `render_thumbnail`, its bird's-eye view, and the address to share.
 * The browser's modal dialog closes on Escape and gives the focus back to the cell it was opened from.
 */

import { breakable } from "./breaking.js";

/** Longest sides in pixels. */
const SIZE = 512;
const BIRDS_EYE_SIZE = 96;

const PROBLEMS = {
  403: "Your OMERO session has ended. Close this and choose a user to start a new one.",
  404: "OMERO has no such image for you, or cannot render it.",
  503: "OMERO cannot be reached at the moment. Close this and try again shortly.",
  504: "OMERO took too long for this image. Close this and try again.",
};

const NO_ANSWER = "The thumbnail service does not answer. Check that it is running.";

const part = (name) => document.getElementById(name === "" ? "viewer" : `viewer-${name}`);

/** Connects the dialog's buttons; once for the page. */
export function prepareViewer() {
  const dialog = part("");
  part("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    // The dialog's own box is covered by its children: a click that reaches it fell on the backdrop.
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => {
    for (const picture of dialog.querySelectorAll("img")) picture.removeAttribute("src");
  });
  part("birds-eye-image").addEventListener("error", () => {
    part("birds-eye").hidden = true;
  });
  part("copy").addEventListener("click", copyLink);
}

/**
 * Opens the dialog for a cell. An image known to have no thumbnail is explained, not asked for again.
 *
 * @param {HTMLButtonElement} cell
 * @param {string} user the name of the user who is looking
 */
export function view(cell, user) {
  const id = cell.dataset.imageId;
  const url = new URL(`/webgateway/render_thumbnail/${id}/${SIZE}/`, location.href).href;
  const exists = cell.dataset.reason !== "none";

  part("name").textContent = cell.dataset.name;
  part("id").textContent = id;
  part("well-row").hidden = cell.dataset.well === undefined;
  part("well").textContent = cell.dataset.well ?? "";
  part("link").href = url;
  part("link").replaceChildren(...breakable(url, /(?<=\/)(?!\/)/));
  part("copy").textContent = "Copy link";
  part("size").textContent = "…";
  part("birds-eye").hidden = !exists;

  const picture = part("image");
  picture.hidden = true;
  if (exists) {
    part("message").textContent = "Loading…";
    showSingle(picture, url, cell.dataset.name);
    part("birds-eye-image").src = `/webgateway/render_birds_eye_view/${id}/${BIRDS_EYE_SIZE}/`;
  } else {
    part("message").textContent =
      `OMERO has no thumbnail of image ${id} for ${user}: they may not see it, or it cannot be rendered.`;
    part("size").textContent = "none";
  }
  // The focus goes back to what had it: not every browser gives it to a button that was clicked.
  cell.focus();
  part("").showModal();
}

function showSingle(picture, url, name) {
  const asked = performance.now();
  picture.onload = () => {
    const milliseconds = Math.round(performance.now() - asked);
    part("message").textContent = "";
    part("size").textContent = `${picture.naturalWidth} × ${picture.naturalHeight} px in\u00a0${milliseconds}\u00a0ms`;
    picture.alt = name;
    picture.hidden = false;
  };
  picture.onerror = async () => {
    const problem = await whyNot(url);
    if (picture.src !== url) return;
    part("message").textContent = problem;
    part("size").textContent = "none";
    part("birds-eye").hidden = true;
  };
  picture.src = url;
}

/** An image element does not tell the status of its answer, so the same URL is asked once more for it. */
async function whyNot(url) {
  try {
    const { status } = await fetch(url);
    return PROBLEMS[status] ?? `The service's answer (HTTP ${status}) could not be shown as an image.`;
  } catch {
    return NO_ANSWER;
  }
}

async function copyLink() {
  const link = part("link");
  try {
    await navigator.clipboard.writeText(link.href);
    part("copy").textContent = "Copied";
  } catch {
    // Browsers keep the clipboard from pages served without TLS: leave the address ready for the copy key.
    getSelection().selectAllChildren(link);
    part("copy").textContent = "Press Ctrl+C";
  }
}
