// A program that computes nothing by itself: its models are another process's, or another machine's. However many of it there are, their
// requests share one device and its batches.
// TENSORLANE_SERVER=https://HOST:8000 TENSORLANE_TOKEN=... NODE_EXTRA_CA_CERTS=ca.pem node examples/server/client.mjs

import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@tensorlane/server';
import { createRowServer } from './rows.mjs';

const { TENSORLANE_SERVER: url = 'http://127.0.0.1:8000', TENSORLANE_TOKEN: token, PORT: port = 3000 } = process.env;

/** What starts the two may start this one first. */
async function connected(attempts = 300) {
  try {
    return await connect(url, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });
  } catch (error) {
    if (error.code !== 'ERR_NO_DEVICE' || attempts === 0) throw error;
    await sleep(100);
    return connected(attempts - 1);
  }
}

const client = await connected();
const server = createRowServer(client);
server.listen(Number(port), () => {
  console.log('listening', server.address());
  process.send?.('ready'); // PM2's wait_ready
});

const stop = () =>
  server.close(() => {
    client.close();
    process.disconnect?.(); // of a cluster's, which would keep it
  });
process.once('SIGTERM', stop).once('SIGINT', stop); // PM2 sends SIGINT
