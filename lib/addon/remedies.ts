// What helps where no addon can be loaded, by what is wrong.

import { exactly, platform, platformPackage } from './choose.js';
import packages from './packages.cjs';

const forMusl = 'there is none for musl (Alpine): take an image with glibc, such as node:22-slim';

/** Where no package for this platform is installed. */
export function missingPackage(): string {
  if (isMusl()) return forMusl;
  if (!Object.hasOwn(packages, platformPackage)) {
    return `there is none for ${platform}: build it in a clone of tensorlane, and name it in TENSORLANE_ADDON`;
  }
  if (process.versions.electron !== undefined) {
    return `${exactly(platformPackage)}, and keep node_modules/@tensorlane out of the archive (asarUnpack)`;
  }
  return (
    `${exactly(platformPackage)}. It is left out by --omit=optional and --no-optional, and by a lock file or ` +
    'node_modules of another platform: make these anew here; a bundle has to leave tensorlane and @tensorlane/* outside'
  );
}

/** Where there is a file, which the loader refuses for this reason. */
export function refusedFile(reason: string, inCheckout: boolean): string {
  const build = inCheckout
    ? 'build it with "npm run build" (it needs a C++20 compiler, CMake and OpenBLAS)'
    : 'build one in a clone of tensorlane, and name it in TENSORLANE_ADDON';
  if (/libopenblas/.test(reason)) return 'install OpenBLAS (Debian, Ubuntu: apt-get install libopenblas0-pthread)';
  if (/version .* not found/.test(reason)) return `it was built for a newer system than this one: ${build}`;
  if (/cannot open shared object file/.test(reason) && !/\.node: cannot open/.test(reason)) {
    return 'install the shared library that is missing';
  }
  return build;
}

/** Where that file is of a package for this platform: without regard to the C library it is installed by an older npm. */
export function refusedPackage(reason: string, musl = isMusl()): string {
  return musl ? `it is for glibc, and ${forMusl}` : refusedFile(reason, false);
}

const isMusl = () => process.platform === 'linux' && glibcVersion() === undefined;

/** undefined where there is another C library, such as musl. */
export function glibcVersion(): string | undefined {
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime;
}
