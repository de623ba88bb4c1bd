// A worker in a process of its own, as tests start and kill it. Its handlers: `echo`, `slow` (300 ms), `hang`, and `poison`, which ends
// the process. Prints 'ready', and the name and id of each job that a handler begins.
const [queue, url, options = '{}', from = '@tensorlane/bullmq'] = process.argv.slice(2);
const { TensorWorker } = await import(from);
const told = (run) => (feeds, context) => {
  console.log(context.name ?? '', context.id);
  return run(feeds, context);
};
const worker = new TensorWorker(queue, {
  connection: url,
  lockMs: 600,
  stalledCheckMs: 200,
  handlers: {
    echo: (feeds) => feeds,
    slow: told(async (feeds) => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return feeds;
    }),
    hang: told(() => new Promise(() => {})),
    poison: told(() => process.kill(process.pid, 'SIGKILL')),
  },
  ...JSON.parse(options),
});
process.once('SIGTERM', () => worker.close());
await worker.ready();
console.log('ready');
