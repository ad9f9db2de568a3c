// The list of traces: windows of it are fetched as they come into sight, and anew when something arrived.

import * as data from './data.js';
import { byId, el, logged, oneLine } from './dom.js';
import { cost, count, duration, moment } from './format.js';
import { List } from './list.js';
import { word } from './words.js';

/** @typedef {import('./data.js').TraceLine} TraceLine */

/** Height of a row, CSS pixels; `page.css` says it too. */
const ROW = 78;
/** Traces of one request. */
const WINDOW = 100;

export class Traces {
  /** @param {(trace: TraceLine) => void} chosen after Enter or a click */
  constructor(chosen) {
    this.wanted = { search: '', level: '' };
    this.found = 0;
    this.opened = '';
    /** @type {Map<number, TraceLine[]>} by their number, from 0 */
    this.windows = new Map();
    /** @type {Set<number>} */
    this.asked = new Set();
    this.generation = 0;
    this.box = byId('list');
    this.list = new List({
      box: this.box, name: 'trace-line', role: 'listbox', height: ROW, row: (index) => this.#row(index),
      chosen: (index) => { const line = this.at(index); if (line) chosen(line); },
    });
  }

  /** @param {number} index */
  at(index) {
    return this.windows.get(Math.floor(index / WINDOW))?.[index % WINDOW];
  }

  /**
   * Looks for other traces, from the top.
   * @param {{search: string, level: string}} wanted
   */
  async look(wanted) {
    this.wanted = wanted;
    this.box.scrollTop = 0;
    this.list.active = 0;
    await this.reload();
  }

  /** Fetches what is in sight anew; what was active stays so, and what is in sight stays there. */
  async reload() {
    this.generation += 1;
    const generation = this.generation;
    const first = Math.floor(this.box.scrollTop / ROW / WINDOW);
    const last = Math.floor((this.box.scrollTop + this.box.clientHeight) / ROW / WINDOW);
    const numbers = first === last ? [first] : [first, last];
    const answers = await Promise.all(numbers.map((number) => data.traces(this.wanted, number * WINDOW, WINDOW)));
    if (generation !== this.generation) return;
    const active = this.at(this.list.active)?.id;
    const more = answers[0].total - this.found;
    this.windows = new Map(answers.map((answer, at) => [numbers[at], answer.traces]));
    this.asked = new Set(numbers);
    this.found = answers[0].total;
    this.#lay(active, more);
  }

  /** @param {string | undefined} active @param {number} more how many traces there are more than before, put in front */
  #lay(active, more) {
    const place = [...this.windows].flatMap(([number, lines]) => lines.map((line, at) => ({ id: line.id, index: number * WINDOW + at }))).find(({ id }) => id === active);
    const scrolled = this.box.scrollTop > 0;
    byId('nothing').hidden = this.found > 0;
    this.box.hidden = this.found === 0;
    this.list.set(this.found, place?.index ?? this.list.active);
    if (scrolled && more > 0) this.box.scrollTop += more * ROW;
  }

  /** A window that came into sight. @param {number} number */
  async #fetch(number) {
    if (this.asked.has(number)) return;
    this.asked.add(number);
    const generation = this.generation;
    try {
      const answer = await data.traces(this.wanted, number * WINDOW, WINDOW);
      if (generation === this.generation) this.windows.set(number, answer.traces);
      this.list.draw();
    } catch {
      this.asked.delete(number);
    }
  }

  /** Marks another trace as the one that is open. @param {string} id */
  mark(id) {
    this.opened = id;
    this.list.draw();
  }

  /** @param {number} index */
  #row(index) {
    const line = this.at(index);
    if (!line) this.#fetch(Math.floor(index / WINDOW));
    const state = { role: 'option', 'aria-posinset': index + 1, 'aria-setsize': this.found, 'aria-selected': String(line !== undefined && line.id === this.opened) };
    const level = line && line.level !== 'DEFAULT' ? line.level.toLowerCase() : '';
    return el('div', { class: `trace-line ${level}`, ...state }, ...(line ? lines(line) : [el('p', { class: 'quiet', text: word('loading') })]));
  }
}

/** @param {TraceLine} line */
function lines(line) {
  const about = [
    line.level !== 'DEFAULT' && el('span', { class: `level ${line.level.toLowerCase()}`, text: line.level }),
    line.models.length > 0 && logged(line.models.join(', ')),
    line.user && logged(line.user),
    line.usage.total > 0 && el('span', { text: `${count(line.usage.total)} tok` }),
    Boolean(line.cost) && el('span', { text: cost(line.cost) }),
    el('span', { text: duration(line.end === null ? null : line.end - line.start) }),
    line.observations > 1 && el('span', { text: `×${count(line.observations)}` }),
  ].filter(Boolean);
  return [
    el('p', { class: 'first' }, logged(line.name ?? line.id, { class: 'trace-name' }), moment(line.start, 'short')),
    el('p', { class: 'preview', dir: 'auto', text: oneLine(line.preview ?? '–', 160) }),
    el('p', { class: 'about' }, ...about),
  ];
}
