// What a config.pbtxt means here: options of `device.loadModel`, and which versions are served.
//
// The rule: what would change an answer, or needs what is not here, is refused; what would only change how fast it comes, and is done otherwise
// here, is warned of.

import type { BatchingOptions, Device, QueuePolicy, SessionOptions } from 'tensorlane';
import { wrongOption } from '../core/options.js';
import type { LoadOptions, VersionPolicy } from '../engine/options.js';
import type { TritonConfig, TritonDynamicBatching, TritonInstanceGroup, TritonQueuePolicy } from './config.js';
import { stepsOf } from './steps.js';

export interface Meaning {
  readonly load: LoadOptions;
  /** What is done otherwise here. */
  readonly warnings: readonly string[];
}

/** Undefined, where nothing is said. */
export function versionsOf({ version_policy: policy }: TritonConfig): VersionPolicy | undefined {
  if (policy?.all) return { all: true };
  if (policy?.specific) return { specific: policy.specific.versions };
  return policy?.latest ? { latest: policy.latest.num_versions || 1 } : undefined;
}

const onnxPlatforms = ['', 'onnxruntime_onnx', 'onnx_onnxv1'];
const onnxBackends = ['', 'onnxruntime'];

/** Of a model that is an ONNX file. Errors: ERR_ARGUMENT. */
export function onnxMeaning(config: TritonConfig, { kind, index, devices }: Device['info']): Meaning {
  if (!onnxPlatforms.includes(config.platform)) throw wrongOption(`platform '${config.platform}' is not served here`);
  if (!onnxBackends.includes(config.backend)) {
    const help = config.backend === 'python' ? '; a model.mjs is a model in JS' : '';
    throw wrongOption(`backend '${config.backend}' is not served here; onnxruntime is${help}`);
  }
  requireServed(config);
  const warnings: string[] = [];
  const instances = instancesOf(config.instance_group, kind, devices?.map((one) => one.index) ?? [index], warnings);
  if (Object.keys(config.metric_tags).length > 0) warnings.push('metric_tags label no metrics');
  if (config.response_cache?.enable) warnings.push('response_cache: there is none, and each request is computed');
  if (config.model_metrics) warnings.push('model_metrics: histograms have buckets of their own');
  const { execution_accelerators: accelerators, cuda } = config.optimization ?? {};
  const others = [
    ...(accelerators?.gpu_execution_accelerator ?? []),
    ...(accelerators?.cpu_execution_accelerator ?? []),
  ].filter(({ name }) => name !== 'cuda');
  for (const { name } of others) warnings.push(`optimization: the accelerator '${name}' is not used`);
  if (cuda?.graphs) warnings.push('optimization.cuda.graphs: whether graphs are captured is not for the model to say');
  return {
    load: { ...batchingOf(config), ...instances, ...sessionOf(config, warnings), ...stepsOf(config) },
    warnings,
  };
}

/** What is neither an ONNX file's nor an ensemble's to have; a model in JS may be decoupled. Errors: ERR_ARGUMENT. */
export function requireServed(config: TritonConfig, isDecoupled = false): void {
  const refuse = (isThere: unknown, why: string) => {
    if (isThere) throw wrongOption(why);
  };
  refuse(config.runtime, `runtime '${config.runtime}' is not served here`);
  refuse(config.max_batch_size < 0, `max_batch_size must be at least 0, got ${config.max_batch_size}`);
  refuse(config.batch_input.length, 'batch_input is not served here: batches are put together by rows');
  refuse(config.batch_output.length, 'batch_output is not served here: batches are taken apart by rows');
  refuse(
    config.model_transaction_policy?.decoupled && !isDecoupled,
    'model_transaction_policy: a decoupled model is a model.mjs whose run is an async generator (async function*)',
  );
  refuse(config.model_repository_agents?.agents.length, 'model_repository_agents are not run here');
  refuse(Object.keys(config.cc_model_filenames).length, 'cc_model_filenames are not told apart here');
  refuse(
    config.model_operations?.op_library_filename.length,
    'model_operations: libraries of operators are given in load.session.customOpsLibraries',
  );
  for (const { name, is_shape_tensor: isShape, is_non_linear_format_io: isOther } of [
    ...config.input,
    ...config.output,
  ]) {
    refuse(isShape, `'${name}': is_shape_tensor is TensorRT's`);
    refuse(isOther, `'${name}': is_non_linear_format_io is TensorRT's`);
  }
  for (const { name, allow_ragged_batch: isRagged } of config.input) {
    refuse(
      isRagged,
      `input '${name}': allow_ragged_batch is not done here; load.batching.padVariableLength pads lengths`,
    );
  }
}

function batchingOf(config: TritonConfig): LoadOptions {
  const { max_batch_size: most, dynamic_batching: dynamic, sequence_batching: sequences } = config;
  if (most === 0 && dynamic === undefined) return {};
  const batching: BatchingOptions = {
    ...(most === 0 ? { required: false } : { maxBatchSize: most, splitOversize: false }),
    ...(dynamic === undefined ? {} : dynamicOf(dynamic)),
    ...(sequences?.oldest === undefined ? {} : oldestOf(sequences.oldest)),
  };
  return { batching };
}

function dynamicOf(dynamic: TritonDynamicBatching): BatchingOptions {
  const { priority_levels: levels, default_priority_level: level, priority_queue_policy: policies } = dynamic;
  if (levels > 0 && (level < 1 || level > levels)) {
    throw wrongOption(
      `dynamic_batching: default_priority_level must be from 1 to priority_levels, ${levels}, got ${level}`,
    );
  }
  return {
    ...preferred(dynamic.preferred_batch_size),
    maxQueueDelayMicros: dynamic.max_queue_delay_microseconds,
    preserveOrdering: dynamic.preserve_ordering,
    ...(levels === 0 ? {} : { priorityLevels: levels, defaultPriority: level }),
    ...(dynamic.default_queue_policy === null ? {} : policyOf(dynamic.default_queue_policy)),
    queuePolicies: Object.fromEntries(Object.entries(policies).map(([key, policy]) => [key, policyOf(policy)])),
  };
}

function oldestOf(oldest: NonNullable<TritonConfig['sequence_batching']>['oldest'] & object): BatchingOptions {
  return {
    ...preferred(oldest.preferred_batch_size),
    maxQueueDelayMicros: oldest.max_queue_delay_microseconds,
    preserveOrdering: oldest.preserve_ordering,
  };
}

function preferred(sizes: readonly number[]): BatchingOptions {
  return sizes.length === 0 ? {} : { preferredBatchSizes: [...new Set(sizes)].sort((a, b) => a - b) };
}

function policyOf(policy: TritonQueuePolicy): QueuePolicy {
  return {
    timeoutAction: policy.timeout_action === 'DELAY' ? 'delay' : 'reject',
    defaultTimeoutMicros: policy.default_timeout_microseconds,
    allowTimeoutOverride: policy.allow_timeout_override,
    maxQueueSize: policy.max_queue_size,
  };
}

/** `indices`: of the GPUs that the model is loaded on. */
function instancesOf(
  groups: readonly TritonInstanceGroup[],
  device: 'cpu' | 'cuda',
  indices: readonly number[],
  warnings: string[],
): LoadOptions {
  let count = 0;
  let weight: number | undefined;
  for (const group of groups) {
    const { kind, gpus, profile, passive, rate_limiter: limiter } = group;
    if (kind === 'KIND_GPU' && device === 'cpu') {
      throw wrongOption('instance_group: KIND_GPU, but the device is the CPU; leave its kind out, or use KIND_AUTO');
    }
    const its = indices.join(', ');
    if (device === 'cuda' && gpus.length > 0 && !gpus.some((one) => indices.includes(one))) {
      throw wrongOption(`instance_group: gpus [${gpus.join(', ')}], but the device is GPU ${its}`);
    }
    if (profile.length > 0) throw wrongOption("instance_group: profile is TensorRT's");
    if (passive) throw wrongOption('instance_group: passive instances are not made here');
    if (kind === 'KIND_CPU' && device === 'cuda') warnings.push('instance_group: KIND_CPU, but it runs on the GPU');
    const areOthers = gpus.length !== indices.length || !gpus.every((one) => indices.includes(one));
    if (gpus.length > 0 && device === 'cpu') warnings.push('instance_group: gpus have no effect on the CPU');
    else if (gpus.length > 0 && areOthers) {
      warnings.push(`instance_group: gpus [${gpus.join(', ')}], but it runs on GPU ${its}`);
    }
    if (group.secondary_devices.length > 0) warnings.push('instance_group: secondary_devices are not used');
    if (group.host_policy !== '') warnings.push('instance_group: host_policy has no effect');
    if (limiter !== null && limiter.resources.length > 0) {
      warnings.push(
        'instance_group: rate_limiter.resources have no names here; load.rateLimiter.resources counts them',
      );
    }
    // Of two, Triton gives the one of priority 2 half of the chances of the one of 1.
    if (limiter !== null && limiter.priority > 0) weight = 1 / limiter.priority;
    // So many on each.
    count += (group.count || 1) * (device === 'cuda' ? indices.length : 1);
  }
  return {
    ...(count === 0 ? {} : { concurrency: count }),
    ...(weight === undefined ? {} : { rateLimiter: { weight } }),
  };
}

/** As Triton's backend for ONNX Runtime has them. */
const levels: Readonly<Record<number, SessionOptions['graphOptimizationLevel']>> = {
  [-1]: 'basic',
  1: 'extended',
  2: 'disabled',
};
/** Of that backend's, those that have no meaning here. */
const otherParameters = [
  'cudnn_conv_algo_search',
  'gpu_mem_limit',
  'arena_extend_strategy',
  'do_copy_in_default_stream',
  'memory.enable_memory_arena_shrinkage',
];

function sessionOf({ optimization, parameters }: TritonConfig, warnings: string[]): LoadOptions {
  const level = optimization?.graph?.level ?? 0;
  if (level !== 0 && levels[level] === undefined) {
    throw wrongOption(`optimization.graph.level must be -1, 1 or 2, got ${level}`);
  }
  for (const name of otherParameters) {
    if (Object.hasOwn(parameters, name)) warnings.push(`parameters: '${name}' has no effect`);
  }
  const number = (name: string) => {
    const text = Object.hasOwn(parameters, name) ? parameters[name]!.string_value : '0';
    if (/^\d{1,6}$/.test(text)) return Number(text);
    throw wrongOption(`parameters: '${name}' must be an integer of at least 0, got '${text}'`);
  };
  const flag = (name: string) => (Object.hasOwn(parameters, name) ? number(name) !== 0 : undefined);
  const threads = number('intra_op_thread_count');
  const across = number('inter_op_thread_count');
  const isParallel = number('execution_mode') === 1;
  const device = parameters['session.use_device_allocator_for_initializers'];
  const session: SessionOptions = {
    ...(level === 0 ? {} : { graphOptimizationLevel: levels[level] }),
    ...(isParallel ? { executionMode: 'parallel' } : {}),
    ...(isParallel && across > 0 ? { interOpNumThreads: across } : {}),
    ...given('enableCpuMemArena', flag('enable_mem_arena')),
    ...given('enableMemPattern', flag('enable_mem_pattern')),
    ...given('extra', device && { 'session.use_device_allocator_for_initializers': device.string_value }),
  };
  return {
    ...(threads === 0 ? {} : { threads }),
    ...(Object.keys(session).length === 0 ? {} : { session }),
  };
}

const given = <T>(name: string, value: T | undefined) => (value === undefined ? {} : { [name]: value });
