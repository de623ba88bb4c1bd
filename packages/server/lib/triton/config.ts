// Triton's configuration of a model: config.pbtxt, as text protobuf, or what a call gives, as JSON.
//
// The rule: what the message has not is refused by its name; what it means here, options.ts says.

import { messageOfText, messageType } from '../core/protos.js';

export const configFile = 'config.pbtxt';
const configMessage = 'inference.ModelConfig';

/** What is not said is what protobuf has for it: 0, '', false, nothing; null for a message. */
export interface TritonConfig {
  readonly name: string;
  readonly platform: string;
  readonly backend: string;
  readonly runtime: string;
  readonly version_policy: TritonVersionPolicy | null;
  readonly max_batch_size: number;
  readonly input: readonly TritonInput[];
  readonly output: readonly TritonOutput[];
  readonly batch_input: readonly object[];
  readonly batch_output: readonly object[];
  readonly optimization: TritonOptimization | null;
  readonly dynamic_batching?: TritonDynamicBatching;
  readonly sequence_batching?: TritonSequenceBatching;
  readonly ensemble_scheduling?: { readonly step: readonly TritonStep[]; readonly max_inflight_requests: number };
  readonly instance_group: readonly TritonInstanceGroup[];
  readonly default_model_filename: string;
  readonly cc_model_filenames: Readonly<Record<string, string>>;
  readonly metric_tags: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, { readonly string_value: string }>>;
  readonly model_warmup: readonly TritonWarmup[];
  readonly model_operations: { readonly op_library_filename: readonly string[] } | null;
  readonly model_transaction_policy: { readonly decoupled: boolean } | null;
  readonly model_repository_agents: { readonly agents: readonly object[] } | null;
  readonly response_cache: { readonly enable: boolean } | null;
  readonly model_metrics: object | null;
}

export interface TritonVersionPolicy {
  readonly latest?: { readonly num_versions: number };
  readonly all?: object;
  readonly specific?: { readonly versions: readonly number[] };
}

interface TritonValue {
  readonly name: string;
  readonly data_type: string;
  readonly dims: readonly number[];
  readonly reshape: { readonly shape: readonly number[] } | null;
  readonly is_shape_tensor: boolean;
  readonly is_non_linear_format_io: boolean;
}

export interface TritonInput extends TritonValue {
  readonly format: string;
  readonly allow_ragged_batch: boolean;
  readonly optional: boolean;
}

export interface TritonOutput extends TritonValue {
  readonly label_filename: string;
}

export interface TritonOptimization {
  readonly graph: { readonly level: number } | null;
  readonly cuda: { readonly graphs: boolean } | null;
  readonly execution_accelerators: {
    readonly gpu_execution_accelerator: readonly { readonly name: string }[];
    readonly cpu_execution_accelerator: readonly { readonly name: string }[];
  } | null;
}

export interface TritonQueuePolicy {
  readonly timeout_action: string;
  readonly default_timeout_microseconds: number;
  readonly allow_timeout_override: boolean;
  readonly max_queue_size: number;
}

export interface TritonDynamicBatching {
  readonly preferred_batch_size: readonly number[];
  readonly max_queue_delay_microseconds: number;
  readonly preserve_ordering: boolean;
  readonly priority_levels: number;
  readonly default_priority_level: number;
  readonly default_queue_policy: TritonQueuePolicy | null;
  readonly priority_queue_policy: Readonly<Record<string, TritonQueuePolicy>>;
}

export interface TritonControl {
  readonly kind: string;
  readonly int32_false_true: readonly number[];
  readonly fp32_false_true: readonly number[];
  readonly bool_false_true: readonly boolean[];
  readonly data_type: string;
}

export interface TritonState {
  readonly input_name: string;
  readonly output_name: string;
  readonly data_type: string;
  readonly dims: readonly number[];
  readonly initial_state: readonly {
    readonly name: string;
    readonly data_type: string;
    readonly dims: readonly number[];
    readonly zero_data?: boolean;
    readonly data_file?: string;
  }[];
}

export interface TritonSequenceBatching {
  readonly max_sequence_idle_microseconds: number;
  readonly control_input: readonly { readonly name: string; readonly control: readonly TritonControl[] }[];
  readonly state: readonly TritonState[];
  readonly iterative_sequence: boolean;
  readonly direct?: { readonly max_queue_delay_microseconds: number; readonly minimum_slot_utilization: number };
  readonly oldest?: {
    readonly max_candidate_sequences: number;
    readonly preferred_batch_size: readonly number[];
    readonly max_queue_delay_microseconds: number;
    readonly preserve_ordering: boolean;
  };
}

export interface TritonStep {
  readonly model_name: string;
  readonly model_namespace: string;
  /** -1, or not said: the highest that is served. */
  readonly model_version: number;
  /** By the step's inputs and outputs: the ensemble's tensors. */
  readonly input_map: Readonly<Record<string, string>>;
  readonly output_map: Readonly<Record<string, string>>;
}

export interface TritonInstanceGroup {
  readonly name: string;
  readonly count: number;
  readonly gpus: readonly number[];
  readonly kind: string;
  readonly profile: readonly string[];
  readonly rate_limiter: {
    readonly resources: readonly object[];
    readonly priority: number;
  } | null;
  readonly passive: boolean;
  readonly secondary_devices: readonly object[];
  readonly host_policy: string;
}

export interface TritonWarmup {
  readonly name: string;
  readonly batch_size: number;
  readonly count: number;
  readonly inputs: Readonly<
    Record<
      string,
      {
        readonly data_type: string;
        readonly dims: readonly number[];
        readonly zero_data?: boolean;
        readonly random_data?: boolean;
        readonly input_data_file?: string;
      }
    >
  >;
}

/** What a configuration that a call gave is called in messages. */
export const givenSource = (model: string) => `the configuration given for '${model.slice(0, 200)}'`;

/** `source` names it in messages. Errors: ERR_ARGUMENT. */
export function parseConfig(text: string, source: string): TritonConfig {
  const message = messageOfText(configMessage, text, source, 'configuration of a model');
  return messageType(configMessage).toObject(message, { longs: Number, enums: String, defaults: true }) as TritonConfig;
}

/** Of one that says nothing. */
export function emptyConfig(): TritonConfig {
  const type = messageType(configMessage);
  return type.toObject(type.create({}), { longs: Number, enums: String, defaults: true }) as TritonConfig;
}
