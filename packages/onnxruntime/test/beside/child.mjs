// Runs one group of cases on one package, and prints what came of each: node child.mjs PACKAGE FOLDER GROUP.
import { createRequire } from 'node:module';

const [, , name, folder, group] = process.argv;
const require = createRequire(import.meta.url);
const ort = require(name);
ort.env.logLevel = 'fatal';
const { cases } = await import(`./${group}.mjs`);

const shown = (value) => {
  if (value instanceof ort.Tensor) {
    const { type, dims, location, data } = value;
    return { tensor: type, dims, location, class: data.constructor.name, data: Array.from(data, String) };
  }
  if (ArrayBuffer.isView(value)) return { class: value.constructor.name, data: Array.from(value, String) };
  if (Array.isArray(value)) return value.map(shown);
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, shown(one)]));
  }
  return typeof value === 'bigint' ? `${value}n` : value;
};

const outcomes = {};
for (const [title, run] of cases(ort, folder, (file) => require(`${name}/${file}`))) {
  if (title in outcomes) throw new Error(`two cases are called ${title}`);
  try {
    outcomes[title] = { gives: shown(await run()) ?? null };
  } catch (error) {
    outcomes[title] = { throws: `${error?.constructor?.name}: ${error?.message}`, code: error?.code ?? null };
  }
}
console.log(JSON.stringify(outcomes));
