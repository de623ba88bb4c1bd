// Opens the library that is to be measured, by its name.

import { type Contender, type ContenderName, PISCINA } from './contender.js';

/** Loads only the library asked for: a process that measures one must not carry the other's threads. */
export async function openContender(name: ContenderName): Promise<Contender> {
  if (name === 'tensorlane') return (await import('./tensorlane.js')).openTensorlane();
  if (name === PISCINA) return (await import('./piscina.js')).openPiscina();
  return (await import('./onnxruntime.js')).openOnnxRuntime();
}
