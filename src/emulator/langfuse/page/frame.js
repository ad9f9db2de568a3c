// What stands around the traces: the bar, the dialogs, the theme, and what this browser remembers of them.

import * as data from './data.js';
import { byId, el, logged } from './dom.js';
import { count } from './format.js';
import { language, lossWord, putWords, word } from './words.js';

/** @param {import('./data.js').Now | null} now @param {boolean} alive whether the stand-in answers */
export function drawBar(now, alive) {
  byId('server').textContent = now ? word('server', now) : '';
  byId('state').textContent = word(alive ? 'live' : 'gone');
  byId('state').classList.toggle('gone', !alive);
  byId('lost').hidden = !now?.lost;
  byId('lost').textContent = word('lost', { count: count(now?.lost ?? 0) });
}

/** @param {string} id @param {string} title @param {...Node} children */
function dialog(id, title, ...children) {
  const box = byId(id);
  const close = el('button', { type: 'button', text: word('close'), on: { click: () => box.close() } });
  box.replaceChildren(el('h2', { id: `${id}-title`, text: title }), ...children, close);
  box.showModal();
}

export function showKeys() {
  const keys = [
    ['j k ↑ ↓', 'keysMove'], ['g G', 'keysEnds'], ['Enter', 'keysOpen'], ['Esc', 'keysBack'], ['← →', 'keysFold'], ['1 2 3', 'keysTabs'],
    ['a', 'keysAll'], ['/', 'keysSearch'], ['t', 'keysTheme'], ['e', 'keysLanguage'], ['?', 'keysHelp'],
  ];
  const rows = keys.map(([names, what]) => el('div', {}, el('dt', {}, ...names.split(' ').map((name) => el('kbd', { text: name }))), el('dd', { text: word(what) })));
  dialog('keys', word('help'), el('dl', {}, ...rows));
}

export async function showLosses() {
  const { lost } = await data.lost();
  const rows = lost.map((one) => el('tr', {}, el('td', { text: lossWord(one.reason) }), el('td', {}, logged(one.id ?? '–')), el('td', { text: count(one.observations) })));
  const head = el('tr', {}, ...['lostReason', 'lostWhat', 'lostCount'].map((name) => el('th', { scope: 'col', text: word(name) })));
  dialog('losses', word('lostTitle'), el('p', { class: 'quiet', text: word('lostHint') }), el('table', { class: 'pairs' }, el('thead', {}, head), el('tbody', {}, ...rows)));
}

/** What this browser remembers of the page; it may be told not to. @param {string} key @param {string} [value] */
export function remembered(key, value) {
  try {
    if (value !== undefined) localStorage.setItem(key, value);
    return localStorage.getItem(key);
  } catch {
    return value ?? null;
  }
}

const THEMES = ['auto', 'light', 'dark'];
/** @type {Record<string, string>} */
const THEME_WORDS = { auto: 'themeAuto', light: 'themeLight', dark: 'themeDark' };

/** @param {string} theme */
export function dress(theme) {
  document.documentElement.dataset.theme = THEMES.includes(theme) ? theme : 'auto';
  byId('theme').textContent = word(THEME_WORDS[document.documentElement.dataset.theme]);
}

export function nextTheme() {
  const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme ?? 'auto') + 1) % THEMES.length];
  remembered('theme', next);
  dress(next);
}

/** Puts the words into the bar and the fields, as after another language. @param {string} level the one that is looked for */
export function drawFrame(level) {
  putWords();
  document.title = `${word('title')} · sls-to-langfuse`;
  byId('search').placeholder = word('search');
  byId('search').title = word('searchHint');
  byId('search').setAttribute('aria-label', word('searchName'));
  byId('level').setAttribute('aria-label', word('level'));
  const levels = [['', 'levelAll'], ['warning', 'levelWarning'], ['error', 'levelError']];
  byId('level').replaceChildren(...levels.map(([value, name]) => el('option', { value, text: word(name), selected: value === level })));
  byId('language').textContent = word('language');
  byId('language').lang = language() === 'zh' ? 'en' : 'zh-CN';
  byId('language').title = word('languageName');
  byId('help').setAttribute('aria-label', word('help'));
  byId('list').setAttribute('aria-label', word('traces'));
  dress(document.documentElement.dataset.theme ?? 'auto');
}
