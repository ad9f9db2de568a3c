// Elements and texts. The only place that makes elements: nothing logged can become markup, because texts go in as texts.

/**
 * @typedef {Node | string | null | undefined | false} Child
 */

/**
 * An element. `text`, `class` and `on` (listeners by event) are what they say; any other property is an attribute, left out if null or false.
 * @param {string} tag
 * @param {Record<string, any>} [properties]
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'text') made.textContent = String(value);
    else if (name === 'class') made.className = value;
    else if (name === 'on') Object.entries(value).forEach(([event, listener]) => made.addEventListener(event, /** @type {any} */ (listener)));
    else made.setAttribute(name, value === true ? '' : String(value));
  }
  made.append(...children.filter(isThere));
  return made;
}

/**
 * @param {Child} child
 * @returns {child is Node | string}
 */
const isThere = (child) => child !== null && child !== undefined && child !== false;

/**
 * The element with an id of `index.html`.
 * @param {string} id
 * @returns {any}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no #${id}`);
  return found;
}

// Control characters, and marks and overrides of writing direction, which turn around what follows them. The same that a terminal is spared.
const STEERING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/g;

/**
 * Logged text with whatever steers its neighbourhood shown as `�`.
 * @param {unknown} text
 */
export const safe = (text) => String(text ?? '').replace(/\r\n?/g, '\n').replace(STEERING, '\uFFFD');

/**
 * Logged text on one line of at most so many characters.
 * @param {unknown} text
 * @param {number} [limit]
 */
export function oneLine(text, limit = 200) {
  const line = safe(String(text ?? '').slice(0, limit * 4)).replace(/\s+/g, ' ').trim();
  return line.length > limit ? `${line.slice(0, limit - 1)}…` : line;
}

/**
 * Logged text inside a line of ours, its writing direction kept to itself.
 * @param {unknown} text
 * @param {Record<string, any>} [properties]
 */
export const logged = (text, properties = {}) => el('bdi', { ...properties, text: oneLine(text) });
