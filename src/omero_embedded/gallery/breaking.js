/** Where a long name or address may go on in the next line: between its parts, rather than amid one. */

/**
 * `text` as what an element may hold, with a place to break the line at every match of `between`.
 *
 * @param {string} text
 * @param {RegExp} between matches no characters, only the places between them
 * @returns {(string | HTMLElement)[]}
 */
export function breakable(text, between) {
  const [first, ...others] = text.split(between);
  return [first, ...others.flatMap((part) => [document.createElement("wbr"), part])];
}
