// What requests and answers look like, as JSON Schema.

export type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string' };
const whole: Schema = { type: 'integer' };
const flag: Schema = { type: 'boolean' };
const nothing: Schema = {};
export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const list = (items: Schema): Schema => ({ type: 'array', items });
const mapOf = (values: Schema): Schema => ({ type: 'object', additionalProperties: values });

/** Of all of which only those that are named in `required` must be there. */
const object = (properties: Readonly<Record<string, Schema>>, ...required: readonly string[]): Schema => ({
  type: 'object',
  properties,
  ...(required.length === 0 ? {} : { required }),
});

const datatype: Schema = {
  type: 'string',
  enum: [
    'BOOL',
    'UINT8',
    'UINT16',
    'UINT32',
    'UINT64',
    'INT8',
    'INT16',
    'INT32',
    'INT64',
    'FP16',
    'BF16',
    'FP32',
    'FP64',
    'BYTES',
  ],
};
const shape: Schema = { ...list(whole), description: '-1 is a dimension that is free' };
const parameters: Schema = {
  type: 'object',
  additionalProperties: { type: ['string', 'number', 'boolean'] },
};
const data: Schema = {
  type: 'array',
  items: nothing,
  description: 'Elements in row-major order, flat or nested. NaN, Infinity and -Infinity are numbers here.',
};
const duration = object({ count: whole, ns: whole }, 'count', 'ns');
const tensorMetadata = object({ name: text, datatype, shape }, 'name', 'datatype', 'shape');
const signatureTensors = mapOf(object({ dtype: text, tensor_shape: nothing, name: text }));

/** By name. */
export const schemas = {
  Error: object({ error: text }, 'error'),
  ServerMetadata: object({ name: text, version: text, extensions: list(text) }, 'name', 'version', 'extensions'),
  ModelMetadata: object(
    { name: text, versions: list(text), platform: text, inputs: list(tensorMetadata), outputs: list(tensorMetadata) },
    'name',
    'versions',
    'platform',
    'inputs',
    'outputs',
  ),
  InferRequest: object(
    {
      id: text,
      parameters,
      inputs: list(object({ name: text, shape: list(whole), datatype, parameters, data }, 'name', 'shape', 'datatype')),
      outputs: list(object({ name: text, parameters }, 'name')),
    },
    'inputs',
  ),
  InferResponse: object(
    {
      id: text,
      model_name: text,
      model_version: text,
      parameters,
      outputs: list(
        object({ name: text, shape: list(whole), datatype, parameters, data }, 'name', 'shape', 'datatype'),
      ),
    },
    'model_name',
    'model_version',
    'outputs',
  ),
  RepositoryIndexRequest: object({ ready: flag }),
  RepositoryIndex: list(object({ name: text, version: text, state: text, reason: text }, 'name')),
  ControlRequest: object({ parameters }),
  ModelStatistics: object(
    {
      model_stats: list(
        object(
          {
            name: text,
            version: text,
            last_inference: whole,
            inference_count: whole,
            execution_count: whole,
            inference_stats: mapOf(duration),
            batch_stats: list(object({ batch_size: whole }, 'batch_size')),
          },
          'name',
          'version',
        ),
      ),
    },
    'model_stats',
  ),
  LogSettings: object({
    log_file: text,
    log_info: flag,
    log_warning: flag,
    log_error: flag,
    log_verbose_level: { type: 'integer', minimum: 0 },
    log_format: { type: 'string', enum: ['default', 'ISO8601'] },
  }),
  TraceSettings: mapOf({ type: ['string', 'array', 'integer', 'null'], items: text }),
  SharedMemoryRegions: list(object({ name: text, key: text, offset: whole, byte_size: whole }, 'name')),
  /** What is not described more closely. */
  Object: { type: 'object' },
  PredictRequest: {
    ...object({ signature_name: text, instances: list(nothing), inputs: nothing }),
    description: 'By rows (instances) or by columns (inputs), one of them. { "b64": text } is bytes.',
    oneOf: [{ required: ['instances'] }, { required: ['inputs'] }],
  },
  PredictResponse: {
    ...object({ predictions: list(nothing), outputs: nothing }),
    oneOf: [{ required: ['predictions'] }, { required: ['outputs'] }],
  },
  ClassifyRequest: object(
    { signature_name: text, context: { type: 'object' }, examples: list({ type: 'object' }) },
    'examples',
  ),
  ClassifyResponse: object({ results: list(nothing) }, 'results'),
  ServedModelStatus: object(
    {
      model_version_status: list(
        object(
          {
            version: text,
            state: { type: 'string', enum: ['START', 'LOADING', 'AVAILABLE', 'UNLOADING', 'END'] },
            status: object({ error_code: text, error_message: text }, 'error_code', 'error_message'),
          },
          'version',
          'state',
          'status',
        ),
      ),
    },
    'model_version_status',
  ),
  ServedModelMetadata: object(
    {
      model_spec: object({ name: text, signature_name: text, version: text }, 'name', 'version'),
      metadata: object({
        signature_def: object({
          signature_def: mapOf(object({ inputs: signatureTensors, outputs: signatureTensors, method_name: text })),
        }),
      }),
    },
    'model_spec',
    'metadata',
  ),
  OpenApi: object({ openapi: text, info: { type: 'object' }, paths: { type: 'object' } }, 'openapi', 'info', 'paths'),
  ServerStatus: object(
    { server: nothing, device: nothing, ready: flag, models: list({ type: 'object' }) },
    'server',
    'models',
  ),
} as const satisfies Record<string, Schema>;

export type SchemaName = keyof typeof schemas;
