/**
 * What the page says in words: the status line under a view's title, and the banner for what went wrong, which names
 * the next step. When to say it is not known here.
 */

const numbers = new Intl.NumberFormat("en");
const byId = (id) => document.getElementById(id);

/**
 * A number with its noun: "1 request", "1,536 wells".
 *
 * @param {number} number
 * @param {string} noun in the singular
 */
function count(number, noun) {
  return `${numbers.format(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** Says that `total` thumbnails are awaited. */
export function tellLoading(total) {
  byId("status").textContent = `Loading ${count(total, "thumbnail")}…`;
}

/**
 * Says what a view took.
 *
 * @param {{filled: number, none: number, failed: number, requests: number}} tally cells, but for the requests
 * @param {number} milliseconds
 * @param {number} total cells in the view
 */
export function tellStatus(tally, milliseconds, total) {
  if (total === 0) {
    byId("status").textContent = "No images here.";
    return;
  }
  const facts = [
    ["figure", `${numbers.format(milliseconds)} ms`],
    ["", `for ${count(tally.filled, "thumbnail")}`],
    ["", count(tally.requests, "request")],
  ];
  if (tally.none > 0) facts.push(["note", `${numbers.format(tally.none)} without a thumbnail for you`]);
  if (tally.failed > 0) facts.push(["note", `${numbers.format(tally.failed)} not loaded`]);
  const spans = facts.flatMap(([className, textContent], index) => [
    index > 1 ? ", " : " ",
    Object.assign(document.createElement("span"), { className, textContent }),
  ]);
  byId("status").replaceChildren(...spans);
}

/**
 * Says what went wrong and what to do about it.
 *
 * @param {import("./loading.js").ServiceError | undefined} problem what ended the whole load, if anything did
 * @param {number} failed thumbnails that could not be loaded
 */
export function showBanner(problem, failed = 0) {
  const [title, text] = bannerWords(problem, failed);
  byId("banner-title").textContent = title;
  byId("banner-text").textContent = text;
  byId("banner").dataset.status = String(problem?.status ?? "");
  byId("banner").hidden = false;
}

/** Takes the banner away. */
export function hideBanner() {
  byId("banner").hidden = true;
}

function bannerWords(problem, failed) {
  switch (problem?.status) {
    case undefined:
      return [
        `${count(failed, "thumbnail")} could not be loaded`,
        "OMERO failed or took too long for them, also when asked one by one. Retry; if it stays so, the service’s "
          + "log names the cause.",
      ];
    case 0:
      return ["The thumbnail service does not answer", `Check that it is running at ${location.host}, then retry.`];
    case 403:
      return [
        "Your OMERO session has ended",
        "The service no longer recognises it. Choose a user above and press Switch to start a new session, or retry.",
      ];
    case 503:
      return [
        "OMERO cannot be reached",
        "The service is running, but OMERO or the session store behind it is not answering, or has too much to do. "
          + (problem.retryAfter === null ? "Retry shortly." : `Retry in ${problem.retryAfter} seconds.`),
      ];
    default:
      return [`The service answered HTTP ${problem.status}`, "Retry; if it stays so, its log names the cause."];
  }
}
