// Writes the texts that the fuzzer of JSON's numbers begins with: bodies as the protocols have them, and numbers of every kind.
//   node --import tsx test/fuzz/json-seeds.ts FOLDER

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder] = process.argv.slice(2) as [string];

const numbers = [
  '0,-0,1,-1,0.1,1e400,-1e-400,1E+5,2.5e-3',
  'NaN,Infinity,-Infinity',
  'true,false,1,0',
  '9223372036854775807,-9223372036854775808,18446744073709551615,18446744073709551616',
  '65504,65519.99,65520,3.4028235677973366e38,5e-324,1.0004882812500001',
  '123456789012345678901234567890,0.000000000000000000000000000001',
];
const bodies = numbers.flatMap((list) => [
  `[${list}]`,
  `{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[${list}]}]}`,
  `{"instances": [[${list}], [${list}]]}`,
  `{"instances":[{"a":[${list}],"b":{"b64":"w6Q="}},{"a":[${list}],"b":"c\\"["}]}`,
  `[[[${list}],[${list}]],[[${list}],[1]]]`,
]);

mkdirSync(folder, { recursive: true });
// The first byte says how many elements are enough.
for (const [i, body] of bodies.entries()) writeFileSync(join(folder, `${i}`), `\u0001${body}`);
