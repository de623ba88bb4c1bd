// A client with the library's own surface: models of a server, over its binary protocol, so that several processes share one device and its
// batches.

import type { AgentOptions } from 'node:https';
import { type Outputs, type Tensor, type TensorGiven, TensorlaneError, type ValueInfo } from 'tensorlane';
import { byType, byV2Name } from '../core/dtypes.js';
import { objectOf, shown, wrongOption } from '../core/options.js';
import { timeoutHeader } from '../http/deadline.js';
import { BinaryReader, bytesOf } from '../v2/binary.js';
import { RemoteLinearAlgebra } from './linalg.js';
import { type RemoteFeeds, type RemoteRunOptions, runNames } from './run-options.js';
import { type Received, type Sent, Transport } from './transport.js';

export interface ConnectOptions {
  /** Of node:https's agent: certificates, and how many connections there are at most (`maxSockets`). */
  agent?: AgentOptions | undefined;
  /** Sent with each request, as { authorization: 'Bearer ...' }. */
  headers?: Readonly<Record<string, string>> | undefined;
}

const connectNames: Readonly<Record<keyof ConnectOptions, true>> = { agent: true, headers: true };
const modelNames = { version: true } as const;

/**
 * Connects to a server: 'http://HOST:PORT', 'https://HOST:PORT' or 'unix:PATH'. Resolves when it is there.
 *
 * Errors: ERR_ARGUMENT, ERR_NO_DEVICE (there is no server).
 */
export async function connect(url: string, options: ConnectOptions = {}): Promise<Client> {
  objectOf('connect', options, connectNames);
  const client = new Client(new Transport(url, options.agent ?? {}), options.headers ?? {});
  try {
    await client.ask('/v2/health/live');
  } catch (error) {
    client.close();
    throw error;
  }
  return client;
}

export class Client implements Disposable {
  readonly #transport: Transport;
  readonly #headers: Readonly<Record<string, string>>;
  #isClosed = false;
  /** Where the server has `linalg: true`. */
  readonly linalg = new RemoteLinearAlgebra((path, feeds, options) => this.infer(path, feeds, options));

  /** Clients are made by `connect`. */
  constructor(transport: Transport, headers: Readonly<Record<string, string>>) {
    this.#transport = transport;
    this.#headers = headers;
  }

  /** A model of the server's, in its highest version or the one that is named. Errors: ERR_NOT_FOUND, and those of `connect`. */
  async model(name: string, options: { version?: number | undefined } = {}): Promise<RemoteModel> {
    const { version } = objectOf('model', options, modelNames);
    if (typeof name !== 'string') throw wrongOption(`model: it is asked for by its name, got ${shown(name)}`);
    const path = `/v2/models/${encodeURIComponent(name)}${version === undefined ? '' : `/versions/${version}`}`;
    const { inputs, outputs } = (await this.ask(path)) as Record<'inputs' | 'outputs', readonly Metadata[]>;
    return new RemoteModel(this, name, version, path, inputs.map(infoOf), outputs.map(infoOf));
  }

  /** @internal The JSON at a path. */
  async ask(path: string): Promise<unknown> {
    const { bytes } = await this.#transportOpen().send({ method: 'GET', path, headers: this.#headers });
    return bytes.length === 0 ? undefined : JSON.parse(Buffer.from(bytes).toString());
  }

  /** @internal */
  async infer(path: string, feeds: RemoteFeeds, options: RemoteRunOptions): Promise<Outputs> {
    return outputsOf(await this.#transportOpen().send(this.#request(path, feeds, options)));
  }

  /** @internal */
  async *inferAll(path: string, feeds: RemoteFeeds, options: RemoteRunOptions): AsyncGenerator<Outputs, void> {
    const answers = this.#transportOpen().stream(this.#request(path, feeds, options));
    for await (const answer of answers) yield outputsOf(answer);
  }

  #request(path: string, feeds: RemoteFeeds, options: RemoteRunOptions): Sent {
    objectOf('run: options', options, runNames);
    if (Object(feeds) !== feeds) throw wrongOption(`run: expected an object of tensors by name, got ${shown(feeds)}`);
    const { outputs, signal, priority, timeoutMicros, deadlineMicros } = options;
    const given = Object.entries(feeds).map(([name, tensor]) => ({ name, tensor: sendable(name, tensor) }));
    const binary = given.map(({ tensor }) => bytesOf(tensor));
    const json = {
      parameters: { binary_data_output: true, priority, timeout: timeoutMicros },
      inputs: given.map(({ name, tensor }, at) => ({
        name,
        datatype: byType.get(tensor.type)!.v2,
        shape: tensor.dims,
        parameters: { binary_data_size: binary[at]!.length },
      })),
      ...(outputs === undefined ? {} : { outputs: outputs.map((name) => ({ name })) }),
    };
    const head = Buffer.from(JSON.stringify(json));
    const headers = {
      ...this.#headers,
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(head.length),
      ...(deadlineMicros === undefined ? {} : { [timeoutHeader]: (deadlineMicros / 1000).toFixed(3) }),
    };
    return { method: 'POST', path: `${path}/infer`, headers, body: [head, ...binary], signal };
  }

  /** Closes its connections. What runs is rejected (ERR_DEVICE_LOST). May be called again. */
  close(): void {
    this.#isClosed = true;
    this.#transport.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #transportOpen(): Transport {
    if (!this.#isClosed) return this.#transport;
    throw new TensorlaneError('ERR_DISPOSED', 'the client has been closed');
  }
}

/** A model of a server's, as `device.loadModel` gives one of this process's own. */
export class RemoteModel {
  readonly #client: Client;
  readonly #path: string;

  constructor(
    client: Client,
    readonly name: string,
    /** undefined: the highest, whichever that is when it runs. */
    readonly version: number | undefined,
    path: string,
    readonly inputs: readonly ValueInfo[],
    readonly outputs: readonly ValueInfo[],
  ) {
    this.#client = client;
    this.#path = path;
  }

  /**
   * Runs the model on one request of one or more rows, in a batch with whatever else is waiting at the server.
   *
   * Errors: those of `model.run`, ERR_NOT_FOUND (it was unloaded), ERR_NO_DEVICE, ERR_DEVICE_LOST (the server cannot be reached, or went away).
   */
  run(feeds: RemoteFeeds, options: RemoteRunOptions = {}): Promise<Outputs> {
    return this.#client.infer(this.#path, feeds, options);
  }

  /**
   * The answers of a decoupled model as they come, and the one of any other. Who stops taking them ends it at the server, too. Errors: those of
   * `run`, whenever they come.
   */
  stream(feeds: RemoteFeeds, options: RemoteRunOptions = {}): AsyncGenerator<Outputs, void> {
    return this.#client.inferAll(this.#path, feeds, options);
  }
}

interface Metadata {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

/** Of no dimensions is also what the server says of what may have any number of them: then nothing is known. */
function infoOf({ name, datatype, shape }: Metadata): ValueInfo {
  const { type } = byV2Name.get(datatype)!;
  if (shape.length === 0) return { name, type, dims: undefined, dimNames: [] };
  return { name, type, dims: shape, dimNames: shape.map(() => undefined) };
}

/** Errors: ERR_ARGUMENT, ERR_DTYPE. */
function sendable(name: string, tensor: TensorGiven): Tensor {
  const { type, data, dims } = (tensor ?? {}) as Partial<Tensor>;
  if (data === undefined || !Array.isArray(dims)) {
    throw new TensorlaneError('ERR_ARGUMENT', `run: input '${name}' must be a tensor: { type, data, dims }`);
  }
  if (byType.has(type as string)) return tensor as Tensor;
  throw new TensorlaneError(
    'ERR_DTYPE',
    `run: input '${name}' is of ${String(type)}, which cannot be sent to a server`,
  );
}

function outputsOf({ bytes, head }: Received): Outputs {
  const { outputs } = JSON.parse(Buffer.from(bytes.subarray(0, head)).toString()) as {
    outputs: readonly (Metadata & { readonly parameters: { readonly binary_data_size: number } })[];
  };
  const reader = new BinaryReader(bytes.subarray(head));
  const tensors = outputs.map(({ name, datatype, shape, parameters }) => [
    name,
    reader.tensor(`output '${name}'`, byV2Name.get(datatype)!, shape, parameters.binary_data_size),
  ]);
  return Object.fromEntries(tensors) as Outputs;
}
