// `tensorlane mps`: NVIDIA's multi-process service, by its own control daemon.

import { join } from 'node:path';
import { type Command, UsageError } from '../command.js';
import { microsOption, wholeOption } from '../quantities.js';
import { folders, MpsControl, ownFolder, type Server } from './control.js';

interface Status {
  readonly folder: string;
  readonly pid: number | undefined;
  readonly startedHere: boolean;
  readonly servers: readonly Server[];
}

export const mps: Command = {
  usage: 'mps status|start|stop [--folder FOLDER] [--share 25] [--grace 30s] [--json]',
  about:
    "NVIDIA's multi-process service, with which several processes use a GPU at once: whether it runs, starts its control daemon, and stops the one that it started. One that somebody else started is told of, and left alone.",
  options: {
    folder: { type: 'string' },
    share: { type: 'string' },
    grace: { type: 'string', default: '30s' },
    json: { type: 'boolean', default: false },
  },
  async run(options, [what, ...more]) {
    if (more.length > 0) throw new UsageError(`mps takes one of status, start, stop, got ${more.length + 1}`);
    const folder = options.folder as string | undefined;
    const share = options.share === undefined ? undefined : wholeOption('share', options.share, 1, 100);
    const grace = microsOption('grace', options.grace) / 1000;
    if (what === 'status') return status(folder, options.json === true);
    if (what === 'start') return start(new MpsControl(folder ?? ownFolder), share, grace);
    if (what === 'stop') return stop(new MpsControl(folder ?? ownFolder), grace);
    throw new UsageError(`mps takes one of status, start, stop, got ${what === undefined ? 'none' : `'${what}'`}`);
  },
};

async function status(named: string | undefined, json: boolean): Promise<number> {
  const found: Status[] = [];
  for (const folder of folders(named)) {
    const control = new MpsControl(folder);
    const daemon = control.daemon();
    const servers = daemon === undefined ? [] : await control.servers();
    found.push({ folder, pid: daemon?.pid, startedHere: control.isOwn, servers });
  }
  const running = found.filter(({ pid }) => pid !== undefined);
  if (json) console.log(JSON.stringify({ daemons: running }, null, 2));
  else if (running.length === 0) {
    console.log(`No MPS daemon runs (looked at in ${folders(named).join(', ')}): processes have a GPU by turns`);
  } else for (const one of running) console.log(textOf(one));
  return running.length === 0 ? 1 : 0;
}

function textOf({ folder, pid, startedHere, servers }: Status): string {
  const by = startedHere ? 'started by tensorlane' : 'not started by tensorlane';
  const clients = servers.map(
    (server) => `  server ${server.pid}: ${server.clients.length} clients (${server.clients.join(', ') || 'none'})`,
  );
  const none = servers.length === 0 ? ['  no server yet: the first process that uses a GPU has it started'] : [];
  return [`MPS daemon ${pid} (${by}), CUDA_MPS_PIPE_DIRECTORY=${folder}`, ...clients, ...none].join('\n');
}

async function start(control: MpsControl, share: number | undefined, grace: number): Promise<number> {
  const others = folders(undefined).map((folder) => new MpsControl(folder));
  const other = [control, ...others].find((one) => one.daemon() !== undefined && !one.isOwn);
  if (other !== undefined) {
    console.error(
      `tensorlane mps: a daemon that tensorlane did not start runs already (${other.daemon()!.pid}, ${other.folder}): use that one, by CUDA_MPS_PIPE_DIRECTORY=${other.folder}`,
    );
    return 1;
  }
  const before = control.daemon();
  const daemon = before ?? (await control.start(grace));
  if (share !== undefined) await control.ask(`set_default_active_thread_percentage ${share}`);
  console.log(
    [
      `MPS daemon ${daemon.pid} ${before === undefined ? 'is started' : 'runs already'}; its log is in ${join(control.folder, 'log')}`,
      'Processes use it with this in their environment:',
      `  export CUDA_MPS_PIPE_DIRECTORY=${control.folder}`,
    ].join('\n'),
  );
  return 0;
}

async function stop(control: MpsControl, grace: number): Promise<number> {
  const daemon = control.daemon();
  if (daemon === undefined) {
    console.log(`No MPS daemon runs in ${control.folder}`);
    return 0;
  }
  if (!control.isOwn) {
    console.error(`tensorlane mps: daemon ${daemon.pid} was not started by tensorlane, and is left alone`);
    return 1;
  }
  if (await control.stop(daemon, grace)) {
    console.log(`MPS daemon ${daemon.pid} has ended`);
    return 0;
  }
  console.error(`tensorlane mps: daemon ${daemon.pid} was told to quit, and still waits for its clients`);
  return 1;
}
