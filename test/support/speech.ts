// Sound for a voice activity detector, cut as Silero's takes it.

import type { Tensor } from 'tensorlane';
import { randomFloats } from './onnx-builder.js';

export const rate = 16_000;
/** A chunk has so many new samples, and before them the last ones of the chunk before it. */
export const samples = 512;
const context = 64;

/** Something like speech: harmonics of a voice that rises and falls, in syllables with pauses between them, and some noise. */
export function speech(seed: number, chunks: number): Float32Array {
  const [pitchAt, rhythmAt, loudness] = randomFloats(3, seed + 1).map(Math.abs) as unknown as [number, number, number];
  const noise = randomFloats(samples * chunks, seed + 1000, 0.01);
  const pitch = 90 + 160 * pitchAt;
  const syllable = rate / (3 + 3 * rhythmAt);
  let phase = 0;
  return noise.map((background, i) => {
    phase += (2 * Math.PI * pitch * (1 + 0.1 * Math.sin((2 * Math.PI * i) / rate))) / rate;
    const envelope = Math.max(0, Math.sin((2 * Math.PI * i) / syllable + 6 * loudness)) ** 0.5;
    let voice = 0;
    for (let harmonic = 1; harmonic <= 12; harmonic++) {
      voice += Math.sin(harmonic * phase) / (1 + Math.abs(harmonic * pitch - 600) / 300);
    }
    return background + 0.2 * (0.3 + loudness) * envelope * voice;
  });
}

/** With its context, silence before the first; or without. */
export function chunksOf(audio: Float32Array, before = context): Tensor[] {
  const padded = new Float32Array(before + audio.length);
  padded.set(audio, before);
  return Array.from({ length: audio.length / samples }, (_, i) => ({
    type: 'float32',
    data: padded.slice(i * samples, (i + 1) * samples + before),
    dims: [1, before + samples],
  }));
}
