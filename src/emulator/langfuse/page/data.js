// What the stand-in tells, by type, and how it is asked. Times are milliseconds since 1970, cost is in US dollars.

/**
 * @typedef {object} Now
 * @property {number} revision another number after every change
 * @property {number} traces
 * @property {number} arrivals
 * @property {number} lost
 * @property {string} release
 * @property {string} mode
 *
 * @typedef {object} TraceLine
 * @property {string} project
 * @property {string} id
 * @property {string | null} name
 * @property {number} start
 * @property {number | null} end
 * @property {number} observations
 * @property {string} level
 * @property {string[]} models
 * @property {string | null} user
 * @property {string | null} session
 * @property {string[]} tags
 * @property {string} environment
 * @property {{input: number, output: number, total: number}} usage
 * @property {number | null} cost
 * @property {string | null} preview
 *
 * @typedef {object} TraceTexts
 * @property {string | null} release
 * @property {string | null} version
 * @property {boolean} public
 * @property {string | null} input
 * @property {string | null} output
 * @property {Record<string, string>} metadata
 *
 * @typedef {object} Row
 * @property {string} id
 * @property {string | null} parent
 * @property {string} type
 * @property {string | null} name
 * @property {number} start
 * @property {number | null} end
 * @property {number | null} firstToken
 * @property {string} level
 * @property {string | null} statusMessage
 * @property {string | null} model
 * @property {Record<string, number>} usage
 * @property {number | null} cost
 * @property {number} arrivals
 *
 * @typedef {object} RowTexts
 * @property {Record<string, unknown>} modelParameters
 * @property {Record<string, number>} costDetails
 * @property {string | null} input
 * @property {string | null} output
 * @property {Record<string, string>} metadata
 * @property {{name: string, version: number | null} | null} prompt
 * @property {string | null} version
 * @property {string} environment
 *
 * @typedef {{revision: number, trace: TraceLine & TraceTexts, observations: Row[]}} TraceAnswer
 * @typedef {Row & RowTexts} Observation
 * @typedef {{revision: number, total: number, traces: TraceLine[]}} TracesAnswer
 * @typedef {{total: number, lost: {reason: string, observations: number, id: string | null}[]}} LostAnswer
 *
 * @typedef {{key: string, value: unknown}} Attribute
 * @typedef {{api: 'otlp', resource: any, scope: any, span: any}} Otlp
 * @typedef {{api: 'batch', events: {id: string, does: string, timestamp: number, body: unknown}[]}} Batch
 */

/**
 * @param {string} what
 * @param {Record<string, unknown>} [parameters] those that are null are left out
 * @returns {Promise<any>} nothing where the stand-in has nothing of that name
 */
async function ask(what, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined);
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  const answer = await fetch(`/_local/${what}?${query}`, { credentials: 'omit', redirect: 'error' });
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`/_local/${what}: status ${answer.status}`);
  return answer.json();
}

/** @returns {Promise<Now>} */
export const now = () => ask('now');

/**
 * @param {{search: string, level: string}} wanted
 * @param {number} offset
 * @param {number} limit
 * @returns {Promise<TracesAnswer>}
 */
export const traces = (wanted, offset, limit) => ask('traces', { ...wanted, offset, limit });

/**
 * @param {string} id
 * @returns {Promise<TraceAnswer | null>}
 */
export const trace = (id) => ask('trace', { id });

/**
 * @param {TraceLine} trace
 * @param {Row} row
 * @returns {Promise<Observation | null>}
 */
export const observation = (trace, row) => ask('observation', { trace: trace.id, project: trace.project, id: row.id, start: row.start });

/**
 * @param {TraceLine} trace
 * @param {Row} row
 * @returns {Promise<Otlp | Batch | null>}
 */
export const raw = (trace, row) => ask('raw', { trace: trace.id, project: trace.project, id: row.id });

/** @returns {Promise<LostAnswer>} */
export const lost = () => ask('lost');
