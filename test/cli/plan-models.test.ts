// `tensorlane plan` with several models: where they are, who answers for which, and what that changes.

import { describe, expect, test } from 'vitest';
import { random } from '../../lib/cli/load/random.js';
import { balancer, policies } from '../../lib/cli/plan/balancer.js';
import { placed } from '../../lib/cli/plan/placement.js';
import { type Asked, type Fleet, simulate } from '../../lib/cli/plan/simulate.js';
import { askedAt, cell, fleetOf, modelOf, onlyOne, poisson } from './fleet.js';

describe('several models', () => {
  /** Requests for one model and the other by turns. */
  const byTurns = (times: ArrayLike<number>, given: Partial<Asked> = {}) =>
    askedAt(times, { modelOf: (request) => request % 2, ...given });

  test('share the lanes of a machine', async () => {
    const two = fleetOf(onlyOne, { models: [modelOf(onlyOne), modelOf(onlyOne, { overheadMicros: 5 })] });
    const { models, p99, busy, machines } = await simulate(two, byTurns([0, 0, 5000, 9000], { seconds: 0.02 }));
    // One lane: of two that come together, the second waits for the first.
    expect(models.map(({ requests, p50, p99 }) => [requests, Math.round(p50), Math.round(p99)])).toEqual([
      [2, 1000, 1000],
      [2, 1005, 2005],
    ]);
    expect([Math.round(p99), machines]).toEqual([2005, 1]);
    expect(busy).toBeCloseTo(4000 / 20_000, 6);
    const apart = await simulate({ ...two, machines: 2 }, byTurns([0, 0], { seconds: 0.02 }));
    expect(Math.round(apart.p99)).toBe(1005);
  });

  test('have machines as they have work, so that each machine has as much as any other, and two each', () => {
    const dice = random(5);
    for (let round = 0; round < 300; round++) {
      const machines = 1 + Math.floor(dice() * 30);
      const work = Array.from({ length: 1 + Math.floor(dice() * 8) }, () => dice() ** 3);
      const all = work.reduce((sum, one) => sum + one, 0);
      const placement = placed(machines, work);
      const copies = work.map(() => 0);
      for (let machine = 0; machine < machines; machine++) {
        const models = placement.of(machine);
        expect(models.length, 'none is idle').toBeGreaterThan(0);
        expect(new Set(models).size).toBe(models.length);
        for (const model of models) copies[model]!++;
      }
      for (const [model, own] of work.entries()) {
        const part = (machines * own) / all;
        expect(copies[model]!).toBeGreaterThanOrEqual(Math.min(machines, 2));
        expect(copies[model]!).toBeGreaterThanOrEqual(Math.floor(part));
        expect(copies[model]!).toBeLessThanOrEqual(Math.max(2, Math.ceil(part) + 1));
      }
    }
    expect(placed(4, [1, 1]).of(1)).toEqual([0]);
    expect(placed(3, [1, 1]).of(1)).toEqual([0, 1]);
  });

  test('go by model to those alone that hold it, the one with the fewest of all models', () => {
    const dice = random(4);
    const placement = placed(6, [3, 2, 1]);
    const balance = balancer('byModel', 6, dice, placement);
    const has = [0, 0, 0, 0, 0, 0];
    const up = new Set(has.keys());
    for (let i = 0; i < 3000; i++) {
      const any = Math.floor(dice() * 6);
      const model = Math.floor(dice() * 3);
      const able = [...up].filter((machine) => placement.of(machine).includes(model));
      expect(balance.up(model)).toBe(able.length);
      if (dice() < 0.1) {
        if (!up.delete(any)) up.add(any);
        balance.setUp(any, up.has(any));
      } else if (dice() < 0.4 && has[any]! > 0) {
        has[any]!--;
        balance.done(any);
      } else if (able.length > 0) {
        const chosen = balance.choose(model);
        expect(able).toContain(chosen);
        expect(has[chosen]).toBe(Math.min(...able.map((machine) => has[machine]!)));
        has[chosen]!++;
      }
    }
  });

  const batches = [1, 2, 4, 8].map((rows) => cell(rows, 1, 1000 + 100 * rows));
  const eight = (given: Partial<Fleet> = {}) =>
    fleetOf(batches, { machines: 8, models: [modelOf(batches), modelOf(batches)], ...given });

  test("wait less by model than where a machine's lanes take turns among them all", async () => {
    const run = (policy: Fleet['policy']) => simulate(eight({ policy }), byTurns(poisson(12_000, 2)));
    const [all, byModel] = [await run('leastLoaded'), await run('byModel')];
    expect(byModel.p99).toBeLessThan(0.7 * all.p99);
    expect(byModel.p50).toBeLessThan(all.p50);
    expect([all.lost, byModel.lost, byModel.refused]).toEqual([0, 0, 0]);
    for (const of of [all, byModel]) {
      expect(of.models.reduce((sum, { requests }) => sum + requests, 0)).toBe(of.requests);
      expect(of.models.reduce((sum, { goodput }) => sum + goodput, 0)).toBeCloseTo(of.goodput, 6);
    }
  });

  test('are lost by model where all that hold them are down', async () => {
    const failing = eight({ machines: 2, failsEveryMicros: 2e6, startUpMicros: 1e6, policy: 'byModel' });
    const { lost, requests, failures, models } = await simulate(failing, byTurns(poisson(500, 20)));
    expect(failures).toBeGreaterThan(4);
    expect(lost).toBeGreaterThan(0);
    expect(lost).toBeLessThan(requests / 2);
    expect(models.reduce((sum, one) => sum + one.lost, 0)).toBe(lost);
  });

  test('that get more to do get more machines by model, and give them back', async () => {
    const slow = [cell(1, 1, 10_000)];
    const fleet = fleetOf(slow, {
      machines: 4,
      models: [modelOf(slow), modelOf(slow)],
      policy: 'byModel',
      scaleTo: 0.6,
      startUpMicros: 1e6,
    });
    // The second model alone grows.
    const times = [...poisson(60, 60), ...poisson(400, 90, 2).map((at) => at + 60e6)];
    const grown = await simulate(
      fleet,
      askedAt(times, { modelOf: (request) => (times[request]! < 60e6 ? request % 2 : 1) }),
    );
    expect(grown.mostMachines).toBeGreaterThanOrEqual(7);
    const rest = await simulate({ ...fleet, machines: 12 }, byTurns(poisson(20, 200)));
    expect(rest.machines).toBeLessThan(8);
    expect(rest.lost).toBe(0);
  });

  test('do the same again by the same seed, whatever the policy', async () => {
    for (const policy of policies) {
      const run = () => simulate(eight({ policy, failsEveryMicros: 1e6 }), byTurns(poisson(2000, 1)));
      expect(await run()).toEqual(await run());
    }
  });
});
