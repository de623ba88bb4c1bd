// Sound, and the two packages that listen to it in the same way.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const sampleRate = 16_000;

export function sound(fixtures) {
  const { buffer, byteOffset, byteLength } = readFileSync(join(fixtures, 'speech.f32'));
  return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

/** Two listeners at once, each on a model of its own. */
export async function listeners({ RealTimeVAD }, fixtures) {
  const audio = sound(fixtures);
  const listen = async (model) => {
    const events = [];
    const probabilities = [];
    const listener = await RealTimeVAD.new({
      model,
      sampleRate,
      onSpeechStart: () => events.push('start'),
      onSpeechEnd: (speech) => events.push(['end', speech.length]),
      onVADMisfire: () => events.push('misfire'),
      onFrameProcessed: ({ isSpeech }) => probabilities.push(isSpeech),
    });
    listener.start();
    // Not a multiple of what a model takes: it cuts them by itself.
    for (let at = 0; at < audio.length; at += 1600) await listener.processAudio(audio.subarray(at, at + 1600));
    await listener.flush();
    await listener.destroy();
    return { events, probabilities };
  };
  const both = await Promise.all(['v5', 'legacy'].map(listen));
  return { exact: both.map(({ events }) => events), close: both.flatMap(({ probabilities }) => probabilities) };
}
