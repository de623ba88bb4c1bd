// The protocols, put together behind one budget: finds whose a request is, and has an answer to everything.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Refusal, statuses, told } from '../core/errors.js';
import { allowedAt, kindOfRequest, metricsPaths, openApiPath, placeOf } from '../core/routes.js';
import type { Engine } from '../engine/engine.js';
import type { LogSettings } from '../log/settings.js';
import { prometheus } from '../metrics/metrics.js';
import { openApi } from '../openapi/protocol.js';
import { page, pagePaths } from '../page/protocol.js';
import type { Guard } from '../security/access.js';
import { certificateNamesOf } from '../security/tls.js';
import { tensorflowServing } from '../tfs/protocol.js';
import { tracedRequest } from '../trace/request.js';
import type { Tracing } from '../trace/settings.js';
import { openInference } from '../v2/protocol.js';
import { ByteBudget, type Lease } from './budget.js';
import { ending } from './events.js';
import {
  type Answer,
  type Exchange,
  emptyAnswer,
  jsonAnswer,
  type Protocol,
  retryAfter,
  wrongMethod,
} from './exchange.js';
import { FetchExchange } from './fetch.js';
import type { Limits } from './limits.js';
import { compressed, NodeExchange, watchAnswer } from './node.js';

export interface ServiceOptions {
  /** Also what Prometheus scrapes. */
  readonly metrics?: boolean;
  /** Also its description, as OpenAPI has it. */
  readonly openapi?: boolean;
  /** Also the page at /, and what it shows. */
  readonly page?: boolean;
  readonly guard?: Guard | undefined;
  /** What is logged, where that is the server's to say. */
  readonly logging?: LogSettings | undefined;
}

export class Service {
  readonly budget: ByteBudget;
  readonly #tracing: Tracing;
  readonly limits: Limits;
  readonly #protocols: readonly Protocol[];
  readonly #guard: Guard | undefined;
  readonly #own: readonly string[];
  #isRetired = false;

  constructor(engine: Engine, limits: Limits, options: ServiceOptions = {}) {
    const { metrics = false, openapi = false, page: hasPage = false, guard, logging } = options;
    this.#tracing = engine.tracing;
    this.limits = limits;
    this.#guard = guard;
    this.budget = new ByteBudget(limits);
    this.#protocols = [
      openInference(engine, logging),
      tensorflowServing(engine),
      ...(openapi ? [openApi()] : []),
      ...(metrics ? [prometheus(engine)] : []),
      ...(hasPage ? [page(engine)] : []),
    ];
    this.#own = [...(openapi ? [openApiPath] : []), ...(metrics ? metricsPaths : []), ...(hasPage ? pagePaths : [])];
  }

  /** Paths of its own besides those of the protocols. */
  get ownPaths(): readonly string[] {
    return this.#own;
  }

  get retired(): boolean {
    return this.#isRetired;
  }

  /** From now on no connection is kept for a next request. */
  retire(): void {
    this.#isRetired = true;
  }

  /** Whether a path is one of its protocols'. */
  owns(path: string): boolean {
    return /^\/v[12](\/|$)/i.test(path) || this.#own.includes(path);
  }

  /** Never rejects. */
  async answer(exchange: Exchange): Promise<Answer> {
    return tracedRequest(this.#tracing, exchange, async (own) => {
      const { method, path } = own;
      const place = this.owns(path) ? placeOf(path) : undefined;
      if (method === 'OPTIONS' && place !== undefined)
        return { ...emptyAnswer(200), headers: { allow: allowedAt(place) } };
      for (const protocol of this.#protocols) {
        const answer = protocol(own);
        if (answer !== undefined) return answer;
      }
      if (place === undefined) return jsonAnswer(404, { error: 'there is nothing at this path' });
      return wrongMethod(place);
    });
  }

  /** What is to be sent to a request of the web's. Never rejects. */
  async respondToFetch(request: Request, path: string): Promise<Answer> {
    const lease = this.budget.lease();
    const exchange = new FetchExchange(request, path, this.limits, lease);
    return leased(lease, async () => compressed(await this.answer(exchange), exchange.header('accept-encoding')));
  }

  /** What is to be sent to a request of node:http. Never rejects. */
  async respond(message: IncomingMessage, response: ServerResponse, path: string): Promise<Answer> {
    const lease = this.budget.lease(message.socket.remoteAddress ?? 'local');
    return leased(lease, async () => {
      const exchange = new NodeExchange(message, response, path, this.limits, lease);
      const refusal = this.#refusal(message, exchange);
      const answer = refusal ?? (await compressed(await this.answer(exchange), exchange.header('accept-encoding')));
      // What comes as it comes may take its time.
      if (answer.events === undefined) watchAnswer(message, response, this.limits);
      // What was not read of the body is in the way of the next request.
      if (message.httpVersionMajor > 1 || (message.complete && !this.#isRetired)) return answer;
      return { ...answer, headers: { ...answer.headers, connection: 'close' } };
    });
  }

  /** Of what nothing is asked, not even its body. */
  #refusal(message: IncomingMessage, exchange: Exchange): Answer | undefined {
    try {
      requireOwnPage(exchange);
      this.#guard?.check(kindOfRequest(exchange.method, exchange.path), {
        authorization: exchange.header('authorization'),
        certificateNames: () => certificateNamesOf(message.socket),
      });
      return undefined;
    } catch (error) {
      const { status, http, message: why, retryAfterMicros } = told(error);
      const code = http ?? statuses[status].v2;
      const asked = status === 'UNAUTHENTICATED' ? { 'www-authenticate': 'Bearer' } : {};
      return jsonAnswer(code, { error: why }, { ...asked, ...retryAfter(retryAfterMicros, code) });
    }
  }
}

/**
 * Pages of other sites are not answered (CORS is off), and what they send without asking, as forms do, is not taken either. Browsers say
 * whose page it was.
 */
function requireOwnPage(exchange: Exchange): void {
  const { method } = exchange;
  const site = exchange.header('sec-fetch-site');
  if (method === 'GET' || method === 'HEAD' || (site !== 'cross-site' && site !== 'same-site')) return;
  throw new Refusal('PERMISSION_DENIED', 'requests from pages of other sites are not taken here');
}

/** A stream of events is not answered before its end. */
async function leased(lease: Lease, work: () => Promise<Answer>): Promise<Answer> {
  let isStream = false;
  try {
    const answer = await work();
    if (answer.events === undefined) return answer;
    isStream = true;
    return { ...answer, events: ending(answer.events, () => lease.release()) };
  } finally {
    if (!isStream) lease.release();
  }
}
