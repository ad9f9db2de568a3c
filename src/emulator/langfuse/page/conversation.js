// Input and output as a conversation: which shapes of JSON are one, and what their messages say. Pure: texts in, plain data out.
//
// Read are the shapes of OpenAI (chat and responses), Anthropic, Gemini and Qwen, as gateways log them. Anything else stays JSON or text.

/**
 * @typedef {{kind: 'text', text: string}} TextPart
 * @typedef {{kind: 'reasoning', text: string}} ReasoningPart
 * @typedef {{kind: 'image' | 'audio' | 'file', about: string}} MediaPart
 * @typedef {{kind: 'toolCall', name: string, id: string, text: string}} ToolCallPart
 * @typedef {{kind: 'toolResult', name: string, id: string, text: string}} ToolResultPart
 * @typedef {{kind: 'json', value: unknown}} JsonPart
 * @typedef {TextPart | ReasoningPart | MediaPart | ToolCallPart | ToolResultPart | JsonPart} Part
 * @typedef {{role: string, name: string, parts: Part[]}} Message
 * @typedef {{kind: 'chat', messages: Message[], beside: [string, unknown][]}} Chat
 * @typedef {Chat | {kind: 'json', value: unknown} | {kind: 'text', text: string}} Content
 */

/** A table that has what stands in it and nothing that objects have by nature. @template T @param {Record<string, T>} entries */
const table = (entries) => new Map(Object.entries(entries));

/** @param {unknown} value @returns {value is Record<string, any>} */
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** @param {unknown} value */
const asText = (value) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2) ?? '');

/** @param {unknown} value JSON inside a text, laid out; any other text as it is */
function laidOut(value) {
  if (typeof value !== 'string') return asText(value);
  const parsed = parsedJson(value);
  return parsed === undefined || typeof parsed !== 'object' ? value : asText(parsed);
}

/** @param {string} text */
function parsedJson(text) {
  if (!/^\s*[[{"]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * What a stored input or output is.
 * @param {string} text
 * @returns {Content}
 */
export function read(text) {
  const value = parsedJson(text);
  if (value === undefined) return { kind: 'text', text };
  if (typeof value === 'string') return { kind: 'text', text: value };
  return chat(value) ?? { kind: 'json', value };
}

/** @param {unknown} value @returns {Chat | null} */
function chat(value) {
  if (Array.isArray(value)) {
    const messages = list(value);
    return messages && { kind: 'chat', messages, beside: [] };
  }
  if (!isObject(value)) return null;
  return request(value) ?? reply(value);
}

const LISTS = ['messages', 'contents', 'input', 'output'];
const SYSTEM = ['system', 'systemInstruction', 'system_instruction', 'instructions'];

/** A body with a list of messages in it. @param {Record<string, any>} value @returns {Chat | null} */
function request(value) {
  const key = LISTS.find((name) => Array.isArray(value[name]) && list(value[name]));
  if (!key) return null;
  const system = SYSTEM.filter((name) => value[name]).map((name) => message({ role: 'system', ...content(value[name]) }));
  const beside = Object.entries(value).filter(([name]) => name !== key && !SYSTEM.includes(name));
  return { kind: 'chat', messages: [...system, ...(list(value[key]) ?? [])], beside };
}

/** @param {any} system a text, a list of parts, or Gemini's `{parts}` */
const content = (system) => (isObject(system) && system.parts ? { parts: system.parts } : { content: system });

/** One message, or the choices of a reply. @param {Record<string, any>} value @returns {Chat | null} */
function reply(value) {
  const [key, choices] = ['choices', 'candidates'].map((name) => [name, value[name]]).find(([, list]) => Array.isArray(list)) ?? [];
  if (key) {
    const messages = choices.map((/** @type {any} */ choice) => choice?.message ?? choice?.content ?? choice?.delta).filter(isObject);
    const beside = Object.entries(value).filter(([name]) => name !== key);
    return messages.length > 0 ? { kind: 'chat', messages: messages.map(replied), beside } : null;
  }
  return isMessage(value) ? { kind: 'chat', messages: [message(value)], beside: [] } : null;
}

/** @param {Record<string, any>} value */
const replied = (value) => message({ role: 'assistant', ...value });

/** @param {unknown[]} values @returns {Message[] | null} */
const list = (values) => (values.length > 0 && values.every(isMessage) ? values.map((value) => message(/** @type {any} */ (value))) : null);

/** @param {unknown} value */
const isMessage = (value) => isObject(value) && (typeof value.role === 'string' || ITEMS.has(value.type) || Array.isArray(value.parts));

/** Entries of OpenAI's responses that are no messages. @type {Map<unknown, (value: any) => Message>} */
const ITEMS = table({
  function_call: (value) => ({ role: 'assistant', name: '', parts: [call(value)] }),
  function_call_output: (value) => ({ role: 'tool', name: '', parts: [result(value)] }),
  reasoning: (value) => ({ role: 'assistant', name: '', parts: reasoning(value.summary ?? value.content) }),
});

/** @param {Record<string, any>} value @returns {Message} */
function message(value) {
  const item = typeof value.role === 'string' ? undefined : ITEMS.get(value.type);
  if (item) return item(value);
  const role = value.role === 'model' ? 'assistant' : value.role ?? 'user';
  const said = role === 'tool' || role === 'function' ? [result(value)] : parts(value.content ?? value.parts);
  return { role, name: asText(value.name ?? ''), parts: [...thoughts(value), ...said, ...calls(value)] };
}

/** @param {Record<string, any>} value */
const thoughts = (value) => reasoning(value.thinking ?? value.reasoning_content ?? value.reasoning);

/** @param {unknown} value @returns {Part[]} */
function reasoning(value) {
  const pieces = (Array.isArray(value) ? value : [value]).map((piece) => (isObject(piece) ? piece.content ?? piece.thinking ?? piece.text : piece));
  const texts = pieces.filter((piece) => piece !== null && piece !== undefined && piece !== '');
  return texts.map((piece) => ({ kind: 'reasoning', text: asText(piece) }));
}

/** @param {Record<string, any>} value @returns {Part[]} */
function calls(value) {
  const given = value.tool_calls ?? (value.function_call ? [value.function_call] : []);
  const read = typeof given === 'string' ? parsedJson(given) ?? given : given;
  return (Array.isArray(read) ? read : [read]).map((one) => (isObject(one) ? call(one) : { kind: 'json', value: one }));
}

/** @param {Record<string, any>} value @returns {ToolCallPart} */
function call(value) {
  const about = isObject(value.function) ? value.function : value;
  const given = about.arguments ?? about.input ?? about.args ?? '';
  return { kind: 'toolCall', name: asText(about.name ?? ''), id: asText(value.call_id ?? value.id ?? ''), text: laidOut(given) };
}

/** @param {Record<string, any>} value @returns {ToolResultPart} */
function result(value) {
  const id = value.tool_call_id ?? value.tool_use_id ?? value.call_id ?? value.id ?? '';
  const given = value.content ?? value.output ?? value.response ?? '';
  const texts = Array.isArray(given) && given.every((part) => typeof part?.text === 'string') ? given.map((part) => part.text).join('\n') : given;
  return { kind: 'toolResult', name: asText(value.name ?? ''), id: asText(id), text: laidOut(texts) };
}

/** @param {unknown} value @returns {Part[]} */
function parts(value) {
  if (value === null || value === undefined || value === '') return [];
  return (Array.isArray(value) ? value : [value]).map(part);
}

/** @param {unknown} value @returns {Part} */
function part(value) {
  if (typeof value === 'string') return { kind: 'text', text: value };
  if (!isObject(value)) return { kind: 'json', value };
  const kind = KINDS.get(value.type) ?? [...BY_KEY].find(([key]) => Object.hasOwn(value, key) && value[key])?.[1];
  return kind ? kind(value) : { kind: 'json', value };
}

/** @param {any} value @returns {Part} */
const text = (value) => ({ kind: 'text', text: asText(value.text ?? value.refusal ?? value.content ?? '') });
/** @param {'image' | 'audio' | 'file'} kind @returns {(value: any) => Part} */
const media = (kind) => (value) => ({ kind, about: about(value) });

/** Parts by their type. @type {Map<unknown, (value: any) => Part>} */
const KINDS = table({
  text, input_text: text, output_text: text, refusal: text,
  thinking: (value) => ({ kind: 'reasoning', text: asText(value.thinking ?? value.content ?? '') }),
  reasoning: (value) => ({ kind: 'reasoning', text: asText(value.text ?? value.content ?? '') }),
  image: media('image'), image_url: media('image'), input_image: media('image'),
  audio: media('audio'), audio_url: media('audio'), input_audio: media('audio'),
  file: media('file'), input_file: media('file'), document: media('file'), video: media('file'), video_url: media('file'),
  tool_use: call, tool_call: call, tool_result: result,
});

/** Parts by a member, for those that name no type. @type {Map<string, (value: any) => Part>} */
const BY_KEY = table({
  functionCall: (value) => call(value.functionCall),
  functionResponse: (value) => result(value.functionResponse),
  text, image: media('image'), inlineData: media('image'), inline_data: media('image'), fileData: media('file'), audio: media('audio'),
  video: media('file'),
});

/** Where the data of a medium are, in words: its address, or its type and length. Nothing is ever loaded. @param {any} value */
function about(value) {
  const place = ['image_url', 'input_audio', 'audio_url', 'video_url', 'source', 'file', 'inlineData', 'inline_data', 'fileData', 'image', 'audio', 'video']
    .map((key) => value[key])
    .find(Boolean) ?? value;
  const address = typeof place === 'string' ? place : place.url ?? place.fileUri ?? place.file_url ?? place.filename ?? place.file_id;
  const inside = typeof address === 'string' && address.startsWith('data:') ? address : null;
  if (inside) return `${inside.slice(5).split(/[;,]/)[0]}, ${inside.length} B`;
  if (typeof address === 'string') return address;
  const data = typeof place.data === 'string' ? `${place.data.length} B` : '';
  return [place.mimeType ?? place.mime_type ?? place.media_type ?? place.format, data].filter(Boolean).join(', ');
}
