// One trace: what is known of it, and its observations as a tree with a time line beside it.

import { el, logged, oneLine } from './dom.js';
import { cost, count, duration, moment } from './format.js';
import { List } from './list.js';
import { word } from './words.js';

/** @typedef {import('./data.js').Row} Row */
/** @typedef {import('./data.js').TraceAnswer} TraceAnswer */
/** @typedef {{row: Row | null, depth: number, children: number, place: number, siblings: number}} Node a row of the tree; no row for the trace itself */

/** Height of a row of the tree, CSS pixels; `page.css` says it too. */
const ROW = 30;
/** Deeper than this the names no longer move to the right. */
const MAX_INDENT = 12;

/**
 * The rows of the tree in the order in which they are shown, the trace in front. A row whose parent is not here, or that is its own ancestor,
 * stands below the trace.
 * @param {Row[]} rows by start
 * @param {Set<string>} folded ids whose children are hidden
 * @returns {Node[]}
 */
export function tree(rows, folded) {
  const ids = new Set(rows.map((row) => row.id));
  /** @type {Map<string | null, Row[]>} */
  const children = new Map();
  for (const row of rows) {
    const parent = row.parent !== null && row.parent !== row.id && ids.has(row.parent) ? row.parent : null;
    children.set(parent, [...(children.get(parent) ?? []), row]);
  }
  /** @type {Node[]} */
  const nodes = [{ row: null, depth: 0, children: rows.length, place: 1, siblings: 1 }];
  const seen = new Set();
  grow(nodes, seen, children, folded, children.get(null) ?? []);
  grow(nodes, seen, children, folded, rows.filter((row) => !seen.has(row)));
  return nodes;
}

/**
 * Adds rows and what is below them, without recursion: a trace may be as deep as it is long.
 * @param {Node[]} nodes
 * @param {Set<Row>} seen
 * @param {Map<string | null, Row[]>} children
 * @param {Set<string>} folded
 * @param {Row[]} tops
 */
function grow(nodes, seen, children, folded, tops) {
  const open = tops.map((row, at) => ({ row, depth: 1, place: at + 1, siblings: tops.length, hidden: false })).reverse();
  for (let next = open.pop(); next; next = open.pop()) {
    if (seen.has(next.row)) continue;
    seen.add(next.row);
    const below = children.get(next.row.id) ?? [];
    const { row, depth, place, siblings, hidden } = next;
    if (!hidden) nodes.push({ row, depth, children: below.length, place, siblings });
    const inside = below.map((child, at) => ({ row: child, depth: depth + 1, place: at + 1, siblings: below.length, hidden: hidden || folded.has(row.id) }));
    open.push(...inside.reverse());
  }
}

export class TraceView {
  /**
   * @param {HTMLElement} box
   * @param {{selected: (row: Row | null) => void, entered: () => void, left: () => void}} does
   */
  constructor(box, does) {
    this.does = does;
    /** @type {Set<string>} */
    this.folded = new Set();
    this.start = 0;
    this.length = 1;
    this.head = el('div', { class: 'trace-head' });
    this.axis = el('div', { class: 'axis', 'aria-hidden': 'true' });
    this.treeBox = el('div', { class: 'tree', tabindex: '0', id: 'tree' });
    this.body = el('div', { class: 'observation', id: 'observation' });
    box.replaceChildren(this.head, this.axis, this.treeBox, this.body);
    this.list = new List({
      box: this.treeBox, name: 'node', role: 'tree', height: ROW, row: (index) => this.#row(index),
      moved: (index) => does.selected(this.nodes[index]?.row ?? null), chosen: () => does.entered(),
    });
    /** @type {Node[]} */
    this.nodes = [];
    /** @type {TraceAnswer | null} */
    this.answer = null;
  }

  /**
   * Shows a trace with one row chosen.
   * @param {TraceAnswer} answer
   * @param {Row | null} chosen
   */
  set(answer, chosen) {
    this.answer = answer;
    this.start = answer.trace.start;
    this.length = Math.max(1, lastMoment(answer) - this.start);
    this.treeBox.setAttribute('aria-label', word('tree'));
    this.head.replaceChildren(...head(answer, this.does.left));
    this.axis.replaceChildren(...[0, 0.25, 0.5, 0.75, 1].map((part) => tick(part, this.length)));
    this.#lay(chosen);
  }

  /** @param {Row | null} chosen */
  #lay(chosen) {
    this.nodes = tree(this.answer?.observations ?? [], this.folded);
    const place = this.nodes.findIndex(({ row }) => row?.id === chosen?.id && row?.start === chosen?.start);
    this.treeBox.style.height = `${Math.min(this.nodes.length, 9) * ROW + 2}px`;
    this.list.set(this.nodes.length, place);
  }

  /** @param {string} key */
  key(key) {
    if (key === 'ArrowLeft' || key === 'h') return this.#fold(true);
    if (key === 'ArrowRight' || key === 'l') return this.#fold(false);
    return this.list.key(key);
  }

  /** @param {boolean} fold */
  #fold(fold) {
    const node = this.nodes[this.list.active];
    if (!node?.row || node.children === 0) return true;
    if (fold) this.folded.add(node.row.id);
    else this.folded.delete(node.row.id);
    this.#lay(node.row);
    return true;
  }

  /** @param {number} index */
  #row(index) {
    const node = this.nodes[index];
    const state = {
      class: `node ${node.row?.level.toLowerCase() ?? ''}`, role: 'treeitem', 'aria-level': node.depth + 1, 'aria-posinset': node.place,
      'aria-setsize': node.siblings, 'aria-selected': String(index === this.list.active),
      'aria-expanded': node.children > 0 && String(!(node.row && this.folded.has(node.row.id))),
    };
    const made = el('div', state, node.row ? name(node, node.row, this.folded) : whole(this.answer), el('div', { class: 'line', 'aria-hidden': 'true' }, ...this.#bar(node.row)));
    const first = /** @type {HTMLElement} */ (made.firstElementChild);
    first.style.paddingInlineStart = `${8 + Math.min(node.depth, MAX_INDENT) * 14}px`;
    return made;
  }

  /** @param {Row | null} row */
  #bar(row) {
    const start = row?.start ?? this.start;
    const end = row ? row.end : this.start + this.length;
    const bar = el('div', { class: `bar-of ${row ? row.type.toLowerCase() : 'whole'}` });
    bar.style.left = `${this.#percent(start)}%`;
    bar.style.width = `${Math.max(0.4, this.#percent(end ?? start) - this.#percent(start))}%`;
    const mark = row?.firstToken ? el('div', { class: 'first-token' }) : null;
    if (mark && row?.firstToken) mark.style.left = `${this.#percent(row.firstToken)}%`;
    return mark ? [bar, mark] : [bar];
  }

  /** @param {number} ms */
  #percent(ms) {
    return Math.max(0, Math.min(100, ((ms - this.start) / this.length) * 100));
  }
}

/** The last end, or start where that is later. @param {TraceAnswer} answer */
const lastMoment = ({ trace, observations }) => observations.reduce((last, row) => Math.max(last, row.end ?? row.start), trace.end ?? trace.start);

/** @param {number} part @param {number} length */
function tick(part, length) {
  const made = el('span', { text: duration(part * length) });
  made.style.left = `${part * 100}%`;
  return made;
}

/** @param {Node} node @param {Row} row @param {Set<string>} folded */
function name(node, row, folded) {
  const sign = node.children === 0 ? '' : folded.has(row.id) ? '▸' : '▾';
  const first = row.firstToken === null ? '' : `, ${word('firstToken')} ${duration(row.firstToken - row.start)}`;
  return el('div', { class: 'name' },
    el('span', { class: 'sign', 'aria-hidden': 'true', text: sign }),
    el('span', { class: `kind ${row.type.toLowerCase()}`, text: row.type }),
    logged(row.name ?? '–', { class: 'grow' }),
    row.level !== 'DEFAULT' && el('span', { class: `level ${row.level.toLowerCase()}`, text: row.level }),
    el('span', { class: 'took', title: `${duration(took(row))}${first}`, text: duration(took(row)) }));
}

/** @param {Row} row */
const took = (row) => (row.end === null ? null : row.end - row.start);

/** @param {TraceAnswer | null} answer */
function whole(answer) {
  return el('div', { class: 'name' }, el('span', { class: 'sign' }), el('span', { class: 'kind whole', text: word('wholeTrace') }), logged(answer?.trace.name ?? '–', { class: 'grow' }));
}

/** @param {TraceAnswer} answer @param {() => void} left */
function head({ trace, observations }, left) {
  const chip = (/** @type {string} */ name, /** @type {string | null} */ value) =>
    value === null ? null : el('span', { class: 'chip' }, el('span', { class: 'quiet', text: name }), ' ', logged(value));
  const { usage } = trace;
  const counted = observations.some((row) => Object.keys(row.usage).length > 0);
  const sums = counted ? `${count(usage.input)} → ${count(usage.output)} = ${count(usage.total)}` : count(null);
  return [
    el('div', { class: 'title' },
      el('button', { type: 'button', class: 'back', 'aria-label': word('back'), text: '←', on: { click: left } }),
      el('h2', {}, logged(trace.name ?? trace.id)), el('code', { class: 'quiet id', text: oneLine(trace.id, 64) })),
    el('p', { class: 'chips' },
      chip(word('user'), trace.user), chip(word('session'), trace.session), ...trace.tags.map((tag) => chip('#', tag)),
      chip(word('environment'), trace.environment),
      el('span', { class: 'chip' }, moment(trace.start, 'long')),
      el('span', { class: 'chip', text: observations.length === 1 ? word('observationOne') : word('observations', { count: count(observations.length) }) }),
      el('span', { class: 'chip' }, el('span', { class: 'quiet', text: word('tokens') }), ` ${sums}`),
      el('span', { class: 'chip' }, el('span', { class: 'quiet', text: word('cost') }), ` ${cost(trace.cost)}`)),
  ];
}
