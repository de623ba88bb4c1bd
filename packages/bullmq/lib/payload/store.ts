// Where the bytes of a job's tensors lie. The rule: a store keeps bytes under a key until they expire or are deleted, gives them back
// whole or not at all, and knows nothing of tensors.

export interface PayloadStore {
  /** As references name it; producers and workers of a queue have stores of the same name. */
  readonly name: string;
  /** Replaces what is there. The bytes may be reused when it has resolved. */
  put(key: string, bytes: Uint8Array, expireMs: number): Promise<void>;
  /** The same of bytes that come in parts, for a store that can write them so: that spares a copy. */
  putParts?(key: string, parts: readonly Uint8Array[], expireMs: number): Promise<void>;
  /** undefined where they are not there (any more). `size` is that of the bytes that were put. */
  get(key: string, size: number): Promise<Uint8Array | undefined>;
  /** Keeps them so long from now on; nothing where they are not there. */
  keep(key: string, size: number, expireMs: number): Promise<void>;
  /** Nothing where they are not there. */
  delete(key: string, size: number): Promise<void>;
}
