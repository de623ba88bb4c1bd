// What is to be fetched: what is asked for, less what is there.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { providerFiles } from '../../addon/cuda-provider.js';
import type { CudaMajor } from '../../addon/driver.js';
import { type Component, componentsOf, type Purpose, providerPackage } from './components.js';
import { findLibrary, libraryFolders } from './found.js';

export interface Provider {
  /** NuGet's. */
  readonly package: string;
  /** The core library's, and so its own. */
  readonly version: string;
  /** Where it lies, or goes. */
  readonly folder: string;
}

export interface Plan {
  readonly present: readonly (readonly [component: Component, file: string])[];
  readonly missing: readonly Component[];
  /** ONNX Runtime's CUDA provider, where models are asked for and there is one. */
  readonly provider: Provider | undefined;
  readonly hasProvider: boolean;
}

export interface Asked {
  readonly major: CudaMajor;
  readonly purposes: ReadonlySet<Purpose>;
  /** ONNX Runtime's version; undefined where there is none. */
  readonly onnxruntime: string | undefined;
  readonly folder: string;
  /** What lies elsewhere is fetched as well. */
  readonly all: boolean;
}

export function planOf({ major, purposes, onnxruntime, folder, all }: Asked): Plan {
  const own = join(folder, 'lib');
  const present: [Component, string][] = [];
  const missing: Component[] = [];
  for (const component of componentsOf(major)) {
    if (!purposes.has(component.purpose)) continue;
    const file = all
      ? findLibrary(component.soname, [own], false)
      : findLibrary(component.soname, [own, ...libraryFolders(major, component)], true);
    if (file === undefined) missing.push(component);
    else present.push([component, file]);
  }
  const name = onnxruntime === undefined ? undefined : providerPackage(onnxruntime, major);
  if (!purposes.has('models') || name === undefined)
    return { present, missing, provider: undefined, hasProvider: false };
  const provider = { package: name, version: onnxruntime!, folder: join(folder, `onnxruntime-${onnxruntime}`) };
  const hasProvider = providerFiles.every((file) => existsSync(join(provider.folder, file)));
  return { present, missing, provider, hasProvider };
}

/** The commands that fetch it on a machine that has a network, for one that has none. */
export function commandsOf({ missing, provider, hasProvider }: Plan, { major, folder }: Asked): string[] {
  const packages = missing.map(({ package: name, version }) => `'${name}==${version}.*'`);
  return [
    ...(packages.length === 0 ? [] : [`pip download --no-deps --dest wheels ${packages.join(' ')}`]),
    ...(provider === undefined || hasProvider
      ? []
      : [
          `curl -L -o wheels/${nupkgOf(provider)} https://www.nuget.org/api/v2/package/${provider.package}/${provider.version}`,
        ]),
    `npx tensorlane setup cuda --cuda ${major} --into '${folder}' --from wheels`,
  ];
}

export function nupkgOf({ package: name, version }: Provider): string {
  return `${name.toLowerCase()}.${version}.nupkg`;
}
