// The protocols, put together behind one budget: finds whose a request is, and has an answer to everything.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Engine } from '../engine/engine.js';
import { metricsPaths, prometheus } from '../metrics/metrics.js';
import { tensorflowServing } from '../tfs/protocol.js';
import { openInference } from '../v2/protocol.js';
import { ByteBudget } from './budget.js';
import { type Answer, type Exchange, jsonAnswer, type Protocol } from './exchange.js';
import { FetchExchange } from './fetch.js';
import type { Limits } from './limits.js';
import { compressed, NodeExchange } from './node.js';

export class Service {
  readonly budget: ByteBudget;
  readonly #limits: Limits;
  readonly #protocols: readonly Protocol[];
  readonly #hasMetrics: boolean;
  #isRetired = false;

  /** `withMetrics`: also what Prometheus scrapes. */
  constructor(engine: Engine, limits: Limits, withMetrics = false) {
    this.#limits = limits;
    this.budget = new ByteBudget(limits);
    this.#protocols = [openInference(engine), tensorflowServing(engine), ...(withMetrics ? [prometheus(engine)] : [])];
    this.#hasMetrics = withMetrics;
  }

  /** From now on no connection is kept for a next request. */
  retire(): void {
    this.#isRetired = true;
  }

  /** Whether a path is one of its protocols'. */
  owns(path: string): boolean {
    return /^\/v[12](\/|$)/i.test(path) || (this.#hasMetrics && metricsPaths.includes(path));
  }

  /** Never rejects. */
  async answer(exchange: Exchange): Promise<Answer> {
    for (const protocol of this.#protocols) {
      const answer = protocol(exchange);
      if (answer !== undefined) return answer;
    }
    return jsonAnswer(404, { error: 'there is nothing at this path' });
  }

  /** What is to be sent to a request of the web's. Never rejects. */
  async respondToFetch(request: Request, path: string): Promise<Answer> {
    const lease = this.budget.lease();
    try {
      const exchange = new FetchExchange(request, path, this.#limits, lease);
      return await compressed(await this.answer(exchange), exchange.header('accept-encoding'));
    } finally {
      lease.release();
    }
  }

  /** What is to be sent to a request of node:http. Never rejects. */
  async respond(message: IncomingMessage, response: ServerResponse, path: string): Promise<Answer> {
    const lease = this.budget.lease();
    try {
      const exchange = new NodeExchange(message, response, path, this.#limits, lease);
      const answer = await compressed(await this.answer(exchange), exchange.header('accept-encoding'));
      // What was not read of the body is in the way of the next request.
      if (message.complete && !this.#isRetired) return answer;
      return { ...answer, headers: { ...answer.headers, connection: 'close' } };
    } finally {
      lease.release();
    }
  }
}
