// tensorflow.serving.PredictionService and ModelService: TensorFlow Serving's protocol over gRPC.

import type { Server } from '@grpc/grpc-js';
import type { Feeds, RunOptions, Tensor, ValueInfo } from 'tensorlane';
import { reloadedModels } from '../config/tensorflow.js';
import { byType, elementTypes } from '../core/dtypes.js';
import { invalid, statuses, told } from '../core/errors.js';
import { FillBudget } from '../core/fill-budget.js';
import { messageType } from '../core/protos.js';
import type { Engine } from '../engine/engine.js';
import { elementsOf } from '../json/tensor.js';
import { tensorflowCounts } from '../tfs/counts.js';
import { versionsOf } from '../tfs/models.js';
import { defaultSignature, requireSignature, resolve } from '../tfs/reference.js';
import { tensorOfBytes } from '../v2/binary.js';
import { requireFew, requireInputs } from '../v2/inputs.js';
import { servedTensor } from '../v2/reply.js';
import { inferExamples, multiInference } from './examples.js';
import { tensorOfValues } from './inference.js';
import { type Long, longsOf, toNumber } from './longs.js';
import { referenceOf, specOf } from './reference.js';
import { type Around, addService, type Call, type Message } from './service.js';

export const predictionService = 'tensorflow.serving.PredictionService';
export const modelService = 'tensorflow.serving.ModelService';

const byNumber = new Map(elementTypes.map((one) => [one.tfNumber, one]));
/** Where a type's elements are, when they are not bytes. */
const fields: Readonly<Record<string, string>> = {
  DT_FLOAT: 'float_val',
  DT_DOUBLE: 'double_val',
  DT_INT32: 'int_val',
  DT_UINT8: 'int_val',
  DT_INT16: 'int_val',
  DT_INT8: 'int_val',
  DT_UINT16: 'int_val',
  DT_STRING: 'string_val',
  DT_INT64: 'int64_val',
  DT_BOOL: 'bool_val',
  DT_HALF: 'half_val',
  DT_BFLOAT16: 'half_val',
  DT_UINT32: 'uint32_val',
  DT_UINT64: 'uint64_val',
};

export function addTensorflow(server: Server, engine: Engine, around: Around): void {
  const counted = (api: string, work: (request: Message, call: Call) => Promise<object>) => {
    const counts = tensorflowCounts(engine);
    return (request: Message, call: Call) => {
      const spec = request.model_spec ?? request.tasks?.[0]?.model_spec;
      return counts.count(spec?.name ?? '', api, 'GRPC', () => work(request, call));
    };
  };
  addService(server, predictionService, around, {
    Predict: counted('Predict', (request, call) => predict(engine, request, call)),
    GetModelMetadata: (request) => metadata(engine, request),
    Classify: counted('Classify', (request, call) =>
      inferExamples(engine, 'tensorflow/serving/classify', request, call),
    ),
    Regress: counted('Regress', (request, call) => inferExamples(engine, 'tensorflow/serving/regress', request, call)),
    MultiInference: counted('MultiInference', (request, call) => multiInference(engine, request, call)),
  });
  addService(server, modelService, around, {
    GetModelStatus: (request) => status(engine, request),
    HandleReloadConfigRequest: (request) => reload(engine, request),
  });
}

async function predict(engine: Engine, request: Message, call: Call): Promise<object> {
  const { model_spec: spec, output_filter: filter } = request;
  const reference = referenceOf(spec);
  requireSignature(spec.signature_name);
  return resolve(engine, reference).use(async (servable) => {
    const feeds = Object.create(null) as Record<string, Tensor>;
    const inputs = Object.entries(request.inputs as Record<string, Message>);
    requireFew('inputs', inputs.length);
    requireFew('output_filter', filter.length);
    requireInputs(
      servable,
      inputs.map(([name]) => name),
    );
    const filled = new FillBudget();
    for (const [name, tensor] of inputs) feeds[name] = tensorOf(`input '${name.slice(0, 100)}'`, tensor, filled);
    const left = call.deadlineMicros();
    const options: RunOptions = {
      signal: call.signal,
      ...(left === undefined ? {} : { deadlineMicros: left }),
      ...(filter.length === 0 ? {} : { outputs: [...new Set(filter as string[])] }),
    };
    const results = await servable.run(feeds as Feeds, options);
    const names: string[] = filter.length > 0 ? filter : servable.outputs.map(({ name }) => name);
    const outputs = Object.fromEntries(names.map((name) => [name, protoOf(servedTensor(name, results[name]))]));
    return { outputs, model_spec: specOf(servable.name, servable.version, defaultSignature) };
  });
}

/** Errors: INVALID_ARGUMENT. */
function tensorOf(what: string, tensor: Message, filled: FillBudget): Tensor {
  const type = byNumber.get(tensor.dtype);
  if (type === undefined) throw invalid(`${what}: TensorFlow's type ${tensor.dtype} is not served`);
  const shape = tensor.tensor_shape;
  if (shape?.unknown_rank) throw invalid(`${what}: a tensor that is sent has a rank`);
  const dims = ((shape?.dim ?? []) as { size: Long }[]).map(({ size }) => toNumber(size));
  const content = tensor.tensor_content as Uint8Array;
  if (content.length > 0) {
    if (type.type !== 'string') return tensorOfBytes(what, type, dims, content);
    throw invalid(`${what}: strings are sent in string_val`);
  }
  const values = tensor[fields[type.tf]!] as Message[];
  const length = elementsOf(what, dims);
  if (values.length > length)
    throw invalid(`${what}: its shape has ${length} elements, but ${values.length} were given`);
  // The last value fills what is left. What is empty is no way to ask for more memory than the bytes that came.
  if (values.length === 0 && length > 0) throw invalid(`${what}: ${fields[type.tf]} is empty, as is tensor_content`);
  filled.add(what, length - values.length);
  // Halves are bits already.
  return tensorOfValues(what, type, dims, values, length);
}

function protoOf(tensor: Tensor) {
  const { type, data, dims } = tensor;
  const { tf, tfNumber } = byType.get(type)!;
  const values =
    type === 'string'
      ? (data as readonly string[]).map((one) => Buffer.from(one))
      : data instanceof BigInt64Array || data instanceof BigUint64Array
        ? longsOf(data)
        : type === 'bool'
          ? Array.from(data as Uint8Array, (one) => one !== 0)
          : data;
  return { dtype: tfNumber, tensor_shape: { dim: dims.map((size) => ({ size })) }, [fields[tf]!]: values };
}

function metadata(engine: Engine, request: Message): object {
  const wanted = request.metadata_field as string[];
  if (wanted.length === 0) throw invalid('GetModelMetadataRequest must specify at least one metadata_field');
  const unknown = wanted.find((field) => field !== 'signature_def');
  if (unknown !== undefined) throw invalid(`Metadata field ${unknown.slice(0, 100)} is not supported`);
  const servable = resolve(engine, referenceOf(request.model_spec));
  const type = messageType('tensorflow.serving.SignatureDefMap');
  const signature = {
    inputs: infos(servable.inputs),
    outputs: infos(servable.outputs),
    method_name: 'tensorflow/serving/predict',
  };
  const value = type.encode({ signature_def: { [defaultSignature]: signature } }).finish();
  const any = { type_url: 'type.googleapis.com/tensorflow.serving.SignatureDefMap', value };
  return { model_spec: specOf(servable.name, servable.version, ''), metadata: { signature_def: any } };
}

function infos(values: readonly ValueInfo[]) {
  return Object.fromEntries(
    values.flatMap(({ name, type, dims }) => {
      const dtype = byType.get(type)?.tfNumber;
      if (dtype === undefined) return [];
      const shape = dims === undefined ? { unknown_rank: true } : { dim: dims.map((size) => ({ size })) };
      return [[name, { name: `${name}:0`, dtype, tensor_shape: shape }]];
    }),
  );
}

const states = { START: 10, LOADING: 20, AVAILABLE: 30, UNLOADING: 40, END: 50 } as const;

function status(engine: Engine, request: Message): object {
  const versions = versionsOf(engine, referenceOf(request.model_spec));
  return {
    model_version_status: versions.map(({ version, state, error }) => {
      const failed = error === undefined || state === 'AVAILABLE' ? undefined : told(error);
      const code =
        failed === undefined ? {} : { error_code: statuses[failed.status].grpc, error_message: failed.message };
      return { version, state: states[state], status: code };
    }),
  };
}

/** What is said of models is from now on what the request says. */
async function reload(engine: Engine, request: Message): Promise<object> {
  if (!request.config) throw invalid('ReloadConfigRequest has no config');
  const config = messageType('tensorflow.serving.ModelServerConfig').toObject(request.config, { longs: String });
  await engine.reconfigure(reloadedModels(config));
  return { status: {} };
}
