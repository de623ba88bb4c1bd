// The packages that carry the addon, one a platform and CUDA version. Each is required by a literal name, and from CommonJS, so that
// bundlers see it.

import type platform = require('./platform-package.js');

const packages: Readonly<Record<string, () => platform.PlatformPackage>> = {
  '@tensorlane/linux-x64': () => require('@tensorlane/linux-x64'),
  '@tensorlane/linux-x64-cuda12': () => require('@tensorlane/linux-x64-cuda12'),
  '@tensorlane/linux-x64-cuda13': () => require('@tensorlane/linux-x64-cuda13'),
  '@tensorlane/linux-arm64': () => require('@tensorlane/linux-arm64'),
};

export = packages;
