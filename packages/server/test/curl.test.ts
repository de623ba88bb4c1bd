// The line that the command prints works as it is, whatever it is that a server asks for; and has no secret in it.

import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, describe as group, test } from 'vitest';
import { model, node, square, value } from '../../../test/support/onnx-builder.js';
import { describe } from '../lib/cli/describe.js';
import type { ServerOptions } from '../lib/index.js';
import { folderOf, startServer } from './support.js';

const models = { 'm.onnx': square({ features: 2 }) };

interface Told {
  /** What stands above the line. */
  readonly above: string;
  readonly line: string;
  readonly reply: string;
}

async function asked(
  options: ServerOptions,
  { files = models, env = {}, cwd }: { files?: Record<string, Uint8Array | string>; env?: object; cwd?: string } = {},
): Promise<Told> {
  const server = await startServer({ repository: folderOf(files), ...options });
  const [above, line] = describe(server, options).split('\n').slice(-2) as [string, string];
  const { stdout: reply } = await promisify(execFile)('bash', ['-c', line], { cwd, env: { ...process.env, ...env } });
  return { above, line, reply };
}

const squares = '"shape":[1,2],"data":[0,0]';

test('of several models one is asked that is asked by a line', async () => {
  const files = { ...models, 'a.onnx': square({ features: 1000 }) };
  expect((await asked({}, { files })).reply).toContain(squares);
});

test('where nothing is asked for', async () => {
  const { above, line, reply } = await asked({});
  expect(above).toBe('Try it:');
  expect(line).toMatch(/^ {2}curl -s http:\/\/127\.0\.0\.1:\d+\/v2\/models\/m\/infer -d '/);
  expect(reply).toContain(squares);
});

test('with a token of a file, of a variable, and of neither', async () => {
  const tokenFile = join(folderOf({ "to 'kens": '\n\n  first \nsecond\n' }), "to 'kens");
  const ofFile = await asked({ auth: { inference: { tokenFile } } });
  expect(ofFile).toMatchObject({ above: 'Try it:', reply: expect.stringContaining(squares) });
  process.env.TENSORLANE_TEST_CURL = 'third';
  const ofVariable = await asked({ auth: { inference: { tokenVariable: 'TENSORLANE_TEST_CURL' } } });
  delete process.env.TENSORLANE_TEST_CURL;
  expect(ofVariable).toMatchObject({ above: 'Try it:', reply: expect.stringContaining(squares) });
  const ofNeither = await asked({ auth: { inference: { tokens: ['fourth'] } } }, { env: { TOKEN: 'fourth' } });
  expect(ofNeither).toMatchObject({ above: 'Try it, with one of the tokens in TOKEN:' });
  expect(ofNeither.reply).toContain(squares);
  for (const { line } of [ofFile, ofVariable, ofNeither]) expect(line).not.toMatch(/first|third|fourth/);
  // Of control no line asks.
  expect(await asked({ auth: { control: { tokens: ['fifth'] } } })).toMatchObject({ above: 'Try it:' });
});

group('over TLS', () => {
  let folder = '';
  const at = (name: string) => join(folder, name);
  const own = (name: string) => ({ cert: at(`${name}.pem`), key: at(`${name}.key`) });

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tensorlane-server-'));
    const make = (name: string, ...args: string[]) => {
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at(`${name}.key`)];
      execFileSync('openssl', ['req', '-x509', ...key, '-days', '2', '-out', at(`${name}.pem`), ...args], {
        stdio: 'ignore',
      });
    };
    make('ca', '-subj', '/CN=ca');
    const signed = ['-CA', at('ca.pem'), '-CAkey', at('ca.key')];
    make('address', '-subj', '/CN=x', '-addext', 'subjectAltName=IP:127.0.0.1');
    make('named', '-subj', '/CN=x', '-addext', 'subjectAltName=DNS:*.models.example');
    make('common', '-subj', '/CN=models.example');
    make('signed', ...signed, '-subj', '/CN=x', '-addext', 'subjectAltName=DNS:localhost');
    make('CLIENT', ...signed, '-subj', '/CN=client');
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(['address', 'named', 'common', 'signed'])('with a certificate that is %s', async (name) => {
    expect(await asked({ tls: own(name) })).toMatchObject({
      above: 'Try it:',
      reply: expect.stringContaining(squares),
    });
  });

  test('on a UNIX socket', async () => {
    const http = `unix:${join(folderOf({}), 's')}`;
    expect((await asked({ http, tls: own('named') })).reply).toContain(squares);
    expect((await asked({ http: `unix:${join(folderOf({}), 's')}` })).reply).toContain(squares);
  });

  test('where clients need certificates, with one', async () => {
    const { above, reply } = await asked({ tls: { ...own('signed'), ca: at('ca.pem') } }, { cwd: folder });
    expect(above).toBe("Try it, with a client's certificate in CLIENT.pem and its key in CLIENT.key:");
    expect(reply).toContain(squares);
  });
});

test('of models that keep state, and of those that answer as often as they like; others come first', async () => {
  const sequence = `max_batch_size: 8 input { name: "x" data_type: TYPE_FP32 dims: 2 }
    sequence_batching { state { input_name: "state" output_name: "next" data_type: TYPE_FP32 dims: 2 } }`;
  const floats = (name: string) => value(name, 'float32', ['N', 2]);
  const sums = model({
    inputs: [floats('x'), floats('state')],
    outputs: [floats('y'), floats('next')],
    nodes: [node('Add', ['x', 'state'], ['y']), node('Identity', ['y'], ['next'])],
  });
  const stateful = { 's/1/model.onnx': sums, 's/config.pbtxt': sequence };
  const decoupled = `export const inputs = [{ name: 'x', type: 'float32', dims: [1] }];
    export const outputs = [{ name: 'y', type: 'float32', dims: [1] }];
    export async function* run({ x }) { yield { y: x }; yield { y: x }; }`;
  const often = { 'd/1/model.mjs': decoupled };
  expect(JSON.parse((await asked({}, { files: stateful })).reply)).toHaveProperty('outputs');
  const { reply } = await asked({}, { files: often });
  expect(reply.match(/"data":\[0\]/g)).toHaveLength(2);
  expect((await asked({}, { files: { ...stateful, ...often, ...models } })).reply).toContain(squares);
});
