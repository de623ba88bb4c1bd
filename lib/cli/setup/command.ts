// `tensorlane setup cuda`: says what a machine has of what its GPU needs, and fetches the rest into a folder of the user's. Nothing is
// fetched at install, nor when a program starts.

import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { providerFiles, setupFolder } from '../../addon/cuda-provider.js';
import { type CudaMajor, type Driver, findDriver, oldestDriver, runs } from '../../addon/driver.js';
import { TensorlaneError } from '../../core/errors.js';
import { type Command, type CommandOptions, UsageError } from '../command.js';
import { onnxRuntimeVersion } from '../versions.js';
import { type Component, type Purpose, purposes } from './components.js';
import { download } from './download.js';
import { type Asked, commandsOf, nupkgOf, type Plan, type Provider, planOf } from './plan.js';
import { progress } from './progress.js';
import { newestWheel, nugetPackage, publicRegistries, type Registries, type RemoteFile } from './registries.js';
import { type Place, placeOfWheel, unpack } from './unpack.js';

export const setup: Command = {
  usage:
    'setup cuda [--cuda 12|13] [--for algebra,kernels,models] [--into folder] [--from folder] [--dry-run] [--all] [--pypi url] [--nuget url]',
  about: "Says what of NVIDIA's libraries and ONNX Runtime's CUDA provider is there, and fetches what is missing.",
  options: {
    cuda: { type: 'string' },
    for: { type: 'string', default: Object.keys(purposes).join() },
    into: { type: 'string' },
    from: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    pypi: { type: 'string', default: publicRegistries.pypi },
    nuget: { type: 'string', default: publicRegistries.nuget },
  },
  async run(options, [what, ...more]) {
    if (what !== 'cuda' || more.length > 0) throw new UsageError('setup takes one thing to set up: cuda');
    const driver = await findDriver();
    const asked = askedOf(options, driver);
    const plan = planOf(asked);
    for (const line of [...driverLines(driver, asked.major), ...planLines(plan, asked)]) console.log(line);
    if (plan.missing.length === 0 && (plan.provider === undefined || plan.hasProvider)) {
      console.log('Nothing is missing.');
      return 0;
    }
    const sources =
      options.from === undefined ? await online(plan, asked, options) : local(plan, options.from as string);
    for (const { file } of sources)
      console.log(`  ${file.name}${file.size === undefined ? '' : `, ${megabytes(file.size)}`}`);
    const total = sources.reduce((sum, { file }) => sum + (file.size ?? 0), 0);
    console.log(`${sources.length} files${total > 0 ? `, ${megabytes(total)}` : ''}, into ${asked.folder}`);
    console.log('They are under the terms of NVIDIA (https://docs.nvidia.com/cuda/eula) and of ONNX Runtime (MIT).');
    if (options['dry-run'] === true) return 0;
    for (const source of sources) await install(source, asked.folder);
    console.log('Done. `npx tensorlane doctor cuda` says whether it works.');
    return 0;
  },
};

/** A file, from a registry or already here, and where what is in it goes. */
interface Source {
  readonly file: RemoteFile;
  readonly path?: string;
  readonly place: Place;
}

function askedOf(options: CommandOptions, driver: Driver | undefined): Asked {
  const { cuda, into, all } = options;
  if (cuda !== undefined && cuda !== '12' && cuda !== '13') throw new UsageError(`--cuda is 12 or 13, not '${cuda}'`);
  const newest = driver?.cuda ?? undefined;
  const fitting: CudaMajor = newest !== undefined && runs(newest, 12) && !runs(newest, 13) ? 12 : 13;
  const major: CudaMajor = cuda === undefined ? fitting : cuda === '12' ? 12 : 13;
  const wanted = (options.for as string).split(',');
  for (const name of wanted) {
    if (!Object.hasOwn(purposes, name)) {
      throw new UsageError(`--for takes ${Object.keys(purposes).join(', ')}, not '${name}'`);
    }
  }
  return {
    major,
    purposes: new Set(wanted as Purpose[]),
    onnxruntime: onnxRuntimeVersion(),
    folder: resolve((into as string | undefined) ?? setupFolder(major)),
    all: all === true,
  };
}

function driverLines(driver: Driver | undefined, major: CudaMajor): string[] {
  if (driver === undefined)
    return [`There is no NVIDIA driver; it comes with the system, not from here. Libraries for CUDA ${major}:`];
  const { version = 'of unknown version' } = driver;
  const cuda = driver.cuda ?? undefined;
  const tooOld =
    cuda !== undefined && !runs(cuda, major) ? `, which is too old for CUDA ${major} (${oldestDriver[major]})` : '';
  const upTo =
    driver.cuda === null ? ', whose library is not found' : cuda === undefined ? '' : `, for CUDA up to ${cuda}`;
  return [`NVIDIA's driver ${version}${upTo}${tooOld}. Libraries for CUDA ${major}:`];
}

function planLines(
  { present, missing, provider, hasProvider }: Plan,
  { purposes: wanted, onnxruntime, major }: Asked,
): string[] {
  const lines = present.map(([{ name }, file]) => `  ${name}: ${file}`);
  for (const { name, purpose } of missing) lines.push(`  ${name}: missing; for ${purposes[purpose]}`);
  if (!wanted.has('models')) return lines;
  const of = "ONNX Runtime's CUDA provider";
  if (provider !== undefined) lines.push(`  ${of} ${provider.version}: ${hasProvider ? provider.folder : 'missing'}`);
  else if (onnxruntime === undefined) lines.push(`  ${of}: not wanted, as there is no ONNX Runtime`);
  else lines.push(`  ${of}: there is none of version ${onnxruntime} for CUDA ${major}; models run on the CPU`);
  return lines;
}

/** Errors: ERR_NO_RUNTIME, with the commands for a machine that has a network. */
async function online(plan: Plan, asked: Asked, options: CommandOptions): Promise<Source[]> {
  const registries: Registries = { pypi: trimmed(options.pypi as string), nuget: trimmed(options.nuget as string) };
  try {
    const wheel = async ({ package: name, version }: Component) => ({
      file: await newestWheel(registries, name, version, process.arch),
      place: placeOfWheel,
    });
    const wheels = await Promise.all(plan.missing.map(wheel));
    if (plan.provider === undefined || plan.hasProvider) return wheels;
    const file = await nugetPackage(registries, plan.provider.package, plan.provider.version);
    return [...wheels, { file, place: placeOfProvider(plan.provider) }];
  } catch (cause) {
    if (!(cause instanceof TensorlaneError)) throw cause;
    const commands = commandsOf(plan, asked).map((command) => `  ${command}`);
    const help = 'Where there is a network, fetch it there, bring the folder `wheels` here, and take it from there:';
    throw new TensorlaneError(cause.code, [cause.message, help, ...commands].join('\n'), { cause });
  }
}

/** Files that were fetched elsewhere. Errors: ERR_NO_RUNTIME, for those that are not there. */
function local({ missing, provider, hasProvider }: Plan, folder: string): Source[] {
  const files = readdirSync(folder);
  const at = (name: string, place: Place): Source => ({ file: { name, url: '' }, path: join(folder, name), place });
  const wheels = missing.map(({ package: pip, version }) => {
    const start = `${pip.replaceAll('-', '_')}-${version}.`;
    const name = files.find((file) => file.startsWith(start) && file.endsWith('.whl'));
    if (name !== undefined) return at(name, placeOfWheel);
    throw new TensorlaneError('ERR_NO_RUNTIME', `${resolve(folder)} has no wheel ${start}*.whl`);
  });
  if (provider === undefined || hasProvider) return wheels;
  const name = nupkgOf(provider);
  if (files.includes(name)) return [...wheels, at(name, placeOfProvider(provider))];
  throw new TensorlaneError('ERR_NO_RUNTIME', `${resolve(folder)} has no ${name}`);
}

function placeOfProvider({ folder }: Provider): Place {
  const own = basename(folder);
  return (path) => {
    const name = basename(path);
    if (path.startsWith(`runtimes/linux-${process.arch}/`) && (providerFiles as readonly string[]).includes(name))
      return join(own, name);
    return /^(LICENSE|ThirdPartyNotices)/i.test(path) ? join(own, name) : undefined;
  };
}

async function install({ file, path, place }: Source, folder: string): Promise<void> {
  let archive = path;
  if (archive === undefined) {
    const downloads = join(folder, 'downloads');
    mkdirSync(downloads, { recursive: true });
    archive = join(downloads, file.name);
    const shown = progress(file.name, file.size);
    await download(file, archive, { onProgress: shown.at });
    shown.end();
  }
  const written = await unpack(archive, folder, place);
  if (path === undefined) rmSync(archive); // what is in it takes the place once is enough
  if (written.length === 0)
    throw new TensorlaneError('ERR_NO_RUNTIME', `${file.name} has no library for ${process.arch} in it`);
  console.log(`${file.name}: ${written.filter((one) => one.includes('.so')).length} libraries`);
}

const trimmed = (url: string) => url.replace(/\/+$/, '');
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
