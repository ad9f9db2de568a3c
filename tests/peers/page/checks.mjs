// Runs checks one after the other and prints a line for each, as checks.py does.

const checks = [];

/** A check by its name. */
export const check = (name, body) => checks.push([name, body]);

export function equal(found, expected, about = '') {
  const [one, other] = [JSON.stringify(found), JSON.stringify(expected)];
  if (one !== other) throw new Error(`${about}\n  found    ${one}\n  expected ${other}`);
}

export function holds(condition, about) {
  if (!condition) throw new Error(about);
}

export async function run() {
  let failed = 0;
  for (const [name, body] of checks) {
    try {
      await body();
      console.log(`ok      ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name}\n${error.stack}`);
    }
  }
  console.log(`${checks.length - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
