// Pipelines for sentences and pictures, many calls at once, a model by itself, an input that is missing, and the end of all.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export async function pipelines({ AutoModel, AutoTokenizer, env, pipeline }, fixtures) {
  Object.assign(env, { allowRemoteModels: false, allowLocalModels: true, localModelPath: join(fixtures, 'models/') });
  const sentences = JSON.parse(readFileSync(join(fixtures, 'sentences.json'), 'utf8'));
  const dtype = 'fp32';
  const [embed, classify, look] = await Promise.all([
    pipeline('feature-extraction', 'bert', { dtype }),
    pipeline('text-classification', 'bert-classes', { dtype, device: 'cpu' }),
    pipeline('image-classification', 'vit', { dtype, session_options: { intraOpNumThreads: 1 } }),
  ]);
  const pooled = { pooling: 'mean', normalize: true };
  const together = await embed(sentences, pooled);
  const apart = await Promise.all(Array.from({ length: 32 }, (_, i) => embed(sentences[i % sentences.length], pooled)));
  const [classes, seen] = await Promise.all([
    classify(sentences, { top_k: 3 }),
    look(join(fixtures, 'scene.png'), { top_k: 5 }),
  ]);
  const tokenizer = await AutoTokenizer.from_pretrained('bert');
  const model = await AutoModel.from_pretrained('bert', {
    dtype,
    session_options: { graphOptimizationLevel: 'basic' },
  });
  const { last_hidden_state: states } = await model(await tokenizer(sentences, { padding: true }));
  const { input_ids } = await tokenizer(sentences[0]);
  const missing = await model({ input_ids }).then(
    () => 'ran',
    ({ message }) => message,
  );
  await Promise.all([embed, classify, look, model].map((one) => one.dispose()));
  const labels = [...classes, seen].map((found) => found.map(({ label }) => label));
  return {
    exact: { dims: [together.dims, states.dims], labels, missing },
    close: [
      ...[together, states, ...apart].flatMap(({ data }) => [...data]),
      ...[...classes.flat(), ...seen].map(({ score }) => score),
    ],
  };
}
