// One service for the whole process, begun by the first request: `next build` evaluates the routes, and `next dev` does so again
// after each change.

import { refusalOf, startService } from '../service.mjs';

const service = () => {
  globalThis.tensorlaneService ??= startService(process.env.MODEL);
  return globalThis.tensorlaneService;
};

/** A route's handler from what it does with the service and a request. */
export const handler = (work) => async (request) => {
  try {
    return Response.json(await work(await service(), request));
  } catch (error) {
    const { status, headers, body } = refusalOf(error);
    return Response.json(body, { status, headers });
  }
};
