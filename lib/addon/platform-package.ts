// What a package that carries the addon says of itself.

import type * as Binding from '../../binding.js';

export interface PlatformPackage {
  /** tensorlane's own, of which it is a part. */
  readonly version: string;
  /** The addon. */
  readonly file: string;
  load(): typeof Binding;
  /** ONNX Runtime's shared library, where the package has it. */
  readonly onnxruntime?: string;
  readonly onnxruntimeVersion?: string;
}
