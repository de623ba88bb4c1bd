// A program that stands in for NVIDIA's control daemon of its multi-process service: it leaves its pid where NVIDIA's does, notes what it is
// asked, and answers. In its folder, the files `busy` and `broken` have it wait for clients, and not start.

import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes it into a folder, for PATH; gives its file. */
export function mpsProgram(folder: string): string {
  const program = join(folder, 'nvidia-cuda-mps-control');
  writeFileSync(program, text);
  chmodSync(program, 0o755);
  return program;
}

const text = `#!${process.execPath}
const { spawn } = require('node:child_process');
const { existsSync, mkdirSync, writeFileSync, appendFileSync, rmSync, readFileSync } = require('node:fs');
const { createServer, connect } = require('node:net');
const folder = process.env.CUDA_MPS_PIPE_DIRECTORY;
const pid = folder + '/nvidia-cuda-mps-control.pid';
const socket = folder + '/control';
if (process.argv[2] === 'daemon') {
  createServer({ allowHalfOpen: true }, (client) => {
    let text = '';
    client.on('data', (more) => (text += more)).on('end', () => {
      appendFileSync(folder + '/asked', text);
      const answers = { get_server_list: '4711\\n', 'get_client_list 4711': '100\\n101\\n' };
      client.end(answers[text.trim()] ?? '', () => {
        if (text.trim() !== 'quit' || existsSync(folder + '/busy')) return;
        rmSync(pid);
        rmSync(socket);
        process.exit(0);
      });
    });
  }).listen(socket, () => writeFileSync(pid, process.pid + '\\n'));
} else if (process.argv[2] === '-d') {
  if (existsSync(folder + '/broken')) process.exit(3);
  spawn(process.execPath, [__filename, 'daemon'], { detached: true, stdio: 'ignore' }).unref();
} else {
  process.stdin.pipe(connect(socket).on('error', () => { console.error('Cannot find MPS control daemon process'); process.exit(1); })).pipe(process.stdout);
}
`;
