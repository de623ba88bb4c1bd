// A model for transformers.js in a folder: a BERT with random weights, and a tokenizer whose words are made of syllables.

import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { initializer, ints, model, node, randomFloats, scalar, value } from './onnx-builder.js';

export interface BertSize {
  readonly layers: number;
  readonly width: number;
  /** So many classes of sentences come out, rather than the tokens' hidden states. */
  readonly classes?: number;
}

const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const namesOfSpecial = Object.fromEntries(
  ['pad', 'unk', 'cls', 'sep', 'mask'].map((name, i) => [`${name}_token`, special[i]]),
);
const syllables = ['ba', 'ce', 'di', 'fo', 'gu', 'la', 'me', 'ni', 'po', 'ru', 'sa', 'te', 'vi', 'zo', 'xu', 'ka'];
const words = syllables.flatMap((a) => syllables.flatMap((b) => [a + b, `${a}n${b}`]));
const longest = 128;
const headWidth = 32;

/** The folder in `folder` that has the model, made where it is not there yet. */
export function bertFolder(folder: string, size: BertSize): string {
  const made = join(folder, `bert-${Object.values(size).join('x')}`);
  if (existsSync(made)) return made;
  const unfinished = `${made}.${process.pid}`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(join(unfinished, 'onnx'), { recursive: true });
  writeFileSync(join(unfinished, 'onnx', 'model.onnx'), bert(size));
  for (const [name, json] of Object.entries(descriptions(size))) {
    writeFileSync(join(unfinished, name), JSON.stringify(json));
  }
  renameSync(unfinished, made);
  return made;
}

/** Names for classes, as configurations have them. */
export function labels(classes: number): Record<number, string> {
  return Object.fromEntries(Array.from({ length: classes }, (_, i) => [i, `class ${i}`]));
}

/** Sentences that make `least` to `most` tokens each, with those that the tokenizer puts around them. */
export function sentences(count: number, least: number, most: number): string[] {
  const choices = randomFloats(count * (most + 1), 5).map((number) => (number + 1) / 2);
  return Array.from({ length: count }, (_, i) => {
    const own = choices.subarray(i * (most + 1), (i + 1) * (most + 1));
    const length = least + Math.floor((own[0] ?? 0) * (most - least + 1)) - 2;
    return Array.from({ length }, (_, k) => words[Math.floor((own[k + 1] ?? 0) * words.length)]).join(' ');
  });
}

/** last_hidden_state of token ids, or the logits of classes, as exporters write a BERT. */
function bert({ layers, width, classes }: BertSize): Uint8Array {
  const nodes: ReturnType<typeof node>[] = [];
  const initializers: ReturnType<typeof initializer>[] = [];
  const heads = width / headWidth;
  const weights = (name: string, dims: readonly number[], bound: number) => {
    const length = dims.reduce((product, dim) => product * dim, 1);
    initializers.push(initializer(name, 'float32', dims, randomFloats(length, 1 + initializers.length, bound)));
    return name;
  };
  const ones = (name: string) => {
    initializers.push(initializer(name, 'float32', [width], new Float32Array(width).fill(1)));
    return name;
  };
  const add = (op: string, inputs: readonly string[], output: string, attributes = {}) => {
    nodes.push(node(op, inputs, [output], attributes));
    return output;
  };
  const dense = (input: string, name: string, columns: number, rows = width) => {
    const product = add(
      'MatMul',
      [input, weights(`${name}.w`, [rows, columns], Math.sqrt(3 / rows))],
      `${name}.product`,
    );
    return add('Add', [product, weights(`${name}.b`, [columns], 0.02)], name);
  };
  const norm = (input: string, name: string) =>
    add('LayerNormalization', [input, ones(`${name}.scale`), weights(`${name}.shift`, [width], 0.02)], name);
  const split = (input: string, name: string, perm: readonly number[]) =>
    add('Transpose', [add('Reshape', [input, 'heads'], `${name}.heads`)], name, { perm: { ints: perm } });

  initializers.push(ints('heads', 0, 0, heads, headWidth), ints('joined', 0, 0, width), ints('maskAxes', 1, 2));
  initializers.push(scalar('zero', 0), scalar('one', 1));
  initializers.push(initializer('lowest', 'float32', [], Float32Array.of(-10000)));
  initializers.push(initializer('unit', 'float32', [], Float32Array.of(1)));
  initializers.push(initializer('root', 'float32', [], Float32Array.of(Math.sqrt(headWidth))));
  const length = add('Gather', [add('Shape', ['input_ids'], 'shape'), 'one'], 'length');
  const places = add(
    'Gather',
    [weights('places', [longest, width], 0.1), add('Range', ['zero', length, 'one'], 'range')],
    'place',
  );
  const word = add('Gather', [weights('words', [special.length + words.length, width], 1), 'input_ids'], 'word');
  const kind = add('Gather', [weights('kinds', [2, width], 0.1), 'token_type_ids'], 'kind');
  let x = norm(add('Add', [add('Add', [word, kind], 'named'), places], 'placed'), 'embedded');
  const seen = add('Cast', [add('Unsqueeze', ['attention_mask', 'maskAxes'], 'mask')], 'seen', { to: { int: 1 } });
  const bias = add('Mul', [add('Sub', ['unit', seen], 'unseen'), 'lowest'], 'bias');
  for (let layer = 0; layer < layers; layer++) {
    const own = (name: string) => `${name}.${layer}`;
    const q = split(dense(x, own('q'), width), own('qs'), [0, 2, 1, 3]);
    const k = split(dense(x, own('k'), width), own('ks'), [0, 2, 3, 1]);
    const v = split(dense(x, own('v'), width), own('vs'), [0, 2, 1, 3]);
    const scores = add('Div', [add('MatMul', [q, k], own('qk')), 'root'], own('scores'));
    const shares = add('Softmax', [add('Add', [scores, bias], own('masked'))], own('shares'), { axis: { int: -1 } });
    const mixed = add('Transpose', [add('MatMul', [shares, v], own('mixed'))], own('turned'), {
      perm: { ints: [0, 2, 1, 3] },
    });
    const attended = dense(add('Reshape', [mixed, 'joined'], own('joined')), own('attended'), width);
    const middle = norm(add('Add', [x, attended], own('sum')), own('middle'));
    const inner = add('Gelu', [dense(middle, own('inner'), 4 * width)], own('gelu'));
    const outer = add('Add', [middle, dense(inner, own('outer'), width, 4 * width)], own('last'));
    x = norm(outer, layer === layers - 1 ? 'last_hidden_state' : own('out'));
  }
  const tokens = ['batch_size', 'sequence_length'];
  let output = value('last_hidden_state', 'float32', [...tokens, width]);
  if (classes !== undefined) {
    // Of what became of [CLS].
    dense(add('Gather', [x, 'zero'], 'pooled', { axis: { int: 1 } }), 'logits', classes);
    output = value('logits', 'float32', ['batch_size', classes]);
  }
  return model({
    inputs: ['input_ids', 'attention_mask', 'token_type_ids'].map((name) => value(name, 'int64', tokens)),
    outputs: [output],
    nodes,
    initializers,
  });
}

function descriptions({ layers, width, classes }: BertSize): Record<string, unknown> {
  const vocabulary = Object.fromEntries([...special, ...words].map((word, i) => [word, i]));
  const token = (id: string, type: number) => ({ SpecialToken: { id, type_id: type } });
  const sentence = (id: string, type: number) => ({ Sequence: { id, type_id: type } });
  const ofSpecial = (id: string) => ({ id, ids: [vocabulary[id]], tokens: [id] });
  return {
    'config.json': {
      model_type: 'bert',
      architectures: [classes === undefined ? 'BertModel' : 'BertForSequenceClassification'],
      ...(classes !== undefined && { id2label: labels(classes) }),
      hidden_size: width,
      num_hidden_layers: layers,
      num_attention_heads: width / headWidth,
      intermediate_size: 4 * width,
      max_position_embeddings: longest,
      type_vocab_size: 2,
      vocab_size: special.length + words.length,
      pad_token_id: 0,
    },
    'special_tokens_map.json': namesOfSpecial,
    'tokenizer_config.json': {
      tokenizer_class: 'BertTokenizer',
      do_lower_case: true,
      model_max_length: longest,
      ...namesOfSpecial,
    },
    'tokenizer.json': {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: special.map((content, id) => ({
        id,
        content,
        special: true,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
      })),
      normalizer: {
        type: 'BertNormalizer',
        clean_text: true,
        handle_chinese_chars: true,
        strip_accents: null,
        lowercase: true,
      },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: {
        type: 'TemplateProcessing',
        single: [token('[CLS]', 0), sentence('A', 0), token('[SEP]', 0)],
        pair: [token('[CLS]', 0), sentence('A', 0), token('[SEP]', 0), sentence('B', 1), token('[SEP]', 1)],
        special_tokens: { '[CLS]': ofSpecial('[CLS]'), '[SEP]': ofSpecial('[SEP]') },
      },
      decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
      model: {
        type: 'WordPiece',
        unk_token: '[UNK]',
        continuing_subword_prefix: '##',
        max_input_chars_per_word: 100,
        vocab: vocabulary,
      },
    },
  };
}
