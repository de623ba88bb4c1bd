// The command `tensorlane plan`: what is simulated is held against what can be computed otherwise, and the command run as a user runs it.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { random } from '../../lib/cli/load/random.js';
import { balancer, policies } from '../../lib/cli/plan/balancer.js';
import { EventClock } from '../../lib/cli/plan/event-clock.js';
import { everywhere } from '../../lib/cli/plan/placement.js';
import { fewest } from '../../lib/cli/plan/search.js';
import { ServiceTimes } from '../../lib/cli/plan/service.js';
import { type Simulated, simulate } from '../../lib/cli/plan/simulate.js';
import { parseTrace } from '../../lib/cli/plan/trace.js';
import { loadsOf, shares } from '../../lib/cli/tune/file.js';
import { runNode } from '../support/processes.js';
import { askedAt, cell, fleetOf, modelOf, onlyOne, poisson } from './fleet.js';

const quantile = (values: readonly number[], share: number) =>
  [...values].sort((a, b) => a - b)[Math.max(0, Math.ceil(share * values.length) - 1)]!;

test('thousands of machines take no histograms of thousands', async () => {
  // What is made once is made before.
  await simulate(fleetOf(onlyOne), askedAt([1000]));
  const before = process.memoryUsage().rss;
  const { requests } = await simulate(fleetOf(onlyOne, { machines: 4000 }), askedAt(poisson(4000, 1)));
  expect(requests).toBeGreaterThan(3000);
  // Five of 30 kB each were 600 MB.
  expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(200);
});

describe('a machine', () => {
  test('that runs one request at a time is the queue that Lindley’s recursion describes', async () => {
    const times = poisson(700, 20);
    let free = 0;
    const latencies = Array.from(times, (at) => {
      free = Math.max(free, at) + 1000;
      return free - at;
    });
    const { p50, p95, p99, requests, lost, goodput } = await simulate(
      fleetOf(onlyOne, { models: [modelOf(onlyOne, { overheadMicros: 7 })] }),
      askedAt(times),
    );
    for (const [share, simulated] of [
      [0.5, p50],
      [0.95, p95],
      [0.99, p99],
    ] as const) {
      expect(simulated).toBeCloseTo(quantile(latencies, share) + 7, 3);
    }
    expect([requests, lost]).toEqual([times.length, 0]);
    const good = latencies.filter((latency) => latency + 7 <= 5000).length;
    expect(goodput).toBeCloseTo(good / (times.at(-1)! / 1e6), 6);
  });

  test('has batches that run at once slow each other down for as long as they do', async () => {
    const cells = [cell(1, 1, 1000), cell(1, 2, 1500)];
    // The second comes when half of the first is done; the first's other half takes 750, the second goes on alone after it.
    const { p50, p99 } = await simulate(fleetOf(cells), askedAt([0, 500]));
    expect(p50).toBeCloseTo(1250, 6);
    expect(p99).toBeCloseTo(750 + 500, 6);
  });

  test('shares its cores among processes, also among more than were measured', async () => {
    const cells = [cell(1, 1, 1000), cell(1, 2, 1500)];
    const four = fleetOf(cells, { machines: 4, processes: true, policy: 'roundRobin' });
    // Four at once: each at the pace of two, of which there are twice as many as were measured.
    const { p50, p99 } = await simulate(four, askedAt([0, 0, 0, 0]));
    expect([p50, p99].map(Math.round)).toEqual([3000, 3000]);
    const apart = await simulate({ ...four, processes: false }, askedAt([0, 0, 0, 0]));
    expect([apart.p50, apart.p99].map(Math.round)).toEqual([1000, 1000]);
  });

  test('batches what waits, by the scheduler itself', async () => {
    const cells = [1, 2, 4, 8].map((rows) => cell(rows, 1, 1000));
    const times = [0, 1, 2, 3, 4, 5, 6, 7, 8];
    const { rowsPerBatch, p99, p50 } = await simulate(fleetOf(cells), askedAt(times));
    expect([rowsPerBatch, Math.round(p50), Math.round(p99)]).toEqual([4.5, 1995, 1999]);
  });

  test('draws the time of a batch from what was measured', async () => {
    const { p50, p95 } = await simulate(
      fleetOf([cell(1, 1, 1000, 3000)]),
      askedAt(Array.from({ length: 4000 }, (_, i) => i * 5000)),
    );
    expect(Math.abs(p50 - 2000)).toBeLessThan(100);
    expect(Math.abs(p95 - 2900)).toBeLessThan(50);
  });
});

test('times lie on lines between what was measured, and beyond its end', () => {
  const times = new ServiceTimes(
    [cell(1, 1, 100), cell(4, 1, 220), cell(8, 1, 300), cell(1, 4, 400), cell(4, 4, 480)],
    shares,
  );
  const at = (rows: number, atOnce: number) => times.micros(rows, atOnce, 1, 0.5);
  expect([at(1, 1), at(4, 1), at(2, 1), at(8, 1), at(16, 1)]).toEqual([100, 220, 140, 300, 460]);
  expect([at(1, 2), at(4, 3)].map(Math.round)).toEqual([200, 393]);
  expect(at(8, 4), 'left out as it took too long').toBeCloseTo(480 + (4 * 80) / 3, 6);
  expect(times.micros(1, 1, 8, 0.5), 'of threads the nearest').toBe(100);
});

describe('many machines', () => {
  test('lose what a failed one had, and no more; and have it again when another has started', async () => {
    const times = poisson(1500, 20);
    const fleet = fleetOf(onlyOne, { machines: 3, failsEveryMicros: 4e6, startUpMicros: 2e5 });
    const { requests, lost, refused, failures, p99 } = await simulate(fleet, askedAt(times));
    expect(requests).toBe(times.length);
    expect(failures).toBeGreaterThan(5);
    expect(refused).toBe(0);
    expect(lost).toBeGreaterThan(0);
    // Of each failure what the machine had, and now and then all are down.
    expect(lost).toBeLessThan(times.length / 10);
    expect(p99).toBeGreaterThan(1000);
    const none = await simulate({ ...fleet, failsEveryMicros: undefined }, askedAt(times));
    expect([none.lost, none.failures]).toEqual([0, 0]);
  });

  test('follow the load, late by the time that a start takes', async () => {
    const rising = [...poisson(30, 60), ...poisson(240, 120, 2).map((at) => at + 60e6)];
    const fleet = fleetOf([cell(1, 1, 10_000)], { machines: 1, scaleTo: 0.6, startUpMicros: 5e6 });
    const { mostMachines, machines } = await simulate(fleet, askedAt(rising));
    expect(mostMachines).toBeGreaterThanOrEqual(4);
    expect(mostMachines, 'what has piled up keeps machines busy, too').toBeLessThanOrEqual(9);
    expect(machines).toBeGreaterThan(1.5);
    expect(machines).toBeLessThan(mostMachines);
    const falling = [...poisson(180, 60), ...poisson(10, 240, 2).map((at) => at + 60e6)];
    const less = await simulate({ ...fleet, machines: 4 }, askedAt(falling));
    expect(less.machines).toBeLessThan(3);
    expect(less.lost, 'what is taken away answers what it has').toBe(0);
  });

  test('cost as much a request however many they are', async () => {
    const perRequest = async (machines: number) => {
      const asked = askedAt(poisson(700 * machines, 40 / machines));
      const { events, requests } = await simulate(fleetOf(onlyOne, { machines }), asked);
      return events / requests;
    };
    const [few, many] = [await perRequest(4), await perRequest(400)];
    expect(many / few).toBeGreaterThan(0.9);
    expect(many / few).toBeLessThan(1.1);
  });

  test('wait less the more their balancer knows', async () => {
    const p99: Record<string, number> = {};
    for (const policy of policies) {
      p99[policy] = (await simulate(fleetOf(onlyOne, { machines: 20, policy }), askedAt(poisson(16_000, 4)))).p99;
    }
    expect(p99.leastLoaded).toBeLessThan(p99.twoChoices!);
    expect(p99.twoChoices).toBeLessThan(p99.random!);
    expect(p99.roundRobin).toBeLessThan(p99.random!);
  });

  test('do the same again by the same seed', async () => {
    const cells = [cell(1, 1, 500, 2000), cell(4, 1, 900, 4000)];
    const run = (seed: number) =>
      simulate(fleetOf(cells, { machines: 3, failsEveryMicros: 1e6 }), askedAt(poisson(2000, 2), { seed }));
    expect(await run(1)).toEqual(await run(1));
    expect(await run(2)).not.toEqual(await run(1));
  });
});

test.each(policies)(
  'a balancer (%s) gives requests to those that are up alone, and knows how many each has',
  (policy) => {
    const dice = random(3);
    const placement = everywhere(5);
    const balance = balancer(policy, 5, dice, placement);
    const up = new Set([0, 1, 2, 3, 4]);
    const has = new Map<number, number>();
    let count = 5;
    for (let i = 0; i < 5000; i++) {
      const any = Math.floor(dice() * count);
      if (dice() < 0.05) {
        if (up.has(any) && up.size > 1) up.delete(any);
        else up.add(any);
        balance.setUp(any, up.has(any));
      } else if (dice() < 0.01 && count < 12) {
        placement.add(0);
        expect(balance.add()).toBe(count++);
      } else if (dice() < 0.5 && (has.get(any) ?? 0) > 0) {
        has.set(any, has.get(any)! - 1);
        balance.done(any);
      } else {
        const chosen = balance.choose(0);
        expect(up).toContain(chosen);
        const loads = [...up].map((one) => has.get(one) ?? 0);
        if (policy === 'leastLoaded' || policy === 'byModel') expect(has.get(chosen) ?? 0).toBe(Math.min(...loads));
        has.set(chosen, (has.get(chosen) ?? 0) + 1);
      }
      expect([balance.up(), balance.up(0)]).toEqual([up.size, up.size]);
    }
  },
);

test('events happen in order, arrivals among them, and what waits for the end of a turn before the next', async () => {
  const clock = new EventClock();
  const log: string[] = [];
  const note = (what: string) => log.push(`${clock.now()} ${what}`);
  clock.at(5, () => note('second of two'));
  clock.after(3, () => {
    note('first');
    clock.endOfTurn(() => note('end of its turn'));
    void Promise.resolve().then(() => note('settled'));
    clock.at(5, () => note('third of two, made later'));
  });
  clock.at(4, () => note('never'))();
  const arrivals = [1, 5, 9].values();
  await clock.run(8, arrivals, () => note('arrival'));
  expect(log).toEqual([
    '1 arrival',
    '3 first',
    '3 end of its turn',
    '3 settled',
    '5 second of two',
    '5 third of two, made later',
    '5 arrival',
  ]);
  expect(clock.now()).toBe(8);
});

/** Of a model whose answers are to come within 5, and of one that nobody asked for. */
function outcome(p99: number): Simulated {
  const own = { p99, requests: 100, refused: 0, lost: 0, sloMicros: 5 };
  return { ...own, models: [own, { ...own, p99: 0, requests: 0 }] } as unknown as Simulated;
}

test('the fewest machines are found, to one in a hundred, without trying many', async () => {
  for (const enough of [1, 2, 3, 7, 50, 51, 120, 1000]) {
    for (const least of [1, Math.ceil(enough / 2), enough]) {
      const simulated = async (machines: number) => outcome(machines >= enough ? 1 : 9);
      const { machines, tried } = await fewest(least, 1e5, simulated);
      expect(machines).toBeGreaterThanOrEqual(enough);
      expect(machines).toBeLessThanOrEqual(enough + Math.max(0, Math.floor(enough / 99)));
      expect(tried.size).toBeLessThanOrEqual(24);
    }
  }
  const never = await fewest(1, 100, async () => outcome(9));
  expect([never.machines, never.tried.has(100)]).toEqual([undefined, true]);
});

describe('a log', () => {
  test.each([
    ['seconds', '10.5\n10\n12\n', [0, 5e5, 2e6]],
    ['milliseconds since 1970', '1700000000000,a\n1700000000250,b\n', [0, 250_000]],
    ['ISO 8601, by name', 'id,Time\r\n1,2024-01-01T00:00:01Z\r\n2,"2024-01-01T00:00:01.5Z"\r\n', [0, 5e5]],
  ])('%s', (_what, text, times) => {
    expect(Array.from(parseTrace(text, 'log.csv', ['m']).times)).toEqual(times);
  });

  test('with rows and models', () => {
    const times = Float64Array.of(0, 1e6);
    const given = (text: string) => parseTrace(text, 'log.csv', ['ocr', 'lstm']);
    expect(given('time,rows,model\n2,3,ocr\n1,4,lstm\n')).toEqual({ times, rows: [4, 3], models: [1, 0] });
    expect(parseTrace('time,rows\n2,3\n1,4\n', 'log.csv', ['m'])).toEqual({ times, rows: [4, 3], models: undefined });
    expect(() => given('1\n2\n')).toThrow(/expected a column 'model', which says for which of ocr, lstm each/);
    expect(() => given('time,model\n1,ocr\n2,gru\n')).toThrow(/log\.csv, line 3: expected one of the models ocr, lstm/);
  });

  test.each([
    ['when,rows\n1,2\n', /log\.csv: expected a column 'time', got when, rows/],
    ['1\nsoon\n', /log\.csv, line 2: expected a time.*got 'soon'/],
    ['time,rows\n1,0\n', /log\.csv, line 2: rows must be an integer of at least 1/],
    ['1\n', /two requests at least, got 1/],
  ])('refuses %j', (text, message) => {
    expect(() => parseTrace(text, 'log.csv', ['m'])).toThrow(message);
  });
});

describe.concurrent('as a user runs it', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const folder = join(root, 'build', 'cli-plan');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const cells = [1, 2, 4, 8].map((rows) => cell(rows, 1, 3000 + 1000 * rows, 4000 + 1300 * rows));
  const measured = { sloMicros: 50_000, overheadMicros: 100, shares, cells };
  writeFileSync(join(folder, 'tuned.json'), JSON.stringify({ version: 1, loads: loadsOf(cells), measured }));
  writeFileSync(join(folder, 'learned.json'), JSON.stringify({ version: 1, loads: loadsOf(cells) }));
  writeFileSync(join(folder, 'log.csv'), `time\n${Array.from(poisson(900, 3), (at) => at / 1e6).join('\n')}\n`);
  const other = { ...measured, sloMicros: 80_000, model: { file: 'models/lstm.onnx' } };
  writeFileSync(join(folder, 'other.json'), JSON.stringify({ version: 1, loads: loadsOf(cells), measured: other }));
  const lines = Array.from({ length: 2700 }, (_, i) => `${i / 900},${i % 3 === 2 ? 'lstm' : 'ocr'}`);
  writeFileSync(join(folder, 'models.csv'), `time,model\n${lines.join('\n')}\n`);
  const plan = (...args: string[]) => runNode([join(root, 'dist/cli/main.js'), 'plan', ...args], { cwd: folder });

  test('says how many machines, with which setting, and what they cost', async () => {
    const { code, stdout, stderr } = await plan('tuned.json', '--rate', '2000', '--seconds', '5', '--price', '1.20/h');
    expect([code, stderr]).toEqual([0, '']);
    const found =
      /^Run (\d+) machines with loadModel.*: 2,000 requests a second have a p99 of (\d+) ms, within 50 ms/m.exec(
        stdout,
      );
    // A machine answers some 640 a second at the most.
    expect(Number(found![1])).toBeGreaterThanOrEqual(4);
    expect(Number(found![1])).toBeLessThanOrEqual(6);
    expect(Number(found![2])).toBeLessThanOrEqual(50);
    expect(stdout).toContain(`That is ${(1.2 * Number(found![1])).toFixed(2)} an hour`);
    // By model is for several.
    for (const policy of policies) expect(new RegExp(`^${policy} +\\d`, 'm').test(stdout)).toBe(policy !== 'byModel');
  });

  test('a log, so many machines, and all figures as JSON', async () => {
    const { code, stdout } = await plan(
      'tuned.json',
      '--trace',
      'log.csv',
      '--machines',
      '3',
      '--slo',
      '40ms',
      '--json',
    );
    expect(code).toBe(0);
    const { rate, rows } = JSON.parse(stdout) as { rate: number; rows: { asked: number; result: Simulated }[] };
    expect(Math.abs(rate - 900)).toBeLessThan(60);
    expect(rows[0]).toMatchObject({ asked: 3, result: { lost: 0, machines: 3 } });
  });

  test('several models, each with its rate and its SLO', async () => {
    const args = ['ocr=tuned.json', 'other.json', '--rate', '900,300', '--seconds', '3', '--policy', 'byModel'];
    const { code, stdout, stderr } = await plan(...args);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^Run \d+ machines .*: 1,200 requests a second have a p99 of \d+ ms, and each model keeps its SLO/m,
    );
    expect(stdout).toMatch(/^ocr +900 +50 ms .* 1-\d$/m);
    expect(stdout).toMatch(/^lstm +300 +80 ms .* \d-\d$/m);
    for (const policy of policies) expect(stdout).toMatch(new RegExp(`^${policy} +\\d`, 'm'));
  });

  test('a log of several models', async () => {
    const { code, stdout } = await plan('ocr=tuned.json', 'other.json', '--trace', 'models.csv', '--json');
    expect(code).toBe(0);
    const { models, best } = JSON.parse(stdout) as {
      models: { name: string; rate: number }[];
      best: { result: Simulated };
    };
    expect(models.map(({ name }) => name)).toEqual(['ocr', 'lstm']);
    expect(models[0]!.rate / models[1]!.rate).toBeCloseTo(2, 1);
    expect(best.result.models.map(({ requests }) => requests)).toEqual([1800, 900]);
  });

  test('an SLO that nothing keeps', async () => {
    const { code, stdout } = await plan('tuned.json', '--rate', '10', '--slo', '1ms', '--seconds', '5');
    expect(code).toBe(1);
    expect(stdout).toContain('No number of machines');
  });

  test.each([
    [['tuned.json'], 2, /wants --rate/],
    [['tuned.json', '--rate', 'many'], 2, /--rate must be a number/],
    [['tuned.json', '--rate', '1', '--policy', 'best'], 2, /--policy must be one of random, roundRobin/],
    [['tuned.json', '--rate', '1', '--policy', 'byModel'], 2, /byModel is for several models/],
    [['tuned.json', 'other.json', '--rate', '1'], 2, /--rate must be a number for each of tuned, lstm, .*got '1'/],
    [['lstm=tuned.json', 'other.json', '--rate', '1,2'], 2, /two models have the name lstm: .*lstm2=other\.json/],
    [['tuned.json', '--rate', '1', '--price', '1/week'], 2, /--price must be a number, with \/h/],
    [['learned.json', '--rate', '1'], 1, /learned\.json: has nothing that was measured; `tensorlane tune` writes/],
    [['none.json', '--rate', '1'], 1, /none\.json/],
  ] as const)('refuses %j', async (args, code, message) => {
    const outcome = await plan(...args);
    expect(outcome.code).toBe(code);
    expect(outcome.stderr).toMatch(message);
    expect(outcome.stderr).not.toMatch(/^ +at /m);
  });
});
