export default {
  // tensorlane loads a native addon, which no bundler can put into a file of its own.
  serverExternalPackages: ['tensorlane'],
  // `next build` copies what the server needs, the addon too, to .next/standalone, which runs by itself wherever it is put.
  output: 'standalone',
};
