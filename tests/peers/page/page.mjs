// The page of the Langfuse stand-in in a real browser.
//
//   node page.mjs PACKAGES CHROMIUM EMPTY OTLP MANY BATCH
//
// PACKAGES holds node_modules; the others are addresses of stand-ins of their own, BATCH one that takes the batch API.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

import { browser, focused, longestStop, noted, opened, pale, texts } from './browser.mjs';
import { check, equal, holds, run } from './checks.mjs';
import { HOSTILE, LONG, MESSAGES, PLAN, START, TRIP, hex, hostile, long, many, send, sendBatch, span, trip } from './spans.mjs';

const [packages, executable, empty, address, crowded, batch] = process.argv.slice(2);
const MANY = 5000;
/** No single stop of the page may be longer, milliseconds: on a machine that does other things beside. */
const PATIENCE = 1000;

const { launched, axe } = await browser(packages, executable);
const line = (page, name) => page.locator('.trace-line', { hasText: name });
const at = (hash) => `${address}/#trace/${hash}`;
const close = (page) => page.context().close();

async function ready(page, selector) {
  await page.locator(selector).first().waitFor();
  return page;
}

await send(address, trip());
await send(address, [span('d0'.repeat(16), 'd0'.repeat(8), null, 'plain', 0, 100, { '.type': 'generation', '.input': 'What is "{" for?', '.output': '{"a":{"b":[1,2]}}' })]);

check('an empty stand-in says what to do', async () => {
  const page = await ready(await opened(launched, empty), '#nothing:not([hidden])');
  equal(await texts(page, '#nothing p:first-child, #unopened p:first-child'), ['Nothing has arrived yet', 'Choose a trace']);
  equal(await page.locator('#list').isVisible(), false);
  await close(page);
});

check('the list shows what arrived, and what arrives while somebody looks', async () => {
  const page = await ready(await opened(launched, empty), '#nothing:not([hidden])');
  await send(empty, trip());
  await line(page, 'trip-planner').waitFor();
  equal(await texts(page, '.trace-line p'), ['trip-planner11-20 17:30:00', '下周去上海要带伞吗？', 'ERRORqwen-plusalice1,255 tok$0.0001318.00 s×5']);
  equal(await texts(page, '#count'), ['1 trace']);
  await send(empty, [span(hex(9), hex(9, 16), null, 'second', 0, 10)]);
  await line(page, 'second').waitFor();
  equal(await texts(page, '.trace-name'), ['second', 'trip-planner'], 'the newest is in front');
  await close(page);
});

check('search and level narrow the list', async () => {
  const page = await ready(await opened(launched, address), '.trace-line');
  equal(await texts(page, '.trace-name'), ['plain', 'trip-planner']);
  await page.fill('#search', 'USER:alice 伞');
  await page.waitForFunction(() => document.querySelectorAll('.trace-line').length === 1);
  equal(await texts(page, '#count'), ['1 of 2 traces']);
  await page.fill('#search', 'no such thing');
  await ready(page, '#nothing:not([hidden])');
  equal(await texts(page, '#nothing p:first-child'), ['No trace has all of that']);
  await page.fill('#search', '');
  await page.selectOption('#level', 'error');
  await page.waitForFunction(() => document.querySelectorAll('.trace-line').length === 1);
  equal(await texts(page, '.trace-name'), ['trip-planner']);
  await close(page);
});

check('a trace is a tree with a time line', async () => {
  const page = await ready(await opened(launched, address), '.trace-line');
  await line(page, 'trip-planner').click();
  await ready(page, '.node');
  const nodes = await page.locator('.node').evaluateAll((all) => all.map((one) => [one.getAttribute('aria-level'), one.querySelector('.grow').textContent, one.getAttribute('aria-expanded')]));
  equal(nodes, [['1', 'trip-planner', 'true'], ['2', 'trip-planner', 'true'], ['3', 'plan', null], ['3', 'get_forecast', 'true'], ['4', 'http get', null], ['3', 'answer', null]]);
  const bars = await page.locator('.node .bar-of').evaluateAll((all) => all.map((one) => [parseFloat(one.style.left), parseFloat(one.style.width)]));
  equal(bars, [[0, 100], [0, 100], [12.5, 25], [37.5, 12.5], [40, 5], [50, 50]]);
  equal(await page.locator('.first-token').evaluateAll((all) => all.map((one) => one.style.left)), ['18.75%']);
  equal(await texts(page, '.axis span'), ['0 ms', '2.00 s', '4.00 s', '6.00 s', '8.00 s']);
  equal(await texts(page, '.node .level'), ['ERROR']);
  equal(await texts(page, '.chip'), ['User alice', 'Session sess-42', '# vip', 'Environment default', '2026-11-20 17:30:00.000', '5 observations', 'Tokens 1,200 → 55 = 1,255', 'Cost $0.000131']);
  equal(await page.locator('.chip time').getAttribute('title'), '2026-11-20 09:30:00.000 UTC');
  await close(page);
});

check('tokens, cost and times of an observation are there in full', async () => {
  const page = await ready(await opened(launched, at(`${TRIP}/${PLAN}`)), '.tokens');
  equal(await texts(page, '.tokens tbody tr'), ['input176$0.000021', 'input_cached_tokens1,024–', 'output15$0.00011', 'output_reasoning_tokens40–', 'total1,255$0.000131']);
  equal(await texts(page, '.facts dd'), ['qwen-plus', '2026-11-20 17:30:01.000', '2.00 s', '500 ms', '$0.000131']);
  await page.locator('.node', { hasText: 'answer' }).click();
  await page.waitForFunction(() => document.querySelector('.status')?.textContent === 'HTTP 429');
  equal(await texts(page, '.heading'), ['GENERATIONanswerERROR']);
  await close(page);
});

check('input and output are a chat', async () => {
  const page = await ready(await opened(launched, at(`${TRIP}/${PLAN}`)), '.message');
  equal(await texts(page, '.input .message'), ['systemYou plan trips.', '' + 'user下周去上海要带伞吗？Image, not loadedimage/png, 3022 B', 'assistantcallsget_forecastcall_1{ "city": "上海" }', 'toolresultcall_1{ "rain": 0.8 }']);
  equal(await texts(page, '.output .message'), ['assistantReasoningRain is likely.Take one… [cut by sls-to-langfuse]']);
  equal(await texts(page, 'mark.cut'), ['… [cut by sls-to-langfuse]']);
  equal(await texts(page, '.notice'), ['gw_truncated output: cut here, 8 of 90 bytes sent']);
  equal(await page.locator('img, iframe, video, audio').count(), 0);
  await page.goto(at(TRIP));
  await ready(page, 'details.extra');
  equal(await texts(page, '.extra'), ['tools 1', 'temperature 0.2']);
  await page.locator('details.extra').click();
  await page.waitForFunction(() => document.querySelector('details.extra').textContent.includes('"get_forecast"'));
  await page.goto(at('d0'.repeat(16)));
  await page.waitForFunction(() => document.querySelector('.trace h2')?.textContent === 'plain');
  equal(await texts(page, '.side .text'), ['What is "{" for?', '{ "a": { "b": [ 1, 2 ] } }']);
  equal(await page.locator('.message').count(), 0);
  await close(page);
});

check('metadata, and what was sent as it was sent', async () => {
  const page = await ready(await opened(launched, at(`${TRIP}/${PLAN}`)), '.message');
  await page.getByRole('tab', { name: 'Metadata' }).click();
  await ready(page, '.pairs');
  const rows = await texts(page, '.pairs tbody tr');
  for (const row of [`trace id${TRIP}`, `id${PLAN}`, `parent${'01'.repeat(8)}`, 'request_idr-1', 'resourceAttributes.service.namegateway']) holds(rows.includes(row), `${row} in ${rows}`);
  await page.getByRole('tab', { name: 'As sent' }).click();
  await page.waitForFunction(() => document.querySelector('.pairs tbody tr td code'));
  const sent = await page.locator('.pairs').first().locator('tbody tr').evaluateAll((all) => all.map((one) => [...one.children].map((cell) => cell.textContent)));
  equal(sent.find(([key]) => key === 'flag'), ['flag', 'bool', 'true']);
  equal(sent.find(([key]) => key === 'number'), ['number', 'int', '7']);
  equal(sent.find(([key]) => key === 'langfuse.observation.input'), ['langfuse.observation.input', 'string', `${JSON.stringify(MESSAGES).slice(0, 2000)}Show all (3.4 k)`], 'folded');
  await close(page);
});

check('the batch API is shown with its events', async () => {
  await sendBatch(batch, [
    ['trace-create', { id: 't', name: 'batch trace', userId: 'bob', input: 'in' }],
    ['generation-create', { id: 'g', traceId: 't', name: 'gen', startTime: new Date(START).toISOString(), model: 'm', input: { a: 1 } }],
  ]);
  const page = await ready(await opened(launched, `${batch}/#trace/t`), '.node');
  equal(await texts(page, '.node .grow'), ['batch trace', 'gen']);
  await page.keyboard.press('3');
  await page.waitForFunction(() => document.querySelector('.panel .text.code')?.textContent.includes('"traceId": "t"'));
  await close(page);
});

check('the keyboard reaches everything', async () => {
  const page = await ready(await opened(launched, address), '.trace-line');
  await page.keyboard.press('j');
  equal([await focused(page), await page.getAttribute('#list', 'aria-activedescendant')], ['#list', 'trace-line-1']);
  for (const [key, active] of [['k', 0], ['ArrowDown', 1], ['ArrowUp', 0], ['G', 1], ['g', 0], ['End', 1]]) {
    await page.keyboard.press(key);
    equal(await page.getAttribute('#list', 'aria-activedescendant'), `trace-line-${active}`, key);
  }
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.activeElement.id === 'tree');
  const node = () => page.locator('.node[aria-selected=true] .grow').textContent();
  equal(await page.locator('.node[aria-selected=true]').getAttribute('aria-level'), '2');
  await page.keyboard.press('ArrowLeft');
  equal(await page.locator('.node').count(), 2, 'folded');
  await page.keyboard.press('ArrowRight');
  equal(await page.locator('.node').count(), 6, 'unfolded');
  await page.keyboard.press('j');
  await page.waitForFunction(() => document.querySelector('.heading h3')?.textContent === 'plan');
  equal([await node(), new URL(page.url()).hash], ['plan', `#trace/${TRIP}/${PLAN}`]);
  await page.keyboard.press('Enter');
  equal(await focused(page), '#panel');
  for (const [key, tab] of [['2', 'tab-metadata'], ['3', 'tab-raw'], ['1', 'tab-messages']]) {
    await page.keyboard.press(key);
    await page.waitForFunction((id) => document.querySelector(`#${id}`)?.getAttribute('aria-selected') === 'true', tab);
  }
  await page.locator('#tab-messages').focus();
  await page.keyboard.press('ArrowRight');
  equal(await focused(page), '#tab-metadata');
  await page.keyboard.press('Escape');
  equal(await focused(page), '#tree');
  await page.keyboard.press('Escape');
  equal(await focused(page), '#list');
  await page.keyboard.press('/');
  equal(await focused(page), '#search');
  await page.keyboard.type('name:plain');
  await page.waitForFunction(() => document.querySelectorAll('.trace-line').length === 1);
  await page.keyboard.press('Enter');
  equal(await focused(page), '#list');
  await page.keyboard.press('/');
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => document.querySelectorAll('.trace-line').length === 2);
  await page.keyboard.press('Escape');
  equal(await focused(page), '#list');
  await page.keyboard.press('?');
  equal(await page.locator('dialog#keys').isVisible(), true);
  await page.keyboard.press('Escape');
  equal([await page.locator('dialog#keys').isVisible(), await focused(page)], [false, '#list']);
  await page.keyboard.press('e');
  equal(await page.getAttribute('html', 'lang'), 'zh-CN');
  await page.keyboard.press('t');
  equal(await page.getAttribute('html', 'data-theme'), 'light');
  await close(page);
});

check('whatever has the focus shows it', async () => {
  const page = await ready(await opened(launched, at(`${TRIP}/${PLAN}`)), '.message');
  const seen = new Set();
  for (let step = 0; step < 25; step += 1) {
    await page.keyboard.press('Tab');
    const [name, visible] = await page.evaluate(() => {
      const at = document.activeElement;
      const own = getComputedStyle(at);
      const active = at.querySelector('.active');
      const ring = own.outlineStyle !== 'none' && parseFloat(own.outlineWidth) >= 2;
      return [at.id || at.className || at.tagName, ring || (active !== null && getComputedStyle(active).boxShadow !== 'none') || at === document.body];
    });
    holds(visible, `${name} has the focus and does not show it`);
    seen.add(name);
  }
  for (const name of ['language', 'theme', 'help', 'search', 'level', 'list', 'tree', 'tab-messages', 'panel', 'small']) holds(seen.has(name), `Tab reaches ${name}: ${[...seen]}`);
  await close(page);
});

check('both languages, by the browser and by choice', async () => {
  const words = '[data-word], .bar button, .count, option, .side h4, .role, .facts dt, .tokens thead th, .tabs button, .medium span:first-child, summary, .nothing:not([hidden]) p';
  const inEnglish = await ready(await opened(launched, at(`${TRIP}/${PLAN}`)), '.message');
  const english = await texts(inEnglish, words);
  const page = await ready(await opened(launched, at(`${TRIP}/${PLAN}`), { locale: 'zh-CN' }), '.message');
  const chinese = await texts(page, words);
  equal(await page.getAttribute('html', 'lang'), 'zh-CN');
  equal(chinese.length, english.length);
  const same = chinese.filter((text, index) => text === english[index] && !['Trace', '?', ''].includes(text));
  equal(same, [], 'words that are the same in both');
  for (const text of ['模型', '费用', '消息', '元数据', '原始数据', '输入', '输出', '助手', '推理过程', '图片（未加载）']) holds(chinese.includes(text), `${text} in ${chinese}`);
  equal(await page.getAttribute('#search', 'placeholder'), '搜索，或 user: model: tag:');
  await page.click('#language');
  equal([await texts(page, words), await page.getAttribute('html', 'lang')], [english, 'en']);
  await page.reload();
  await ready(page, '.message');
  equal(await texts(page, words), english, 'the choice is remembered');
  await close(inEnglish);
  await close(page);
});

check('light and dark, by the system and by choice, every text with a contrast of 4.5', async () => {
  const ground = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  for (const [colorScheme, colour, other] of [['light', 'rgb(246, 247, 249)', 'rgb(20, 22, 27)'], ['dark', 'rgb(20, 22, 27)', 'rgb(246, 247, 249)']]) {
    const page = await ready(await opened(launched, at(`${TRIP}/${PLAN}`), { colorScheme }), '.message');
    equal(await ground(page), colour);
    for (const key of ['1', '2', '3', '?']) {
      await page.keyboard.press(key);
      await page.waitForTimeout(150);
      equal(await pale(page), [], `${colorScheme}, after ${key}`);
    }
    await page.keyboard.press('Escape');
    await page.locator('.node', { hasText: 'answer' }).click();
    await page.waitForFunction(() => document.querySelector('.status'));
    equal(await pale(page), [], colorScheme);
    await page.click('#theme');
    if (colorScheme === 'light') await page.click('#theme');
    await page.mouse.move(0, 0);
    await page.waitForTimeout(200);
    equal(await ground(page), other);
    equal(await pale(page), [], `${colorScheme}, the other by choice`);
    await page.reload();
    await ready(page, '.message, .side');
    equal(await ground(page), other, 'the choice is remembered');
    await close(page);
  }
});

check('hostile texts are texts', async () => {
  await send(address, hostile());
  const page = await ready(await opened(launched, address), '.trace-line');
  const before = await page.evaluate(() => [document.scripts.length, document.styleSheets.length, document.images.length]);
  for (const [index, text] of HOSTILE.entries()) {
    await page.goto(at(hex(0xbad00 + index)));
    await page.waitForFunction((id) => document.querySelector('.trace-head .id')?.textContent === id, hex(0xbad00 + index));
    for (const key of ['1', 'a', '2', '3', 'a']) {
      await page.keyboard.press(key);
      await page.waitForTimeout(40);
    }
    await page.waitForFunction(() => document.querySelectorAll('.panel .pairs').length > 0);
    if (!/[\u0007\u202e]/.test(text)) {
      equal(await page.locator('.trace h2').textContent(), text);
      equal((await texts(page, '.tokens tbody tr'))[0], `${text}1–`);
      holds((await texts(page, '.panel th')).includes(text), `${text} as it was sent`);
    }
  }
  equal(await page.evaluate(() => [document.scripts.length, document.styleSheets.length, document.images.length]), before);
  equal(await page.evaluate(() => window.reached ?? null), null);
  const steering = await page.evaluate(() => /[\u202a-\u202e\u2066-\u2069\u0000-\u0008]/.test(document.body.textContent));
  equal(steering, false, 'no override of direction reaches the page');
  await close(page);
});

check('5,000 traces do not stop the page', async () => {
  await many(crowded, MANY);
  const begun = Date.now();
  const page = await ready(await opened(launched, crowded), '.trace-line');
  const loaded = Date.now() - begun;
  equal(await texts(page, '#count'), ['5,000 traces']);
  const scrolled = await longestStop(page, async () => {
    for (let step = 0; step < 40; step += 1) {
      await page.evaluate((top) => { document.querySelector('#list').scrollTop = top; }, step * 9000);
      await page.waitForTimeout(15);
    }
  });
  await page.locator('#list').focus();
  await page.keyboard.press('End');
  await line(page, 'chat 0').waitFor();
  equal(await page.getAttribute('.trace-line.active', 'aria-posinset'), '5000');
  holds((await page.locator('.trace-line').count()) < 40, 'only the rows in sight exist');
  const searching = Date.now();
  await page.fill('#search', 'question 4321');
  await page.waitForFunction(() => document.querySelectorAll('.trace-line').length === 1);
  const searched = Date.now() - searching;
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('.trace h2')?.textContent === 'chat 4321');
  console.log(`        first rows after ${loaded} ms, longest stop while scrolling ${scrolled} ms, search ${searched} ms`);
  holds(scrolled < PATIENCE && searched < 3 * PATIENCE && loaded < 5 * PATIENCE, 'too slow');
  await close(page);
});

check('a trace of 5,000 observations does not stop the page', async () => {
  const id = 'e0'.repeat(16);
  for (let from = 0; from < MANY; from += 500) {
    await send(crowded, Array.from({ length: 500 }, (_, index) => span(id, hex(from + index + 1, 16), from + index ? hex(Math.ceil((from + index) / 2), 16) : null, `step ${from + index}`, from + index, from + index + 50)));
  }
  const page = await opened(launched, crowded);
  await ready(page, '.trace-line');
  const stop = await longestStop(page, async () => {
    await page.evaluate((hash) => { location.hash = hash; }, `#trace/${id}`);
    await page.locator('.node').first().waitFor();
    await page.keyboard.press('End');
    await page.waitForFunction(() => document.querySelector('.node.active')?.getAttribute('aria-selected') === 'true');
  });
  holds((await page.locator('.node').count()) < 40, 'only the rows in sight exist');
  console.log(`        longest stop ${stop} ms`);
  holds(stop < PATIENCE, `the page stopped for ${stop} ms`);
  await close(page);
});

check('a text of a megabyte is folded, and shown whole when asked for', async () => {
  await send(address, long());
  const page = await opened(launched, address);
  await ready(page, '.trace-line');
  const opening = await longestStop(page, async () => {
    await page.evaluate((hash) => { location.hash = hash; }, `#trace/${LONG}`);
    await ready(page, '.input .more');
  });
  equal((await page.locator('.input .text').textContent()).length, 2000);
  equal(await texts(page, '.more'), ['Show all (1.0 M)', 'Show all (333.3 k)']);
  const unfolding = await longestStop(page, () => page.keyboard.press('a'));
  equal((await page.locator('.input .text').textContent()).length, 1_000_000);
  equal((await page.locator('.output .text').textContent()).length, 333_333);
  equal(await texts(page, '.more'), ['Show less', 'Show less']);
  console.log(`        longest stop when opened ${opening} ms, when shown whole ${unfolding} ms`);
  holds(opening < PATIENCE && unfolding < PATIENCE, 'too slow');
  await close(page);
});

check('whoever reads is not disturbed by what arrives', async () => {
  const page = await ready(await opened(launched, at(LONG)), '.input .more');
  await page.keyboard.press('a');
  await page.evaluate(() => { document.querySelector('#trace').scrollTop = 900; });
  await send(address, [span(hex(77), hex(77, 16), null, 'later', 0, 10)]);
  await line(page, 'later').waitFor();
  await page.waitForTimeout(300);
  equal(await page.evaluate(() => document.querySelector('#trace').scrollTop), 900);
  equal(await texts(page, '.more'), ['Show less', 'Show less']);
  await send(address, [span(LONG, hex(78, 16), 'c0'.repeat(8), 'child', 100, 200)]);
  await page.locator('.node', { hasText: 'child' }).waitFor();
  await close(page);
});

check('an address names a trace and an observation, and says so if they are gone', async () => {
  const page = await ready(await opened(launched, at(`${TRIP}/${'03'.repeat(8)}`), { quiet: true }), '.heading');
  equal(await texts(page, '.heading h3'), ['get_forecast']);
  await line(page, 'plain').click();
  await page.waitForFunction(() => document.querySelector('.trace h2')?.textContent === 'plain');
  await page.goBack();
  await page.waitForFunction(() => document.querySelector('.trace h2')?.textContent === 'trip-planner');
  await page.goto(at('nobody'));
  await page.waitForFunction(() => document.querySelector('#unopened p')?.textContent === 'This trace is not here');
  await page.goto(at('%E0%A4%A'));
  await page.waitForFunction(() => document.querySelector('#unopened p')?.textContent === 'This trace is not here');
  await close(page);
});

check('a narrow window shows one pane at a time', async () => {
  const page = await ready(await opened(launched, address, { viewport: { width: 400, height: 700 } }), '.trace-line');
  equal(await page.locator('#detail').isVisible(), false);
  await page.locator('.trace-line').first().click();
  await ready(page, '.node');
  equal(await page.locator('#list').isVisible(), false);
  holds(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'nothing is wider than the window');
  await page.click('.back');
  equal([await page.locator('#list').isVisible(), await focused(page)], [true, '#list']);
  await close(page);
});

check('a half window keeps kind and duration of every node, and a telephone keeps the bar in one row', async () => {
  const half = await ready(await opened(launched, at(TRIP), { viewport: { width: 640, height: 400 } }), '.node .kind');
  equal(await half.locator('.node .kind').evaluateAll((all) => all.every((one) => one.checkVisibility())), true);
  await close(half);
  for (const locale of ['en-US', 'zh-CN']) {
    const page = await ready(await opened(launched, at(TRIP), { viewport: { width: 375, height: 740 }, locale }), '.node');
    const tops = await page.locator('.bar > :is(h1, button:not([hidden]))').evaluateAll((all) => all.map((one) => one.getBoundingClientRect().top));
    holds(Math.max(...tops) - Math.min(...tops) < 20, `the bar is one row: ${tops}`);
    await close(page);
  }
});

check('where the system chooses the colours, bars and what is chosen are still seen', async () => {
  const page = await ready(await opened(launched, at(`${TRIP}/${PLAN}`), { forcedColors: 'active' }), '.node[aria-selected=true]');
  const style = (selector, name) => page.locator(selector).first().evaluate((one, key) => getComputedStyle(one)[key], name);
  equal((await style('.node .bar-of', 'backgroundColor')) === (await style('body', 'backgroundColor')), false);
  equal(await style('.node[aria-selected=true]', 'outlineStyle'), 'solid');
  equal(await style('.node[aria-selected=false]', 'outlineStyle'), 'none');
  const under = (chosen) => style(`.tabs [aria-selected=${chosen}]`, 'borderBottomColor');
  equal((await under(true)) === (await under(false)), false);
  await close(page);
});

check('tokens that nobody counted are not nought', async () => {
  const page = await ready(await opened(launched, at('d0'.repeat(16))), '.chip');
  equal((await texts(page, '.chip')).slice(-2), ['Tokens –', 'Cost –']);
  await close(page);
});

check('everything that is pressed is at least 24 pixels high and wide', async () => {
  for (const viewport of [{ width: 1280, height: 800 }, { width: 375, height: 740 }]) {
    const page = await ready(await opened(launched, at(`${TRIP}/${PLAN}`), { viewport }), '.message');
    const seen = new Set();
    for (const key of ['1', '2', '3', '?']) {
      await page.keyboard.press(key);
      await page.waitForTimeout(200);
      const targets = await page.locator('button, summary, select, input, [role=tab], [role=treeitem], .trace-line').evaluateAll((all) =>
        all.filter((one) => one.checkVisibility()).map((one) => [one.className || one.id || one.tagName, one.getBoundingClientRect()])
          .map(([name, { width, height }]) => [name, width, height]));
      targets.forEach(([name]) => seen.add(name));
      equal(targets.filter(([, width, height]) => width < 24 || height < 24), [], `${viewport.width} after ${key}`);
    }
    holds(seen.has('small'), `the small buttons were among them: ${[...seen]}`);
    await close(page);
  }
});

check('no serious violation of the rules for accessibility', async () => {
  const source = readFileSync(axe, 'utf8');
  const violations = async (page) => {
    await page.evaluate(source);
    const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    return found.violations.filter(({ impact }) => ['serious', 'critical'].includes(impact)).map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 160))]);
  };
  for (const options of [{ colorScheme: 'light' }, { colorScheme: 'dark', locale: 'zh-CN' }, { viewport: { width: 400, height: 700 } }]) {
    const page = await ready(await opened(launched, at(`${TRIP}/${PLAN}`), options), '.message');
    for (const key of ['1', '2', '3', '?']) {
      await page.keyboard.press(key);
      await page.waitForTimeout(200);
      equal(await violations(page), [], `${JSON.stringify(options)} after ${key}`);
    }
    await close(page);
  }
  const page = await ready(await opened(launched, address), '.trace-line');
  equal(await violations(page), [], 'the list alone');
  await close(page);
});

check('no other site can read, frame or run any of it', async () => {
  const pages = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end('<!DOCTYPE html><title>elsewhere</title>'));
  await new Promise((listens) => pages.listen(0, '127.0.0.1', listens));
  const page = await opened(launched, `http://127.0.0.1:${pages.address().port}/`, { quiet: true });
  const tried = await page.evaluate(async (there) => {
    const read = await fetch(`${there}/_local/traces`).then((answer) => answer.text(), () => 'refused');
    const blind = await fetch(`${there}/_local/traces`, { mode: 'no-cors' }).then((answer) => answer.type, () => 'refused');
    const run = (path) => new Promise((told) => {
      const script = Object.assign(document.createElement('script'), { src: `${there}${path}`, type: 'text/javascript' });
      script.onload = () => told('loaded');
      script.onerror = () => told('refused');
      document.head.append(script);
    });
    const frame = document.createElement('iframe');
    const framed = await new Promise((told) => {
      frame.onload = () => told(frame.contentDocument === null ? 'not readable' : 'readable');
      frame.src = `${there}/`;
      document.body.append(frame);
    });
    return [read, blind, await run('/_local/page/words.js'), await run('/_local/traces'), framed];
  }, address);
  equal(tried, ['refused', 'refused', 'refused', 'refused', 'not readable']);
  const inside = await page.frames()[1].evaluate(() => document.body?.dataset.page ?? null).catch(() => null);
  equal(inside, null, 'the frame shows no page');
  await close(page);
  pages.close();
});

check('nothing was asked for elsewhere, and the console stayed silent', async () => equal(noted, []));

await run();
await launched.close();
