// What the checks of the page send to a stand-in: OTLP as JSON, and events of the batch API. The texts are as bad as texts get.

export const KEYS = `Basic ${Buffer.from('pk-lf-emulator:sk-lf-emulator').toString('base64')}`;

/** 2026-11-20T09:30:00Z */
export const START = Date.UTC(2026, 10, 20, 9, 30, 0);

const nanos = (ms) => `${ms}000000`;
const value = (given) => (typeof given === 'string' ? { stringValue: given } : given);

/** An attribute list from an object; names that begin with a dot are those of an observation. */
const attributes = (given) =>
  Object.entries(given).map(([key, text]) => ({ key: key.startsWith('.') ? `langfuse.observation${key}` : key, value: value(text) }));

/** A span, `from` and `to` in milliseconds after START. */
export const span = (traceId, spanId, parentSpanId, name, from, to, given = {}) => ({
  traceId, spanId, ...(parentSpanId && { parentSpanId }), name,
  startTimeUnixNano: nanos(START + from), endTimeUnixNano: nanos(START + to), attributes: attributes(given),
});

async function post(address, path, body) {
  const headers = { authorization: KEYS, 'content-type': 'application/json', 'x-langfuse-ingestion-version': '4' };
  const answer = await fetch(address + path, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
}

export function send(address, spans) {
  const resource = { attributes: attributes({ 'service.name': 'gateway' }) };
  return post(address, '/api/public/otel/v1/traces', { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'checks', version: '1' }, spans }] }] });
}

export const sendBatch = (address, events) =>
  post(address, '/api/public/ingestion', { batch: events.map(([type, body], at) => ({ id: `e-${at}`, type, timestamp: new Date(START).toISOString(), body })) });

export const hex = (number, length = 32) => number.toString(16).padStart(length, '0');

export const TRIP = 'a1'.repeat(16);
export const PLAN = '02'.repeat(8);
export const MESSAGES = [
  { role: 'system', content: 'You plan trips.' },
  { role: 'user', content: [{ type: 'text', text: '下周去上海要带伞吗？' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(3000)}` } }] },
  { role: 'assistant', content: null, tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'get_forecast', arguments: '{"city":"上海"}' } }] },
  { role: 'tool', tool_call_id: 'call_1', content: '{"rain":0.8}' },
];

/** An agent with two model calls and a tool below it, and a span below the tool. */
export const trip = () => [
  span(TRIP, '01'.repeat(8), null, 'trip-planner', 0, 8000, {
    '.type': 'agent', 'user.id': 'alice', 'session.id': 'sess-42', 'langfuse.trace.tags': { arrayValue: { values: [{ stringValue: 'vip' }] } },
    'langfuse.trace.name': 'trip-planner', '.input': JSON.stringify({ messages: MESSAGES.slice(0, 2), tools: [{ name: 'get_forecast' }], temperature: 0.2 }),
  }),
  span(TRIP, PLAN, '01'.repeat(8), 'plan', 1000, 3000, {
    '.type': 'generation', '.model.name': 'qwen-plus', '.completion_start_time': new Date(START + 1500).toISOString(),
    '.usage_details': '{"input":176,"input_cached_tokens":1024,"output":15,"output_reasoning_tokens":40,"total":1255}',
    '.cost_details': '{"input":0.000021,"output":0.00011,"total":0.000131}',
    '.input': JSON.stringify(MESSAGES),
    '.output': JSON.stringify({ role: 'assistant', content: 'Take one… [cut by sls-to-langfuse]', thinking: [{ type: 'thinking', content: 'Rain is likely.' }] }),
    '.metadata.gw_truncated': 'output: cut here, 8 of 90 bytes sent', '.metadata.request_id': 'r-1', flag: { boolValue: true }, number: { intValue: '7' },
  }),
  span(TRIP, '03'.repeat(8), '01'.repeat(8), 'get_forecast', 3000, 4000, { '.type': 'tool', '.input': '{"city":"上海"}', '.output': 'plain text' }),
  span(TRIP, '04'.repeat(8), '03'.repeat(8), 'http get', 3200, 3600, { '.type': 'span' }),
  span(TRIP, '05'.repeat(8), '01'.repeat(8), 'answer', 4000, 8000, { '.type': 'generation', '.level': 'ERROR', '.status_message': 'HTTP 429' }),
];

/** Texts that try to become markup, script, another direction, or another page. Each tries to set `window.reached`. */
export const HOSTILE = [
  '<script>window.reached=1</script>', '</script><script>window.reached=2</script>', '<img src=x onerror="window.reached=3">',
  '"><svg onload=window.reached=4>', "javascript:window.reached=5", '{{constructor.constructor("window.reached=6")()}}',
  'a\u202edcba\u2066x\u0007y', '<iframe srcdoc="<script>parent.reached=7</script>">', '</style><style>*{display:none}</style>', '__proto__', 'constructor', 'toString',
];

/** Every text that is shown anywhere is one of the hostile ones. */
export const hostile = () => HOSTILE.map((text, at) => span(hex(0xbad00 + at), hex(0xbad00 + at, 16), null, text, at, at + 50, {
  '.type': 'generation', '.model.name': text, 'user.id': text, 'session.id': text, 'langfuse.trace.tags': { arrayValue: { values: [{ stringValue: text }] } },
  'langfuse.trace.name': text, '.level': 'WARNING', '.status_message': text, [`.metadata.${text}`]: text, [text]: text,
  '.usage_details': JSON.stringify({ [text]: 1, total: 1 }), '.model.parameters': JSON.stringify({ [text]: text }),
  '.input': JSON.stringify([{ role: text, name: text, content: [{ type: text, text }, { type: 'image_url', image_url: { url: text } }, { type: 'text', text }] },
    { role: 'tool', tool_call_id: text, content: text }]),
  '.output': JSON.stringify({ role: 'assistant', content: text, tool_calls: [{ id: text, function: { name: text, arguments: text } }], thinking: text }),
}));

export const LONG = 'c0'.repeat(16);

/** A megabyte in, of words; a megabyte out, without a place to break. */
export const long = () => [span(LONG, 'c0'.repeat(8), null, 'long', 0, 60000, { '.type': 'generation', '.input': 'word '.repeat(200000), '.output': '好'.repeat(333333) })];

/** So many traces of one observation, the newest with the highest number. */
export async function many(address, count) {
  const one = (at) => span(hex(at + 1), hex(at + 1, 16), null, `chat ${at}`, at * 1000, at * 1000 + 700, {
    '.type': 'generation', '.model.name': 'qwen-plus', 'user.id': `user-${at % 17}`, '.input': JSON.stringify([{ role: 'user', content: `question ${at}` }]),
    '.usage_details': '{"input":10,"output":5,"total":15}',
  });
  for (let from = 0; from < count; from += 500) await send(address, Array.from({ length: Math.min(500, count - from) }, (_, at) => one(from + at)));
}
