// A headless Chromium that sees nothing but this machine, and a note of everything that must not happen in it.

import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** What happened in any page that must not: requests elsewhere, errors, dialogs, refusals by the policy. */
export const noted = [];

/**
 * @param {string} packages folder with `node_modules`
 * @param {string} executable of the browser
 */
export async function browser(packages, executable) {
  const require = createRequire(resolve(packages, 'package.json'));
  const launched = await require('playwright-core').chromium.launch({ executablePath: executable, args: FLAGS });
  const axe = require.resolve('axe-core/axe.min.js');
  return { launched, axe };
}

/** A new page in a profile of its own; `quiet` for one in which errors are expected. */
export async function opened(launched, address, { quiet = false, ...options } = {}) {
  const wide = { viewport: { width: 1280, height: 800 }, locale: 'en-US', colorScheme: 'light', timezoneId: 'Asia/Shanghai', bypassCSP: false };
  const context = await launched.newContext({ ...wide, ...options });
  const page = await context.newPage();
  context.on('request', (request) => /^(http:\/\/127\.0\.0\.1:|data:)/.test(request.url()) || noted.push(`request to ${request.url()}`));
  page.on('dialog', (dialog) => { noted.push(`dialog ${dialog.message()}`); dialog.dismiss(); });
  if (!quiet) {
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && noted.push(`${message.type()} ${message.text()}`));
    page.on('pageerror', (error) => noted.push(`error ${error.stack}`));
  }
  await page.goto(address);
  return page;
}

/** Text of every element that matches, white space joined. */
export const texts = (page, selector) => page.locator(selector).evaluateAll((all) => all.map((one) => one.textContent.replace(/\s+/g, ' ').trim()));

/** Where the keys go, as `tag#id` or `tag.class`. */
export const focused = (page) => page.evaluate(() => {
  const at = document.activeElement;
  return at.id ? `#${at.id}` : `${at.tagName.toLowerCase()}${at.className ? `.${String(at.className).split(' ')[0]}` : ''}`;
});

/** Every text in sight whose contrast with what it stands on is below 4.5, with its contrast. */
export const pale = (page) => page.evaluate(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => {
    const [red, green, blue] = colour.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour.slice(0, 3);
      if (colour[3] !== 0) throw new Error(`a half transparent background on ${at.className}`);
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const element = text.parentElement;
    if (!text.data.trim() || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) || element.closest('.unseen, option')) continue;
    const pair = [light(rgba(getComputedStyle(element).color).slice(0, 3)), light(ground(element))].sort((one, other) => other - one);
    const contrast = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (contrast < 4.5) found.push(`${contrast.toFixed(2)} ${element.className || element.tagName}: ${text.data.trim().slice(0, 30)}`);
  }
  return found;
});

/** The longest time, in milliseconds, in which the page showed no new frame while `act` ran. */
export async function longestStop(page, act) {
  await page.evaluate(() => {
    window.stops = { longest: 0, last: performance.now(), on: true };
    const frame = (now) => {
      window.stops.longest = Math.max(window.stops.longest, now - window.stops.last);
      window.stops.last = now;
      if (window.stops.on) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  await act();
  return page.evaluate(() => new Promise((told) => setTimeout(() => { window.stops.on = false; told(Math.round(window.stops.longest)); }, 200)));
}
