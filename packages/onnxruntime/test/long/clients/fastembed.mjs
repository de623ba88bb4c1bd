import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddingModel, FlagEmbedding } from 'fastembed';

export default async function (fixtures) {
  const sentences = JSON.parse(readFileSync(join(fixtures, 'sentences.json'), 'utf8'));
  const model = await FlagEmbedding.init({
    model: EmbeddingModel.CUSTOM,
    modelAbsoluteDirPath: join(fixtures, 'models', 'bert'),
    modelName: 'onnx/model.onnx',
    maxLength: 32,
  });
  const embeddings = [];
  for await (const batch of model.embed(sentences, 3)) embeddings.push(...batch);
  embeddings.push(await model.queryEmbed(sentences[0]));
  return { exact: embeddings.map(({ length }) => length), close: embeddings.flatMap((embedding) => [...embedding]) };
}
