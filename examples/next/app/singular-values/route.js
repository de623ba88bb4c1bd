// POST /singular-values

import { handler } from '../../service.js';

export const POST = handler(async (service, request) => service.singularValues(await request.json()));
