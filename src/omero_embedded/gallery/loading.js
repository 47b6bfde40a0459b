/**
 * How OMERO.web's page scripts ask for thumbnails; nothing of this page is known here.
 *
 * The facts, from OMERO.web's `OME.load_thumbnails` (webclient) and its plate view (webgateway):
 * - a page asks `get_thumbnails` for 50 images at a time (`omero.web.thumbnails_batch`) and sends all its batches at
 *   once: what limits them is the browser's six connections to a host;
 * - an answer maps every image id to a data URL, or to null where there is no thumbnail for this user, be it that the
 *   image is not visible to them, does not exist or cannot be rendered: the answer does not tell which;
 * - the webclient asks again, one image a request, if a batch of several came back all null, and only then shows
 *   placeholders; the plate view shows them at once;
 * - neither does anything about a request that failed: its spinners stay. Here such a batch is asked again one by one
 *   too, unless the answer concerns the whole page (`ServiceError.concernsPage`): asking again would only add load.
 */

/** Images a request: OMERO.web's default for `omero.web.thumbnails_batch`. */
export const BATCH = 50;

/** Longest side, in pixels, that OMERO.web gives where the URL names none. */
export const DEFAULT_SIZE = 96;

/** An answer other than thumbnails. `status` is the HTTP status, or 0 if there was no answer at all. */
export class ServiceError extends Error {
  /**
   * @param {number} status
   * @param {string | null} retryAfter the answer's Retry-After header
   */
  constructor(status, retryAfter = null) {
    super(status === 0 ? "no answer" : `HTTP ${status}`);
    this.name = "ServiceError";
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** Whether every other request of the page would be answered the same: no session, no OMERO, no service. */
  get concernsPage() {
    return [0, 403, 503].includes(this.status);
  }
}

/**
 * The body of a JSON answer.
 *
 * @param {string} url
 * @param {AbortSignal} signal
 * @throws {ServiceError} for any answer that is not 200 with JSON, and for none
 * @throws {DOMException} AbortError once `signal` is aborted
 */
export async function fetchJson(url, signal) {
  let response;
  try {
    response = await fetch(url, { signal, headers: { Accept: "application/json" } });
    if (response.ok) return await response.json();
  } catch (error) {
    signal.throwIfAborted();
    throw new ServiceError(response?.status ?? 0);
  }
  throw new ServiceError(response.status, response.headers.get("Retry-After"));
}

/**
 * Asks for the thumbnails of all `ids` and reports each one as soon as its batch is there.
 *
 * @param {number[]} ids without duplicates
 * @param {object} options
 * @param {number} options.size longest side in pixels
 * @param {boolean} options.retryNulls ask a batch that is all null again one by one, as the webclient does
 * @param {AbortSignal} options.signal ends every request under way
 * @param {() => void} options.onRequest called for every request sent
 * @param {(id: number, dataUrl: string) => void} options.onThumbnail
 * @param {(id: number, reason: "none" | "failed") => void} options.onUnavailable "none" for null
 * @throws {ServiceError} the first answer that concerns the whole page; the caller then aborts `signal`
 * @throws {DOMException} AbortError once `signal` is aborted
 */
export async function loadThumbnails(ids, options) {
  const batches = [];
  for (let start = 0; start < ids.length; start += BATCH) batches.push(ids.slice(start, start + BATCH));
  await Promise.all(batches.map((batch) => loadBatch(batch, options)));
}

async function loadBatch(ids, options) {
  let thumbnails;
  try {
    options.onRequest();
    thumbnails = await fetchJson(thumbnailsUrl(ids, options.size), options.signal);
  } catch (error) {
    if (!(error instanceof ServiceError) || error.concernsPage) throw error;
    if (ids.length > 1) await oneByOne(ids, options);
    else options.onUnavailable(ids[0], "failed");
    return;
  }
  options.signal.throwIfAborted();
  if (options.retryNulls && ids.length > 1 && ids.every((id) => thumbnails[id] === null)) {
    await oneByOne(ids, options);
    return;
  }
  for (const id of ids) {
    const thumbnail = thumbnails[id];
    if (typeof thumbnail === "string") options.onThumbnail(id, thumbnail);
    else options.onUnavailable(id, thumbnail === null ? "none" : "failed");
  }
}

function oneByOne(ids, options) {
  return Promise.all(ids.map((id) => loadBatch([id], options)));
}

function thumbnailsUrl(ids, size) {
  const query = ids.map((id) => `id=${id}`).join("&");
  return size === DEFAULT_SIZE
    ? `/webclient/get_thumbnails/?${query}`
    : `/webgateway/get_thumbnails/${size}/?${query}`;
}
