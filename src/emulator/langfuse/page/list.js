// A list of rows of one height, of which only those in sight exist. It knows rows by number, and keys by name.

import { el } from './dom.js';

/** Rows beyond the edges that exist too, so that a turn of the wheel shows no gap. */
const BEYOND = 6;

/**
 * @typedef {object} Rows
 * @property {HTMLElement} box what scrolls and has the focus
 * @property {string} name of the list, unique in the page: its rows are called after it
 * @property {'listbox' | 'tree'} role
 * @property {number} height of a row, CSS pixels
 * @property {(index: number) => HTMLElement} row makes one row
 * @property {(index: number) => void} [moved] after the active row became another one by key or mouse
 * @property {(index: number) => void} [chosen] after Enter or a click
 */

export class List {
  /** @param {Rows} rows */
  constructor(rows) {
    this.rows = rows;
    this.count = 0;
    this.active = 0;
    this.space = el('div', { class: 'space', role: 'none' });
    rows.box.replaceChildren(this.space);
    rows.box.setAttribute('role', rows.role);
    rows.box.addEventListener('scroll', () => this.draw(), { passive: true });
    rows.box.addEventListener('click', (event) => this.#clicked(event));
    new ResizeObserver(() => this.draw()).observe(rows.box);
  }

  /**
   * The list has another number of rows, or other ones.
   * @param {number} count
   * @param {number} active
   */
  set(count, active) {
    this.count = count;
    this.active = Math.max(0, Math.min(active, count - 1));
    this.space.style.height = `${count * this.rows.height}px`;
    this.draw();
  }

  /** Makes the rows in sight anew. */
  draw() {
    const { box, height, name } = this.rows;
    const first = Math.max(0, Math.floor(box.scrollTop / height) - BEYOND);
    const last = Math.min(this.count, Math.ceil((box.scrollTop + box.clientHeight) / height) + BEYOND);
    const made = [];
    for (let index = first; index < last; index += 1) made.push(this.#made(index));
    this.space.replaceChildren(...made);
    const inSight = this.active >= first && this.active < last;
    if (inSight && this.count > 0) box.setAttribute('aria-activedescendant', `${name}-${this.active}`);
    else box.removeAttribute('aria-activedescendant');
  }

  /** @param {number} index */
  #made(index) {
    const { row, height, name } = this.rows;
    const made = row(index);
    made.id = `${name}-${index}`;
    made.dataset.index = String(index);
    made.style.transform = `translateY(${index * height}px)`;
    made.style.height = `${height}px`;
    made.classList.toggle('active', index === this.active);
    return made;
  }

  /** @param {number} index */
  move(index) {
    if (this.count === 0) return;
    this.active = Math.max(0, Math.min(index, this.count - 1));
    this.#show();
    this.draw();
    this.rows.moved?.(this.active);
  }

  #show() {
    const { box, height } = this.rows;
    const top = this.active * height;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + height > box.scrollTop + box.clientHeight) box.scrollTop = top + height - box.clientHeight;
  }

  /**
   * Does what a key asks of a list; false if it asks nothing.
   * @param {string} key
   */
  key(key) {
    const page = Math.max(1, Math.floor(this.rows.box.clientHeight / this.rows.height) - 1);
    /** @type {Record<string, number>} */
    const places = {
      j: this.active + 1, ArrowDown: this.active + 1, k: this.active - 1, ArrowUp: this.active - 1,
      PageDown: this.active + page, PageUp: this.active - page, Home: 0, g: 0, End: this.count - 1, G: this.count - 1,
    };
    if (key === 'Enter' || key === ' ') {
      if (this.count > 0) this.rows.chosen?.(this.active);
      return true;
    }
    if (!(key in places)) return false;
    this.move(places[key]);
    return true;
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const target = /** @type {HTMLElement} */ (event.target).closest('[data-index]');
    if (!target) return;
    this.move(Number(/** @type {HTMLElement} */ (target).dataset.index));
    this.rows.chosen?.(this.active);
  }
}
