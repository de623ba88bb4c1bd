// POST /predict. The request's signal aborts when the client hangs up.

import { handler } from '../../service.js';

export const POST = handler(async (service, request) => service.predict(await request.json(), request.signal));
