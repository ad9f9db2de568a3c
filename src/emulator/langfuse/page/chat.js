// A conversation, a text or JSON on the page. Long things are folded; the marks of what was cut stand out; nothing is loaded.

import { read } from './conversation.js';
import { el, logged, oneLine, safe } from './dom.js';
import { count, size } from './format.js';
import { word } from './words.js';

/** @typedef {import('./conversation.js').Message} Message */
/** @typedef {import('./conversation.js').Part} Part */

/** Characters and lines of a text that are shown before somebody asks for all of it. */
const FOLD = { characters: 2000, lines: 30 };
/** Characters of one block of a long text: blocks out of sight cost nothing. */
const BLOCK = 16_000;
/** Messages that are shown before somebody asks for all: the first and the last ones. */
const FIRST = 5;
const LAST = 35;

/** How our function and the gateway mark what they cut. */
const CUT = /(… \[(?:\d+ messages )?cut by sls-to-langfuse\]|\[truncated\])/;

/**
 * What a stored input or output says.
 * @param {string} stored
 */
export function content(stored) {
  const said = read(stored);
  switch (said.kind) {
    case 'chat':
      return el('div', { class: 'chat' }, ...conversation(said.messages), ...said.beside.map(([name, value]) => extra(name, value)));
    case 'json':
      return text(JSON.stringify(said.value, null, 2), 'code');
    default:
      return text(said.text, 'prose');
  }
}

/** @param {Message[]} messages */
function conversation(messages) {
  if (messages.length <= FIRST + LAST + 1) return messages.map(shown);
  const middle = messages.slice(FIRST, -LAST);
  const more = el('button', { type: 'button', class: 'more', text: word('moreMessages', { count: count(middle.length) }) });
  more.addEventListener('click', () => more.replaceWith(...middle.map(shown)));
  return [...messages.slice(0, FIRST).map(shown), more, ...messages.slice(-LAST).map(shown)];
}

/** @type {Record<string, string>} */
const ROLES = { system: 'roleSystem', developer: 'roleDeveloper', user: 'roleUser', assistant: 'roleAssistant', tool: 'roleTool', function: 'roleTool' };

/** @param {Message} message */
function shown(message) {
  const kind = Object.hasOwn(ROLES, message.role) ? message.role : 'other';
  const role = kind === 'other' ? oneLine(message.role, 40) : word(ROLES[kind]);
  const name = message.name && kind !== 'tool' ? logged(message.name, { class: 'quiet' }) : null;
  return el('article', { class: `message ${kind}` }, el('header', {}, el('span', { class: 'role', text: role }), name), ...message.parts.map(part));
}

/** @param {Part} said */
function part(said) {
  switch (said.kind) {
    case 'text':
      return text(said.text, 'prose');
    case 'reasoning':
      return el('details', { class: 'reasoning', open: true }, el('summary', { text: word('reasoning') }), text(said.text, 'prose'));
    case 'toolCall':
      return tool('toolCall', said);
    case 'toolResult':
      return tool('toolResult', said);
    case 'json':
      return text(JSON.stringify(said.value, null, 2), 'code');
    default:
      return el('p', { class: 'medium' }, el('span', { text: word(said.kind) }), said.about ? logged(said.about, { class: 'quiet' }) : null);
  }
}

/**
 * @param {'toolCall' | 'toolResult'} kind
 * @param {{name: string, id: string, text: string}} said
 */
function tool(kind, said) {
  const about = [el('span', { class: 'quiet', text: word(kind) }), said.name && logged(said.name, { class: 'tool-name' }), said.id && logged(said.id, { class: 'quiet id' })];
  return el('div', { class: `tool-box ${kind}` }, el('p', {}, ...about), said.text ? text(said.text, 'code') : null);
}

/**
 * What stands beside the messages: tools, parameters.
 * @param {string} name
 * @param {unknown} value
 */
function extra(name, value) {
  if (value === null || typeof value !== 'object') {
    return el('p', { class: 'extra' }, logged(name, { class: 'quiet' }), ' ', logged(value));
  }
  const length = Array.isArray(value) ? el('span', { class: 'quiet', text: ` ${count(value.length)}` }) : null;
  const folded = el('details', { class: 'extra' }, el('summary', {}, logged(name), length));
  folded.addEventListener('toggle', () => folded.childElementCount > 1 || folded.append(text(JSON.stringify(value, null, 2), 'code')));
  return folded;
}

/**
 * A text of any length.
 * @param {string} whole
 * @param {'prose' | 'code'} look
 */
export function text(whole, look) {
  const box = el('div', { class: `text ${look}`, dir: look === 'prose' ? 'auto' : 'ltr' });
  const short = folded(whole);
  if (short === whole) {
    box.append(...blocks(whole));
    return box;
  }
  const button = el('button', { type: 'button', class: 'more', 'aria-expanded': 'false' });
  const fold = (/** @type {boolean} */ all) => {
    box.replaceChildren(...blocks(all ? whole : short));
    button.textContent = all ? word('showLess') : word('showAll', { size: size(whole.length) });
    button.setAttribute('aria-expanded', String(all));
  };
  button.addEventListener('click', () => fold(button.getAttribute('aria-expanded') === 'false'));
  fold(false);
  return el('div', {}, box, button);
}

/** The beginning of a text that is shown at first; all of a short one. @param {string} whole */
function folded(whole) {
  let end = Math.min(whole.length, FOLD.characters);
  let line = -1;
  for (let lines = 0; lines < FOLD.lines; lines += 1) {
    line = whole.indexOf('\n', line + 1);
    if (line < 0 || line > end) break;
    if (lines === FOLD.lines - 1) end = line;
  }
  // Somewhat more than the fold is not worth a button, and no character is torn in two.
  if (whole.length - end < FOLD.characters / 4 && whole.length <= FOLD.characters * 1.25 && !whole.slice(end).includes('\n')) return whole;
  return whole.slice(0, /[\uD800-\uDBFF]/.test(whole[end - 1] ?? '') ? end - 1 : end);
}

/** @param {string} whole */
function blocks(whole) {
  const made = [];
  for (let start = 0; start < whole.length; ) {
    const limit = start + BLOCK;
    const end = limit >= whole.length ? whole.length : blockEnd(whole, start, limit);
    made.push(el('pre', { class: 'block' }, ...marked(safe(whole.slice(start, end)))));
    start = end;
  }
  return made;
}

/** After a line break, else after a space, else anywhere between two characters. */
function blockEnd(/** @type {string} */ whole, /** @type {number} */ start, /** @type {number} */ limit) {
  for (const seam of ['\n', ' ']) {
    const place = whole.lastIndexOf(seam, limit - 1);
    if (place > start) return place + 1;
  }
  return /[\uD800-\uDBFF]/.test(whole[limit - 1]) ? limit - 1 : limit;
}

/** @param {string} shown @returns {(Node | string)[]} */
function marked(shown) {
  return shown.split(CUT).map((piece, index) => (index % 2 === 1 ? el('mark', { class: 'cut', title: word('cut'), text: piece }) : piece));
}

/**
 * A button that copies a text as it is stored.
 * @param {() => string} whole
 */
export function copyButton(whole) {
  const button = el('button', { type: 'button', class: 'small', text: word('copy') });
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(whole());
    button.textContent = word('copied');
    setTimeout(() => (button.textContent = word('copy')), 1500);
  });
  return button;
}
