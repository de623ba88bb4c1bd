// The page's script: asks for the status each second, draws what came in between, and sends what is tried.

const seconds = 60;
const byId = (id) => document.getElementById(id);
const state = { token: '', models: [], points: [], last: undefined, metadata: '' };

/** An element with text or others in it; what comes from the server is never HTML. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

async function ask(path, body) {
  const headers = state.token === '' ? {} : { authorization: `Bearer ${state.token}` };
  const response = await fetch(path, {
    headers,
    cache: 'no-store',
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });
  if (response.status === 401) byId('access').hidden = false;
  const text = await response.text();
  if (response.ok) return parse(text);
  let message = text;
  try {
    message = JSON.parse(text).error;
  } catch {
    // It is told as it is.
  }
  throw new Error(message || `status ${response.status}`);
}

/** What is no number in JSON, and is one in what models give, as text. */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return JSON.parse(text.replace(/(?<=[[,:]\s*)(-?Infinity|NaN)(?=\s*[\],}])/g, '"$1"'));
  }
}

async function poll() {
  try {
    show(await ask('status'));
  } catch (error) {
    byId('about').textContent = `The server does not answer: ${error.message}`;
  }
  setTimeout(poll, 1000);
}

function show(status) {
  const { server, device, ready, models, advice } = status;
  byId('access').hidden = true;
  byId('about').textContent =
    `${server.version} on the ${device.kind.toUpperCase()} (${device.name}), ${ready ? 'ready' : 'not ready'}`;
  state.models = models;
  const now = { at: performance.now(), models };
  if (state.last !== undefined) {
    state.points.push(between(state.last, now));
    if (state.points.length > seconds) state.points.shift();
  }
  state.last = now;
  listModels();
  listAdvice(advice);
  offer(byId('shown'), ['', ...models.map(({ name }) => name)], (name) => name || 'all models');
  const served = models.filter(({ versions }) => versions.some(({ inputs }) => inputs));
  offer(
    byId('model'),
    served.map(({ name }) => name),
  );
  const metadata = JSON.stringify(chosen()?.inputs ?? []);
  if (metadata !== state.metadata) {
    state.metadata = metadata;
    askForInputs();
  }
  drawCharts();
}

/** Keeps what is chosen, and changes nothing where there is nothing new. */
function offer(select, values, shown = (value) => value) {
  if ([...select.options].map(({ value }) => value).join('\n') === values.join('\n')) return;
  const before = select.value;
  select.replaceChildren(...values.map((value) => make('option', { value }, shown(value))));
  if (values.includes(before)) select.value = before;
}

const number = (value) => value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 1 : 0 });

function listModels() {
  const rows = state.models.flatMap(({ name, versions }) =>
    versions.map(({ version, state: where, error, stats }) => {
      const cells = [
        make('td', {}, name),
        make('td', {}, String(version)),
        make('td', { class: where }, where, ...(error ? [make('div', { class: 'why' }, error)] : [])),
        ...[stats?.succeeded, stats?.failed, stats && stats.batches > 0 ? stats.rows / stats.batches : undefined].map(
          (value) => make('td', {}, value === undefined ? '' : number(value)),
        ),
      ];
      return make('tr', {}, ...cells);
    }),
  );
  byId('models').tBodies[0].replaceChildren(...rows);
}

function listAdvice(advice) {
  byId('advice').hidden = advice.length === 0;
  const items = advice.map(({ model, problem, change }) =>
    make('li', {}, ...(model ? [make('b', {}, model), ': '] : []), problem, make('div', {}, change)),
  );
  byId('advice')
    .querySelector('ul')
    .replaceChildren(...items);
}

/** What came of each model between two looks, by its name. */
function between(before, after) {
  const passed = (after.at - before.at) / 1000;
  const sums = (models) =>
    new Map(models.map(({ name, versions }) => [name, versions.flatMap(({ stats }) => stats ?? [])]));
  const old = sums(before.models);
  const point = new Map();
  for (const [name, stats] of sums(after.models)) {
    const was = old.get(name) ?? [];
    const total = (list, value) => list.reduce((sum, one) => sum + (value(one) ?? 0), 0);
    // A version that went away takes its counts along.
    const grown = (value) => Math.max(0, total(stats, value) - total(was, value));
    const bounds = stats.find(({ latency }) => latency)?.latency.upTo ?? [];
    const keys = (of) => [...new Set(stats.flatMap((one) => Object.keys(of(one))))];
    point.set(name, {
      rate: grown(({ succeeded }) => succeeded) / passed,
      queued: total(stats, ({ queued }) => queued),
      bounds,
      counts: bounds.map((_, at) => grown(({ latency }) => latency?.counts[at])),
      sizes: Object.fromEntries(keys(({ sizes }) => sizes).map((size) => [size, grown(({ sizes }) => sizes[size])])),
      closed: Object.fromEntries(keys(({ closed }) => closed).map((why) => [why, grown(({ closed }) => closed[why])])),
    });
  }
  return point;
}

/** Of the models that are shown, added up. */
function total(point) {
  const shown = byId('shown').value;
  const parts = [...point].filter(([name]) => shown === '' || name === shown).map(([, part]) => part);
  const sum = { rate: 0, queued: 0, bounds: [], counts: [], sizes: {}, closed: {} };
  for (const { rate, queued, bounds, counts, sizes, closed } of parts) {
    sum.rate += rate;
    sum.queued += queued;
    if (bounds.length > 0) sum.bounds = bounds;
    for (const [at, count] of counts.entries()) sum.counts[at] = (sum.counts[at] ?? 0) + count;
    for (const [size, count] of Object.entries(sizes)) sum.sizes[size] = (sum.sizes[size] ?? 0) + count;
    for (const [why, count] of Object.entries(closed)) sum.closed[why] = (sum.closed[why] ?? 0) + count;
  }
  return sum;
}

/** In milliseconds: the bound of the bucket in which the share of the answers was reached; undefined where there were none. */
function quantile({ bounds, counts }, share) {
  const all = counts.at(-1) ?? 0;
  if (all === 0) return undefined;
  return bounds[counts.findIndex((count) => count >= share * all)] / 1000;
}

function drawCharts() {
  const points = state.points.map(total);
  const last = points.at(-1);
  const shown = (value, unit) => (value === undefined ? '-' : `${number(value)} ${unit}`);
  const [p50, p99] = [0.5, 0.99].map((share) => points.map((point) => quantile(point, share)));
  const sums = (of) => {
    const all = {};
    for (const point of points) {
      for (const [key, count] of Object.entries(of(point))) all[key] = (all[key] ?? 0) + count;
    }
    return Object.entries(all).filter(([, count]) => count > 0);
  };
  byId('charts').replaceChildren(
    chart('Answers a second', shown(last?.rate, '/s'), [points.map(({ rate }) => rate)]),
    chart('Latency, p50 and p99 at most', `${shown(p50.at(-1), 'ms')}, ${shown(p99.at(-1), 'ms')}`, [p50, p99]),
    chart('Requests in the queue', shown(last?.queued, ''), [points.map(({ queued }) => queued)]),
    bars(
      'Batches by their rows, last minute',
      sums(({ sizes }) => sizes).sort(([a], [b]) => a - b),
    ),
    bars(
      'Why batches closed, last minute',
      sums(({ closed }) => closed).sort(([, a], [, b]) => b - a),
    ),
  );
}

function chart(title, now, lines) {
  const most = Math.max(1e-9, ...lines.flat().filter((value) => value !== undefined));
  const namespace = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(namespace, 'svg');
  svg.setAttribute('viewBox', `0 0 ${seconds} 100`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', `${title}: ${now} now, at most ${number(most)} in the last minute`);
  for (const [at, values] of lines.entries()) {
    let isDrawing = false;
    const steps = values.map((value, i) => {
      const move = isDrawing ? 'L' : 'M';
      isDrawing = value !== undefined;
      return isDrawing ? `${move}${seconds - values.length + i} ${98 - (96 * value) / most}` : '';
    });
    const path = document.createElementNS(namespace, 'path');
    path.setAttribute('d', steps.join(''));
    path.setAttribute('class', `line ${at === 0 ? 'one' : 'two'}`);
    svg.append(path);
  }
  return make('figure', {}, make('figcaption', {}, title, make('b', {}, now)), svg);
}

function bars(title, entries) {
  const most = Math.max(1, ...entries.map(([, count]) => count));
  const rows = entries.slice(0, 12).map(([key, count]) => {
    const meter = make('meter', { max: most, value: count, 'aria-hidden': 'true' });
    return make('li', {}, make('span', {}, key), meter, make('span', {}, number(count)));
  });
  const list = make('ul', { class: 'bars' }, ...(rows.length > 0 ? rows : [make('li', {}, 'none')]));
  return make('figure', {}, make('figcaption', {}, title), list);
}

// Trying a model.

/** The version that is served of the model that is chosen. */
function chosen() {
  const name = byId('model').value;
  return state.models.find((model) => model.name === name)?.versions.find(({ inputs }) => inputs);
}

/** [N, 3, height, width] or [N, height, width, 3], of which a picture can be made. */
function pictureLayout({ shape, datatype }) {
  if (shape.length !== 4 || !['FP32', 'UINT8'].includes(datatype)) return undefined;
  if (shape[1] === 3 || shape[1] === 1)
    return { channels: shape[1], height: shape[2], width: shape[3], isPlanar: true };
  if (shape[3] === 3 || shape[3] === 1)
    return { channels: shape[3], height: shape[1], width: shape[2], isPlanar: false };
  return undefined;
}

function askForInputs() {
  const fields = (chosen()?.inputs ?? []).map((input) => {
    const { name, datatype, shape } = input;
    // Linear algebra takes any rank: a matrix.
    const isAnyRank = shape.length === 0 && byId('model').value.startsWith('linalg.');
    const dims = (isAnyRank ? [2, 2] : shape).map((dim) => (dim === -1 ? 1 : dim));
    const size = dims.reduce((product, dim) => product * dim, 1);
    const example = datatype === 'BYTES' ? '""' : datatype === 'BOOL' ? 'false' : '0';
    const values = size <= 4096 ? `[${Array.from({ length: size }, () => example).join(', ')}]` : '';
    const picture = pictureLayout(input);
    const fieldset = make(
      'fieldset',
      { 'data-input': name },
      make('legend', {}, `${name}: ${datatype} [${shape.join(', ')}]`),
      make('label', {}, 'Shape ', make('input', { class: 'shape', value: dims.join(', ') })),
      ...(picture ? pictureFields() : []),
      make('label', { class: 'wide' }, 'Values ', make('textarea', { class: 'values', spellcheck: 'false' }, values)),
    );
    return fieldset;
  });
  byId('inputs').replaceChildren(...fields);
  byId('run').disabled = fields.length === 0;
}

function pictureFields() {
  const scale = make('select', { class: 'scale' });
  scale.append(
    make('option', { value: '0 255' }, '0 to 1'),
    make('option', { value: '127.5 127.5' }, '-1 to 1'),
    make('option', { value: '0 1' }, '0 to 255'),
  );
  return [
    make('label', {}, ' Picture ', make('input', { class: 'picture', type: 'file', accept: 'image/*' })),
    make('label', {}, ' as ', scale),
  ];
}

/** The picture's colours, at the input's size: what is free of it, as the picture has it, up to 640. */
async function pixelsOf(file, input, scale) {
  const { channels, height, width, isPlanar } = pictureLayout(input);
  const bitmap = await createImageBitmap(file);
  const [h, w] = [height > 0 ? height : Math.min(640, bitmap.height), width > 0 ? width : Math.min(640, bitmap.width)];
  const canvas = make('canvas', { width: w, height: h });
  const context = canvas.getContext('2d');
  context.drawImage(bitmap, 0, 0, w, h);
  const { data } = context.getImageData(0, 0, w, h);
  const [offset, divisor] = input.datatype === 'UINT8' ? [0, 1] : scale.split(' ').map(Number);
  const values = new Array(channels * h * w);
  for (let pixel = 0; pixel < h * w; pixel++) {
    for (let c = 0; c < channels; c++) {
      const at = isPlanar ? c * h * w + pixel : pixel * channels + c;
      const grey = (data[4 * pixel] + data[4 * pixel + 1] + data[4 * pixel + 2]) / 3;
      values[at] = ((channels === 1 ? Math.round(grey) : data[4 * pixel + c]) - offset) / divisor;
    }
  }
  return { shape: isPlanar ? [1, channels, h, w] : [1, h, w, channels], data: values };
}

async function inputOf(fieldset) {
  const input = chosen().inputs.find(({ name }) => name === fieldset.dataset.input);
  const { name, datatype } = input;
  const file = fieldset.querySelector('.picture')?.files[0];
  if (file) return { name, datatype, ...(await pixelsOf(file, input, fieldset.querySelector('.scale').value)) };
  const shape = fieldset
    .querySelector('.shape')
    .value.split(',')
    .filter((one) => one.trim() !== '');
  const values = fieldset.querySelector('.values').value.trim();
  if (values === '') throw new Error(`'${name}' has no values`);
  return { name, datatype, shape: shape.map(Number), data: JSON.parse(values) };
}

byId('try').addEventListener('submit', async (event) => {
  event.preventDefault();
  const answer = byId('answer');
  byId('run').disabled = true;
  answer.textContent = 'Running…';
  try {
    const inputs = await Promise.all([...byId('inputs').children].map(inputOf));
    const begun = performance.now();
    const { outputs } = await ask(`v2/models/${encodeURIComponent(byId('model').value)}/infer`, { inputs });
    const took = performance.now() - begun;
    const lines = outputs.map(({ name, datatype, shape, data }) => {
      const more = data.length > 100 ? `, … ${data.length - 100} more` : '';
      return `${name}: ${datatype} [${shape.join(', ')}]\n${data.slice(0, 100).join(', ')}${more}`;
    });
    answer.textContent = `${lines.join('\n')}\n${number(took)} ms`;
  } catch (error) {
    answer.textContent = `It failed: ${error.message}`;
  } finally {
    byId('run').disabled = false;
  }
});

byId('model').addEventListener('change', () => {
  state.metadata = JSON.stringify(chosen()?.inputs ?? []);
  byId('answer').textContent = '';
  askForInputs();
});
byId('shown').addEventListener('change', drawCharts);
byId('access').addEventListener('submit', (event) => {
  event.preventDefault();
  state.token = byId('token').value;
});
void poll();
