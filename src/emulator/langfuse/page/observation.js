// One observation, or the trace as a whole: what is known of it, what went in and came out, its metadata, and what was sent.

import { content, copyButton, text } from './chat.js';
import { raw } from './data.js';
import { el, logged } from './dom.js';
import { cost, count, duration, moment } from './format.js';
import { word } from './words.js';

/** @typedef {import('./data.js').TraceLine & import('./data.js').TraceTexts} Trace */
/** @typedef {import('./data.js').Observation} Observation */

/** Metadata that say something was cut or repaired. */
const NOTICES = ['gw_truncated', 'gw_salvaged', 'gw_masked'];

const TABS = /** @type {const} */ (['messages', 'metadata', 'raw']);
/** @typedef {typeof TABS[number]} Tab */
/** @type {Record<Tab, string>} */
const TAB_WORDS = { messages: 'tabMessages', metadata: 'tabMetadata', raw: 'tabRaw' };

/**
 * The view of one observation; of the trace where there is none.
 * @param {HTMLElement} box
 * @param {Trace} trace
 * @param {Observation | null} own
 * @param {Tab} tab
 * @param {(tab: Tab) => void} chosen
 */
export function showObservation(box, trace, own, tab, chosen) {
  /** @type {readonly Tab[]} */
  const tabs = own ? TABS : ['messages', 'metadata'];
  const open = tabs.includes(tab) ? tab : 'messages';
  const panel = el('div', { class: 'panel', role: 'tabpanel', id: 'panel', tabindex: '0', 'aria-labelledby': `tab-${open}` });
  box.replaceChildren(heading(trace, own), facts(trace, own), tabList(tabs, open, chosen), panel);
  if (open === 'messages') panel.append(...messages(own ?? trace));
  else if (open === 'metadata') panel.append(...metadata(trace, own));
  else if (own) sent(panel, trace, own);
}

/** @param {readonly Tab[]} tabs @param {Tab} open @param {(tab: Tab) => void} chosen */
function tabList(tabs, open, chosen) {
  const made = tabs.map((name) => {
    const here = name === open;
    const state = { role: 'tab', id: `tab-${name}`, 'aria-selected': String(here), 'aria-controls': here && 'panel', tabindex: here ? '0' : '-1' };
    return el('button', { type: 'button', ...state, text: word(TAB_WORDS[name]), on: { click: () => chosen(name) } });
  });
  return el('div', { class: 'tabs', role: 'tablist', 'aria-label': word('observationTitle') }, ...made);
}

/** @param {Trace} trace @param {Observation | null} own */
function heading(trace, own) {
  const level = (own ?? trace).level;
  return el('div', { class: 'heading' },
    el('span', { class: `kind ${own ? own.type.toLowerCase() : 'whole'}`, text: own ? own.type : word('wholeTrace') }),
    el('h3', {}, logged((own ?? trace).name ?? '–')),
    level !== 'DEFAULT' && el('span', { class: `level ${level.toLowerCase()}`, text: level }),
    own && own.arrivals > 1 && el('span', { class: 'chip', text: word('arrivals', { count: count(own.arrivals) }) }));
}

/** @param {string} name @param {Node | string} value @param {string} [title] */
const fact = (name, value, title) => el('div', {}, el('dt', { text: name }), el('dd', { title }, value));

/** @param {Trace} trace @param {Observation | null} own */
function facts(trace, own) {
  const known = own ?? trace;
  const took = known.end === null ? null : known.end - known.start;
  const shown = [
    own && fact(word('model'), own.model ? logged(own.model) : word('none')),
    fact(word('start'), moment(known.start, 'long')),
    fact(word('duration'), duration(took)),
    own && own.firstToken !== null && fact(word('firstToken'), duration(own.firstToken - own.start)),
    fact(word('cost'), cost(known.cost), known.cost === null ? undefined : `$${known.cost}`),
  ];
  const status = own?.statusMessage ? el('div', { class: `status ${own.level.toLowerCase()}` }, text(own.statusMessage, 'prose')) : null;
  const usage = own ? tokens(own) : null;
  return el('div', { class: 'facts' }, el('dl', {}, ...shown), usage, status);
}

/** Every bucket, a part behind its whole, with its cost. @param {Observation} own */
function tokens(own) {
  const buckets = Object.keys({ ...own.usage, ...own.costDetails }).sort((one, other) => order(one) - order(other) || one.localeCompare(other));
  if (buckets.length === 0) return null;
  const head = el('tr', {}, el('th', { scope: 'col', text: word('bucket') }), el('th', { scope: 'col', text: word('tokens') }), el('th', { scope: 'col', text: word('cost') }));
  // A bucket may be called like something that every object has.
  const of = (/** @type {Record<string, number>} */ counts, /** @type {string} */ bucket) => (Object.hasOwn(counts, bucket) ? counts[bucket] : null);
  const lines = buckets.map((bucket) => el('tr', { class: bucket === 'total' ? 'total' : bucket.includes('_') ? 'share' : '' },
    el('th', { scope: 'row' }, logged(bucket)), el('td', { text: count(of(own.usage, bucket)) }), el('td', { text: cost(of(own.costDetails, bucket)) })));
  return el('table', { class: 'tokens' }, el('thead', {}, head), el('tbody', {}, ...lines));
}

/** @param {string} bucket */
const order = (bucket) => (bucket.startsWith('input') ? 0 : bucket.startsWith('output') ? 1 : bucket === 'total' ? 3 : 2);

/** @param {Trace | Observation} own */
function messages(own) {
  const notices = NOTICES.filter((key) => own.metadata[key]).map((key) =>
    el('p', { class: 'notice' }, el('strong', { text: key }), ' ', logged(own.metadata[key])));
  return [...notices, side('input', own.input, 'noInput'), side('output', own.output, 'noOutput')];
}

/** @param {'input' | 'output'} name @param {string | null} stored @param {string} none */
function side(name, stored, none) {
  const head = el('header', {}, el('h4', { text: word(name) }), stored !== null && copyButton(() => stored));
  return el('section', { class: `side ${name}` }, head, stored === null ? el('p', { class: 'quiet', text: word(none) }) : content(stored));
}

/** @param {Trace} trace @param {Observation | null} own */
function metadata(trace, own) {
  const known = /** @type {[string, Node | string | null][]} */ (own ? about(trace, own) : aboutTrace(trace)).filter(([, value]) => value !== null);
  const rows = Object.entries((own ?? trace).metadata);
  const stored = rows.length > 0 ? table([word('key'), word('value')], rows.map(([key, value]) => [logged(key), text(value, 'code')])) : null;
  const first = table([word('key'), word('value')], known.map(([key, value]) => [key, value ?? '']));
  return [first, el('h4', { text: word('tabMetadata') }), stored ?? el('p', { class: 'quiet', text: word('noMetadata') })];
}

/** @param {Trace} trace @param {Observation} own */
function about(trace, own) {
  const parameters = Object.keys(own.modelParameters).length > 0 ? text(JSON.stringify(own.modelParameters, null, 2), 'code') : null;
  return [
    ['trace id', code(trace.id)], ['id', code(own.id)], ['parent', own.parent === null ? word('none') : code(own.parent)],
    [word('start'), moment(own.start, 'long')], [word('end'), own.end === null ? null : moment(own.end, 'long')],
    [word('firstToken'), own.firstToken === null ? null : moment(own.firstToken, 'long')],
    [word('environment'), logged(own.environment)], [word('version'), own.version && logged(own.version)],
    [word('prompt'), own.prompt && logged(`${own.prompt.name} ${own.prompt.version ?? ''}`)], [word('parameters'), parameters],
  ];
}

/** @param {Trace} trace */
function aboutTrace(trace) {
  return [
    ['trace id', code(trace.id)], ['project', logged(trace.project)], [word('release'), trace.release && logged(trace.release)],
    [word('version'), trace.version && logged(trace.version)], [word('public'), trace.public ? word('yes') : null],
  ];
}

/** @param {string} id */
const code = (id) => el('code', {}, logged(id));

/** @param {string[]} heads @param {(Node | string)[][]} rows */
function table(heads, rows) {
  const head = el('tr', {}, ...heads.map((name) => el('th', { scope: 'col', text: name })));
  const lines = rows.map(([first, ...rest]) => el('tr', {}, el('th', { scope: 'row' }, first), ...rest.map((value) => el('td', {}, value))));
  return el('table', { class: 'pairs' }, el('thead', {}, head), el('tbody', {}, ...lines));
}

/** What was sent: fetched only when somebody looks. @param {HTMLElement} panel @param {Trace} trace @param {Observation} own */
async function sent(panel, trace, own) {
  panel.append(el('p', { class: 'quiet', text: word('loading') }));
  try {
    const source = await raw(trace, own);
    panel.replaceChildren(...(source === null ? [el('p', { class: 'quiet', text: word('noRaw') })] : source.api === 'otlp' ? otlp(source) : batch(source)));
  } catch {
    panel.replaceChildren(el('p', { class: 'quiet', text: word('failed') }));
  }
}

/** @param {import('./data.js').Otlp} source */
function otlp({ resource, scope, span }) {
  const { attributes: own, ...rest } = span;
  const { attributes: ofScope, ...named } = scope ?? {};
  return [
    el('header', { class: 'bare' }, el('h4', { text: word('attributes') }), copyButton(() => JSON.stringify({ resource, scope, span }, null, 2))),
    attributes(own), el('h4', { text: word('span') }), text(JSON.stringify(rest, null, 2), 'code'),
    el('h4', { text: word('resource') }), attributes(resource?.attributes),
    el('h4', { text: word('scope') }), text(JSON.stringify(named, null, 2), 'code'), ...(ofScope?.length ? [attributes(ofScope)] : []),
  ];
}

/** @param {unknown} given a list of OTLP key-value pairs */
function attributes(given) {
  const list = Array.isArray(given) ? given : [];
  if (list.length === 0) return el('p', { class: 'quiet', text: word('none') });
  const rows = list.map(({ key, value }) => {
    const [type, inner] = Object.entries(value ?? {})[0] ?? ['', ''];
    return [logged(key), el('code', { text: type.replace('Value', '') }), text(typeof inner === 'string' ? inner : JSON.stringify(inner, null, 2), 'code')];
  });
  return table([word('key'), word('type'), word('value')], rows);
}

/** @param {import('./data.js').Batch} source */
function batch({ events }) {
  return events.flatMap((event) => [
    el('header', { class: 'bare' }, el('h4', {}, `${word('event')} ${event.does} · `, moment(event.timestamp, 'long')), copyButton(() => JSON.stringify(event, null, 2))),
    text(JSON.stringify(event.body, null, 2), 'code'),
  ]);
}
