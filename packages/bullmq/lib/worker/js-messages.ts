// What a model that is JS and its worker tell each other over the border of its thread.

import type { Tensor } from 'tensorlane';
import type { Tensors } from '../payload/tensors.js';

/** An error on the other side. */
export interface Told {
  readonly code: string | undefined;
  readonly message: string;
}

/** What the thread is made with. */
export interface ThreadData {
  readonly name: string;
  readonly file: string;
}

/** To the thread. `run` numbers the runs of a thread, `call` what they ask for. */
export type ToThread =
  | {
      readonly kind: 'run';
      readonly run: number;
      readonly feeds: Tensors;
      readonly context: {
        readonly id: string;
        readonly attempt: number;
        readonly options: Readonly<Record<string, unknown>>;
      };
    }
  | { readonly kind: 'abort'; readonly run: number; readonly reason: Told }
  | { readonly kind: 'answer'; readonly call: number; readonly outputs: Tensors }
  | { readonly kind: 'refusal'; readonly call: number; readonly error: Told };

/** From the thread. */
export type FromThread =
  | { readonly kind: 'ready' }
  | { readonly kind: 'broken'; readonly error: Told }
  | { readonly kind: 'done'; readonly run: number; readonly outputs: Tensors }
  | { readonly kind: 'failed'; readonly run: number; readonly error: Told }
  | { readonly kind: 'progress'; readonly run: number; readonly value: number | object }
  | {
      readonly kind: 'call';
      readonly run: number;
      readonly call: number;
      readonly name: string;
      readonly feeds: Tensors;
      readonly options: Readonly<Record<string, unknown>>;
    };

/** Copies that the other side may have: a tensor is often a part of a batch's memory, which would go along as a whole. */
export function packed(tensors: Tensors): { readonly copies: Tensors; readonly memory: ArrayBuffer[] } {
  const memory: ArrayBuffer[] = [];
  const copies = Object.entries(tensors).map(([name, { type, data, dims }]) => {
    if (type === 'string') return [name, { type, data: [...data], dims: [...dims] } as Tensor] as const;
    const own = data.slice();
    memory.push(own.buffer as ArrayBuffer);
    return [name, { type, data: own, dims: [...dims] } as Tensor] as const;
  });
  return { copies: Object.fromEntries(copies), memory };
}

export function told(reason: unknown): Told {
  const { code, message } = (reason ?? {}) as { code?: unknown; message?: unknown };
  return {
    code: typeof code === 'string' ? code : undefined,
    message: typeof message === 'string' ? message : String(reason),
  };
}
