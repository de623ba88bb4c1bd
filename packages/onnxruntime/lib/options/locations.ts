// preferredOutputLocation: which outputs stay on the device.

const locations = new Set(['cpu', 'cpu-pinned', 'texture', 'gpu-buffer', 'ml-tensor']);

/** The outputs that are to be of 'gpu-buffer'. Errors: TypeError. */
export function onDevice(preferred: unknown, outputs: readonly string[]): ReadonlySet<string> {
  if (preferred === undefined || preferred === null) return new Set();
  if (typeof preferred === 'string' && locations.has(preferred)) {
    return new Set(preferred === 'gpu-buffer' ? outputs : []);
  }
  if (typeof preferred !== 'object') {
    throw new TypeError('Invalid argument: preferredOutputLocation must be an array or a valid string.');
  }
  const resident = new Set<string>();
  for (const [name, location] of Object.entries(preferred)) {
    if (!outputs.includes(name)) throw new TypeError(`Invalid argument: "${name}" is not a valid output name.`);
    if (!locations.has(location)) {
      throw new TypeError(`Invalid argument: preferredOutputLocation["${name}"] must be a valid string.`);
    }
    if (location === 'gpu-buffer') resident.add(name);
  }
  return resident;
}
