// Random graphs of any operators with any axes, shapes and constants: of values [N, ...] and of what comes of them. What a graph does
// with its rows, nobody knows who makes it: whoever tests with it has to look at what it gives.

import { type Graph, type Node, node, value } from '../support/onnx-builder.js';
import { arithmetic } from './random-graphs/arithmetic.js';
import { control } from './random-graphs/control.js';
import { dims } from './random-graphs/dims.js';
import { doubtful } from './random-graphs/doubtful.js';
import { layers } from './random-graphs/layers.js';
import { layout } from './random-graphs/layout.js';
import { features, Making, type Steps } from './random-graphs/making.js';
import { picking } from './random-graphs/picking.js';
import { reductions } from './random-graphs/reductions.js';

export { features } from './random-graphs/making.js';

const all: Steps = {
  ...arithmetic,
  ...reductions,
  ...layout,
  ...dims,
  ...picking,
  ...layers,
  ...control,
  ...doubtful,
};
const names = Object.keys(all);

export class RandomGraph {
  readonly #making: Making;
  /** What was done, for whoever reads of a failure. */
  readonly steps: string[] = [];

  constructor(seed: number) {
    this.#making = new Making(seed);
  }

  /** Of so many steps, some of which may turn out to be impossible. */
  make(count: number): Graph {
    const { values, initializers, nodes: made } = this.#making;
    for (let i = 0; i < count; i++) {
      const name = this.#making.one(names);
      const before = values.length;
      all[name]!(this.#making, this.#making.one(values.slice(-3)));
      if (values.length > before) this.steps.push(name);
    }
    const last = values.at(-1)!;
    const nodes = neededFor(last.name, made);
    const used = new Set(nodes.flatMap(namesIn));
    return {
      inputs: [value('x', 'float32', ['N', ...features])],
      outputs: [value('y', 'float32', ['N', ...last.dims.slice(1).map(() => null)])],
      nodes: [...nodes, node('Identity', [last.name], ['y'])],
      initializers: initializers.filter(({ name }) => used.has(name)),
    };
  }
}

/** What nobody has a use for may still fail, for some numbers of rows. */
function neededFor(output: string, nodes: readonly Node[]): Node[] {
  const wanted = new Set([output]);
  const needed = nodes.toReversed().filter(({ outputs, ...rest }) => {
    if (!outputs.some((name) => wanted.has(name))) return false;
    for (const name of namesIn({ outputs, ...rest })) wanted.add(name);
    return true;
  });
  return needed.reverse();
}

function namesIn({ inputs, attributes }: Node): string[] {
  const inner = Object.values(attributes).flatMap((one) => ('graph' in one ? one.graph.nodes.flatMap(namesIn) : []));
  return [...inputs, ...inner];
}
