// PM2: one process has the device and the models, on a UNIX socket, and as many as there are cores are clients of it, on one port.
// pm2 start examples/server/ecosystem.config.cjs

const { tmpdir } = require('node:os');
const { join } = require('node:path');

const url = `unix:${join(process.env.XDG_RUNTIME_DIR ?? tmpdir(), 'tensorlane.socket')}`;

module.exports = {
  apps: [
    {
      name: 'models',
      script: require.resolve('@tensorlane/server/package.json').replace('package.json', 'dist/cli/main.js'),
      args: [process.env.MODELS ?? 'models', '--http', url, '--grpc', 'off'],
      kill_timeout: 35_000, // it answers what it has accepted, for up to 30 s
    },
    {
      name: 'web',
      script: join(__dirname, 'client.mjs'),
      instances: 'max',
      exec_mode: 'cluster',
      wait_ready: true,
      kill_timeout: 10_000,
      env: { TENSORLANE_SERVER: url, PORT: 3000 },
    },
  ],
};
