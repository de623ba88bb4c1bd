// A registry of npm packages on this machine (verdaccio), which has ours and passes on npm's.
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runProgram } from '../../processes.mjs';

export class Registry {
  #process;

  constructor(process, url) {
    this.#process = process;
    this.url = url;
  }

  static async start(modules, folder) {
    mkdirSync(folder, { recursive: true });
    const config = path.join(folder, 'config.yaml');
    const lines = [
      `storage: ${JSON.stringify(path.join(folder, 'storage'))}`,
      'uplinks: { npmjs: { url: "https://registry.npmjs.org/", cache: true } }',
      'packages:',
      '  "tensorlane": { access: $all, publish: $all }',
      '  "@tensorlane/*": { access: $all, publish: $all }',
      '  "**": { access: $all, proxy: npmjs }',
      'max_body_size: 200mb',
      'log: { type: stdout, level: warn }',
    ];
    writeFileSync(config, lines.join('\n'));
    const port = await freePort();
    const child = spawn(
      path.join(modules, 'node24', 'bin', 'node'), // it wants a newer one than we do
      [path.join(modules, 'verdaccio', 'bin', 'verdaccio'), '--config', config, '--listen', `127.0.0.1:${port}`],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const log = createWriteStream(path.join(folder, 'log'));
    child.stdout.pipe(log);
    child.stderr.pipe(log);
    const url = `http://127.0.0.1:${port}`;
    for (let tries = 0; ; tries++) {
      const answers = await fetch(`${url}/-/ping`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (answers) return new Registry(child, url);
      if (tries > 300 || child.exitCode !== null)
        throw new Error(`the registry does not answer; its log is ${folder}/log`);
      await sleep(200);
    }
  }

  async publish(tarball) {
    const { host } = new URL(this.url);
    // npm wants a token, and this registry takes any.
    const args = [
      'publish',
      tarball,
      '--tag',
      'latest',
      '--registry',
      this.url,
      `--//${host}/:_authToken=anybody`,
      '--provenance=false',
    ];
    const { ok, output } = await runProgram(['npm', ...args], { show: false });
    if (!ok) throw new Error(`${tarball} could not be published: ${output.trim()}`);
  }

  stop() {
    this.#process.kill();
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}
