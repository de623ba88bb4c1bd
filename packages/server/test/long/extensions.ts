// Triton's extensions in requests and calls that chance breaks: shared memory, classes, generate and its events, several answers to a request,
// models that are brought, settings.

import { square } from '../../../../test/support/onnx-builder.js';
import { bytes, json, pick, type Random, type Sent, wrongValues } from './broken.js';

/** A model that answers as often as its input is high. */
export const countdown = `export const inputs = [{ name: 'x', type: 'float32', dims: [-1, 2] }];
export const outputs = [{ name: 'y', type: 'float32', dims: [-1, 2] }];
export async function* run({ x }) {
  for (let i = 0; i < Math.min(x.data[0], 5); i++) yield { y: x };
}`;

/** Whatever becomes of it, others are asked for answers that are right. */
const victim = 'victim';
const models = ['square', 'countdown', 'text', victim];
const onnx = Buffer.from(square({ features: 2 }));

const place = { shared_memory_region: 'r', shared_memory_byte_size: 8, shared_memory_offset: 0 };
const input = { name: 'x', shape: [1, 2], datatype: 'FP32' };
const inferences = [
  { inputs: [{ ...input, data: [1, 2] }], outputs: [{ name: 'y', parameters: { classification: 2 } }] },
  {
    inputs: [{ ...input, parameters: place }],
    outputs: [{ name: 'y', parameters: { ...place, shared_memory_offset: 64 } }],
  },
  { inputs: [{ ...input, data: [3, 2] }], parameters: { sequence_id: 1, sequence_start: true } },
];
const generations = [
  { x: [3, 2] },
  { x: 2, id: 'a' },
  { x: ['a', 'b'], stream: true },
  { x: [1, 2], parameters: { priority: 1 } },
];

/** `key`: the name of shared memory that is there. */
export function extension(random: Random, key: string): Sent {
  const model = pick(random, models);
  const region = pick(random, ['r', 'r', 's', '%00', 'x'.repeat(300)]);
  const [path, valid] = pick<readonly [string, object]>(random, [
    [`/v2/models/${model}/infer`, pick(random, inferences)],
    [`/v2/models/${model}/infer`, pick(random, inferences)],
    [`/v2/models/${model}/generate`, pick(random, generations)],
    [`/v2/models/${model}/generate_stream`, pick(random, generations)],
    [`/v2/systemsharedmemory/region/${region}/register`, { key, offset: 0, byte_size: 128 }],
    [`/v2/systemsharedmemory${random() < 0.8 ? `/region/${region}` : ''}/unregister`, {}],
    [`/v2/cudasharedmemory/region/${region}/register`, { raw_handle: { b64: 'AAAA' }, device_id: 0, byte_size: 8 }],
    [`/v2/repository/models/${victim}/load`, { parameters: brought() }],
    [`/v2/repository/models/${victim}/unload`, { parameters: { unload_dependents: true } }],
    ['/v2/trace/setting', { trace_level: ['TIMESTAMPS'], trace_rate: '7', trace_count: '-1', log_frequency: '0' }],
    [`/v2/models/${model}/trace/setting`, { trace_rate: null }],
    ['/v2/logging', { log_info: false, log_verbose_level: 0, log_format: 'default' }],
  ]);
  const headers = random() < 0.2 ? { accept: 'multipart/mixed' } : {};
  return { method: 'POST', path, headers, body: Buffer.from(json(random, JSON.stringify(valid))) };
}

function brought() {
  return { config: '{"max_batch_size": 4}', 'file:1/model.onnx': onnx.toString('base64') };
}

const tensor = { name: 'x', datatype: 'FP32', shape: [1, 2] };
const int = (int64_param: number) => ({ int64_param });
const text = (string_param: string) => ({ string_param });
const example = { features: { feature: { x: { float_list: { value: [1, 2] } } } } };
const inferred = (model_name: string, more: object = {}) => ({
  model_name,
  inputs: [tensor],
  raw_input_contents: [new Uint8Array(Float32Array.of(3, 2).buffer)],
  ...more,
});
const shared = (offset: number) => ({
  shared_memory_region: text('r'),
  shared_memory_byte_size: int(8),
  shared_memory_offset: int(offset),
});

/** Requests of ModelStreamInfer. */
export const streamed: readonly object[] = [
  inferred('square'),
  inferred('countdown', { parameters: { triton_enable_empty_final_response: { bool_param: true } } }),
  inferred('square', { outputs: [{ name: 'y', parameters: { classification: int(2) } }] }),
  {
    model_name: 'square',
    inputs: [{ ...tensor, parameters: shared(0) }],
    outputs: [{ name: 'y', parameters: shared(64) }],
  },
];

/** Paths, names of messages, and messages. */
export const extensionCalls = (key: string): readonly (readonly [string, string, object])[] => {
  const inference = (method: string, message: object) =>
    [`inference.GRPCInferenceService/${method}`, `inference.${method}Request`, message] as const;
  const serving = (method: string, name: string, message: object) =>
    [`tensorflow.serving.PredictionService/${method}`, `tensorflow.serving.${name}`, message] as const;
  const examples = { model_spec: { name: 'square' }, input: { example_list: { examples: [example] } } };
  return [
    ...streamed.map((one) => inference('ModelInfer', one)),
    inference('SystemSharedMemoryRegister', { name: 'r', key, offset: 0, byte_size: 128 }),
    inference('SystemSharedMemoryUnregister', { name: 'r' }),
    inference('SystemSharedMemoryStatus', { name: 'r' }),
    inference('CudaSharedMemoryRegister', { name: 'r', raw_handle: new Uint8Array(8), device_id: 0, byte_size: 8 }),
    inference('RepositoryModelLoad', {
      model_name: victim,
      parameters: { config: { string_param: '{"max_batch_size": 4}' }, 'file:1/model.onnx': { bytes_param: onnx } },
    }),
    inference('RepositoryModelUnload', { model_name: victim, parameters: { unload_dependents: { bool_param: true } } }),
    inference('TraceSetting', { model_name: 'square', settings: { trace_rate: { value: ['7'] } } }),
    [
      'inference.GRPCInferenceService/LogSettings',
      'inference.LogSettingsRequest',
      { settings: { log_info: { bool_param: false } } },
    ],
    inference('ModelConfig', { name: 'square' }),
    serving('Classify', 'ClassificationRequest', examples),
    serving('Regress', 'RegressionRequest', examples),
    serving('MultiInference', 'MultiInferenceRequest', {
      tasks: [{ model_spec: { name: 'square' }, method_name: 'tensorflow/serving/regress' }],
      input: examples.input,
    }),
    serving('GetModelMetadata', 'GetModelMetadataRequest', {
      model_spec: { name: 'square' },
      metadata_field: ['signature_def'],
    }),
    ['grpc.health.v1.Health/Check', 'grpc.health.v1.HealthCheckRequest', { service: 'square' }],
  ];
};

/** A value of one of its fields may be another message's. */
export const brokenMessage = (random: Random, encoded: Uint8Array): Buffer =>
  random() < 0.05 ? Buffer.from(pick(random, wrongValues)) : bytes(random, encoded);
