// What PyPI and NuGet have: the newest file that fits, its size and its checksum. Mirrors of either serve as well.

import { TensorlaneError } from '../../core/errors.js';

export interface RemoteFile {
  readonly name: string;
  readonly url: string;
  /** In bytes; undefined where the registry does not say. */
  readonly size?: number;
  readonly checksum?: { readonly algorithm: 'sha256' | 'sha512'; readonly hex: string };
}

export interface Registries {
  /** PyPI's simple API, such as https://pypi.org/simple. */
  readonly pypi: string;
  /** NuGet's v3 API, such as https://api.nuget.org/v3. */
  readonly nuget: string;
}

export const publicRegistries: Registries = { pypi: 'https://pypi.org/simple', nuget: 'https://api.nuget.org/v3' };

const simpleJson = 'application/vnd.pypi.simple.v1+json';

/** The newest wheel of a major version for this machine's processor. Errors: ERR_NO_RUNTIME, where there is none or nobody answers. */
export async function newestWheel(
  { pypi }: Registries,
  name: string,
  major: number,
  arch: string,
): Promise<RemoteFile> {
  const page = `${pypi}/${name}/`;
  const response = await ask(page, `${simpleJson}, text/html;q=0.1`);
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  const files = isJson ? filesOfJson(await response.json(), page) : filesOfPage(await response.text(), page);
  const tag = arch === 'arm64' ? 'aarch64' : 'x86_64';
  const fitting = files.filter((file) => file.name.endsWith(`${tag}.whl`) && versionOf(file)[0] === major);
  const newest = fitting.sort((a, b) => compareVersions(versionOf(b), versionOf(a)))[0];
  if (newest !== undefined) return newest;
  throw new TensorlaneError('ERR_NO_RUNTIME', `${page} has no wheel of version ${major} for Linux on ${tag}`);
}

/** A package of one version. Errors: ERR_NO_RUNTIME. */
export async function nugetPackage({ nuget }: Registries, name: string, version: string): Promise<RemoteFile> {
  const id = name.toLowerCase();
  const leaf = await (await ask(`${nuget}/registration5-gz-semver2/${id}/${version}.json`)).json();
  const entry = await (await ask((leaf as { catalogEntry: string }).catalogEntry)).json();
  const { packageHash, packageHashAlgorithm, packageSize } = entry as Record<string, unknown>;
  return {
    name: `${id}.${version}.nupkg`,
    url: `${nuget}-flatcontainer/${id}/${version}/${id}.${version}.nupkg`,
    ...(typeof packageSize === 'number' ? { size: packageSize } : {}),
    ...(packageHashAlgorithm === 'SHA512' && typeof packageHash === 'string'
      ? { checksum: { algorithm: 'sha512', hex: Buffer.from(packageHash, 'base64').toString('hex') } }
      : {}),
  };
}

async function ask(url: string, accept = 'application/json'): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { headers: { accept } });
  } catch (cause) {
    throw unreachable(url, ((cause as Error).cause as Error | undefined)?.message ?? (cause as Error).message, cause);
  }
  if (!response.ok) throw unreachable(url, `HTTP ${response.status}`);
  return response;
}

function unreachable(url: string, reason: string, cause?: unknown): TensorlaneError {
  return new TensorlaneError('ERR_NO_RUNTIME', `${url} cannot be had: ${reason}`, { cause });
}

function filesOfJson(page: unknown, base: string): RemoteFile[] {
  interface Entry {
    filename: string;
    url: string;
    size?: number;
    hashes?: { sha256?: string };
    yanked?: boolean | string;
  }
  const { files } = page as { files: Entry[] };
  return files
    .filter(({ yanked }) => yanked === undefined || yanked === false)
    .map(({ filename, url, size, hashes }) => ({
      name: filename,
      url: new URL(url, base).href,
      ...(size === undefined ? {} : { size }),
      ...(hashes?.sha256 === undefined ? {} : { checksum: { algorithm: 'sha256' as const, hex: hashes.sha256 } }),
    }));
}

/** The same API in HTML, which every mirror has. */
function filesOfPage(page: string, base: string): RemoteFile[] {
  return Array.from(page.matchAll(/<a\s[^>]*href="([^"]+)"[^>]*>/gi)).map(([anchor, href]) => {
    const url = new URL(href!.replaceAll('&amp;', '&'), base);
    const hex = /^#sha256=([0-9a-f]{64})$/.exec(url.hash)?.[1];
    url.hash = '';
    const name = decodeURIComponent(url.pathname.split('/').at(-1)!);
    return {
      // What was taken back is nobody's newest.
      name: /\sdata-yanked/.test(anchor) ? '' : name,
      url: url.href,
      ...(hex === undefined ? {} : { checksum: { algorithm: 'sha256' as const, hex } }),
    };
  });
}

/** nvidia_cublas-13.1.1.3-py3-none-manylinux_2_27_x86_64.whl: 13, 1, 1, 3. */
function versionOf({ name }: RemoteFile): readonly number[] {
  return (name.split('-')[1] ?? '').split('.').map(Number);
}

function compareVersions(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
