// Numbers and moments for people.

import { el } from './dom.js';
import { language, word } from './words.js';

const locale = () => (language() === 'zh' ? 'zh-CN' : 'en-GB');

/** @param {number | null | undefined} number */
export const count = (number) => (number === null || number === undefined ? '–' : new Intl.NumberFormat(locale()).format(number));

/**
 * US dollars, small ones with the digits that matter.
 * @param {number | null | undefined} dollars
 */
export function cost(dollars) {
  if (dollars === null || dollars === undefined) return '–';
  if (dollars === 0) return '$0';
  const digits = Math.abs(dollars) >= 1 ? { minimumFractionDigits: 2, maximumFractionDigits: 2 } : { maximumSignificantDigits: 3 };
  return `$${new Intl.NumberFormat(locale(), digits).format(dollars)}`;
}

/**
 * A length of time.
 * @param {number | null | undefined} ms milliseconds
 */
export function duration(ms) {
  if (ms === null || ms === undefined) return word('unknown');
  if (Math.abs(ms) < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(2)} s`;
  const seconds = Math.round(ms / 1000);
  return seconds < 3600
    ? `${Math.floor(seconds / 60)} min ${seconds % 60} s`
    : `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** @param {number} characters */
export function size(characters) {
  if (characters < 1000) return String(characters);
  return characters < 1_000_000 ? `${(characters / 1000).toFixed(1)} k` : `${(characters / 1_000_000).toFixed(1)} M`;
}

/** @param {number} number @param {number} [digits] */
const padded = (number, digits = 2) => String(number).padStart(digits, '0');

/**
 * A moment in the zone of this machine, from the largest unit to the smallest; UTC on hover.
 * @param {number | null | undefined} ms milliseconds since 1970
 * @param {'short' | 'long'} form short: without year and fraction
 */
export function moment(ms, form) {
  const date = new Date(ms ?? NaN);
  if (Number.isNaN(date.getTime())) return el('span', { text: word('unknown') });
  const day = `${padded(date.getMonth() + 1)}-${padded(date.getDate())}`;
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => padded(part)).join(':');
  const shown = form === 'short' ? `${day} ${clock}` : `${date.getFullYear()}-${day} ${clock}.${padded(date.getMilliseconds(), 3)}`;
  const utc = date.toISOString();
  return el('time', { datetime: utc, title: `${utc.replace('T', ' ').replace('Z', '')} UTC`, text: shown });
}
