// The page: what is open, where the keys go, and when to ask again. Everything that is shown is made by the modules beside it.

import * as data from './data.js';
import { byId, el } from './dom.js';
import { count } from './format.js';
import { drawBar, drawFrame, nextTheme, remembered, showKeys, showLosses } from './frame.js';
import { showObservation } from './observation.js';
import { TraceView } from './trace.js';
import { Traces } from './traces.js';
import { language, speak, suited, word } from './words.js';

/** How often the stand-in is asked whether something arrived, milliseconds. */
const ASK_EVERY = 1000;
/** How long somebody must have stopped typing before the search begins, milliseconds. */
const TYPED = 150;
/** How far j and k turn a text, CSS pixels. */
const TURN = 80;

/** @typedef {import('./data.js').TraceAnswer} TraceAnswer */
/** @typedef {import('./data.js').Row} Row */
/** @typedef {import('./data.js').Observation} Observation */
/** @typedef {'messages' | 'metadata' | 'raw'} Tab */

const state = {
  /** @type {import('./data.js').Now | null} */
  now: null,
  alive: true,
  /** @type {TraceAnswer | null} */
  answer: null,
  /** @type {Row | null} nothing: the trace as a whole */
  row: null,
  /** @type {Observation | null} */
  own: null,
  /** @type {Tab} */
  tab: 'messages',
  /** Counts what was asked for, so that a late answer to an earlier question is dropped. */
  asked: 0,
};

const traces = new Traces((line) => open(line.id));
const view = new TraceView(byId('trace'), { selected: select, entered: () => byId('panel').focus(), left: leave });

// ---- what is open ----

/** @param {string} id */
function open(id) {
  const place = `#trace/${encodeURIComponent(id)}`;
  if (location.hash === place) showPlace(true);
  else location.hash = place;
}

/** The trace and the observation that the address names. */
function place() {
  const [kind, id, observation] = location.hash.slice(1).split('/').map(decoded);
  return kind === 'trace' && id !== undefined ? { id, observation } : null;
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Shows what the address names. @param {boolean} focus whether the keys go there */
async function showPlace(focus) {
  const named = place();
  if (named === null) return showNothing('unopened');
  const asked = (state.asked += 1);
  const answer = await data.trace(named.id).catch(() => null);
  if (answer === null) return asked === state.asked && showNothing('notFound');
  const row = answer.observations.find(({ id }) => id === named.observation) ?? answer.observations[0] ?? null;
  const own = await textsOf(answer, row);
  if (asked !== state.asked) return;
  traces.mark(named.id);
  Object.assign(state, { answer, row, own });
  byId('trace').hidden = false;
  byId('unopened').hidden = true;
  byId('panes').dataset.view = 'trace';
  view.set(answer, row);
  drawObservation();
  if (focus) view.treeBox.focus();
}

/** @param {'unopened' | 'notFound'} why */
function showNothing(why) {
  state.answer = state.row = state.own = null;
  state.asked += 1;
  traces.mark('');
  byId('trace').hidden = true;
  byId('unopened').hidden = false;
  byId('unopened').replaceChildren(el('p', { text: word(why) }), el('p', { class: 'quiet', text: word(`${why}Hint`) }));
  byId('panes').dataset.view = why === 'unopened' ? 'list' : 'trace';
}

/** @param {TraceAnswer} answer @param {Row | null} row @returns {Promise<Observation | null>} */
const textsOf = async ({ trace }, row) => (row === null ? null : data.observation(trace, row).catch(() => null));

/** Shows another row of the open trace, and names it in the address. @param {Row | null} row */
async function select(row) {
  const { answer } = state;
  if (answer === null) return;
  const asked = (state.asked += 1);
  const own = await textsOf(answer, row);
  if (asked !== state.asked) return;
  Object.assign(state, { row, own });
  const last = row === null ? '' : `/${encodeURIComponent(row.id)}`;
  history.replaceState(null, '', `#trace/${encodeURIComponent(answer.trace.id)}${last}`);
  drawObservation();
}

function drawObservation() {
  if (state.answer === null) return;
  showObservation(view.body, state.answer.trace, state.own, state.tab, (tab) => chooseTab(tab, true));
}

/** @param {Tab} tab @param {boolean} focus */
function chooseTab(tab, focus) {
  state.tab = tab;
  drawObservation();
  if (focus) document.getElementById(`tab-${tab}`)?.focus();
}

/** Back to the list. */
function leave() {
  byId('panes').dataset.view = 'list';
  traces.box.focus();
}

// ---- what arrives ----

async function ask() {
  try {
    const now = await data.now();
    const news = now.revision !== state.now?.revision;
    Object.assign(state, { now, alive: true });
    if (news) await renew();
  } catch {
    state.alive = false;
  }
  drawBar(state.now, state.alive);
}

async function renew() {
  await traces.reload();
  drawCount();
  if (state.answer === null) {
    if (place() !== null) await showPlace(false);
    return;
  }
  const { answer, row } = state;
  const asked = state.asked;
  const fresh = await data.trace(answer.trace.id);
  // Whoever reads is not disturbed by what arrived for others.
  if (asked !== state.asked || fresh === null || unchanged(fresh, answer)) return;
  state.answer = fresh;
  const same = fresh.observations.find(({ id, start }) => id === row?.id && start === row?.start) ?? null;
  view.set(fresh, same);
  await select(same);
}

/** @param {TraceAnswer} one @param {TraceAnswer} other */
const unchanged = (one, other) => JSON.stringify([one.trace, one.observations]) === JSON.stringify([other.trace, other.observations]);

async function askAgain() {
  if (!document.hidden) await ask();
  setTimeout(askAgain, ASK_EVERY);
}

function drawCount() {
  const total = state.now?.traces ?? 0;
  const all = traces.wanted.search === '' && traces.wanted.level === '';
  byId('count').textContent = all ? word(total === 1 ? 'countOne' : 'countAll', { total: count(total) }) : word('count', { found: count(traces.found), total: count(total) });
  const why = total === 0 ? 'nothingYet' : 'nothingFound';
  byId('nothing').replaceChildren(el('p', { text: word(why) }), el('p', { class: 'quiet', text: word(`${why}Hint`) }));
}

// ---- words ----

function otherLanguage() {
  speak(language() === 'zh' ? 'en' : 'zh');
  remembered('language', language());
  draw();
}

/** Everything anew, as after another language. */
function draw() {
  drawFrame(traces.wanted.level);
  drawBar(state.now, state.alive);
  drawCount();
  traces.list.draw();
  if (state.answer !== null) {
    view.set(state.answer, state.row);
    drawObservation();
  } else {
    showNothing(place() === null ? 'unopened' : 'notFound');
  }
}

// ---- keys ----

/** Keys that mean the same wherever they are pressed. @type {Record<string, () => void>} */
const EVERYWHERE = {
  '/': () => byId('search').select(),
  '?': showKeys,
  t: nextTheme,
  e: otherLanguage,
  1: () => chooseTab('messages', false),
  2: () => chooseTab('metadata', false),
  3: () => chooseTab('raw', false),
  a: () => view.body.querySelectorAll('.more:not([aria-expanded=true])').forEach((more) => /** @type {HTMLElement} */ (more).click()),
};

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector('dialog[open]')) return;
  const target = /** @type {HTMLElement} */ (event.target);
  if (does(event.key, target)) event.preventDefault();
}

/** Whether a key did something. @param {string} key @param {HTMLElement} target */
function does(key, target) {
  if (target.id === 'search') return inSearch(key);
  if (target.matches('select')) return key === 'Escape' && (traces.box.focus(), true);
  if (target.matches('button, summary') && (key === 'Enter' || key === ' ')) return false;
  if (target.matches('[role=tab]') && key.startsWith('Arrow')) return nextTab(key);
  if (Object.hasOwn(EVERYWHERE, key)) {
    EVERYWHERE[key]();
    return true;
  }
  if (target.closest('#tree')) return key === 'Escape' ? (leave(), true) : view.key(key);
  if (target.closest('#detail')) return inDetail(key);
  if (target.closest('.bar') && key !== 'j' && key !== 'k') return false;
  // A key that means nothing to the list stays where it is: Tab has its own way.
  const taken = traces.list.key(key);
  if (taken && target !== traces.box) traces.box.focus();
  return taken;
}

/** @param {string} key */
function inSearch(key) {
  if (key === 'Escape' && byId('search').value !== '') {
    byId('search').value = '';
    lookFor();
    return true;
  }
  if (!['Escape', 'Enter', 'ArrowDown'].includes(key)) return false;
  traces.box.focus();
  return true;
}

/** @param {string} key */
function inDetail(key) {
  if (key === 'Escape') {
    if (byId('trace').hidden) leave();
    else view.treeBox.focus();
    return true;
  }
  if (key !== 'j' && key !== 'k') return false;
  byId('trace').scrollBy(0, key === 'j' ? TURN : -TURN);
  return true;
}

/** @param {string} key */
function nextTab(key) {
  const tabs = [...view.body.querySelectorAll('[role=tab]')];
  const here = tabs.findIndex((tab) => tab.getAttribute('aria-selected') === 'true');
  const step = key === 'ArrowRight' ? 1 : key === 'ArrowLeft' ? -1 : 0;
  if (step === 0) return false;
  const next = tabs[(here + step + tabs.length) % tabs.length];
  chooseTab(/** @type {Tab} */ (next.id.replace('tab-', '')), true);
  return true;
}

// ---- start ----

async function lookFor() {
  await traces.look({ search: byId('search').value.trim(), level: byId('level').value });
  drawCount();
}

/** @type {number | undefined} */
let typed;

function start() {
  speak(/** @type {'en' | 'zh'} */ (remembered('language')) ?? suited(navigator.languages));
  document.documentElement.dataset.theme = remembered('theme') ?? 'auto';
  draw();
  byId('search').addEventListener('input', () => {
    clearTimeout(typed);
    typed = setTimeout(lookFor, TYPED);
  });
  byId('level').addEventListener('change', lookFor);
  byId('language').addEventListener('click', otherLanguage);
  byId('theme').addEventListener('click', nextTheme);
  byId('help').addEventListener('click', showKeys);
  byId('lost').addEventListener('click', showLosses);
  document.addEventListener('keydown', pressed);
  document.addEventListener('visibilitychange', () => document.hidden || ask());
  window.addEventListener('hashchange', () => showPlace(true));
  if (place() !== null) showPlace(false);
  askAgain();
}

start();
