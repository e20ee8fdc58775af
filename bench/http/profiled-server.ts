import { type Profiler, Session } from 'node:inspector/promises';

/**
 * cellstep itself, in a process that was forked with its settings: at the message 'start' it begins to sample where it is,
 * at 'stop' it answers with the profile.
 */
const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.setSamplingInterval', { interval: 200 });

process.on('message', async (message) => {
  if (message === 'start') {
    await session.post('Profiler.start');
    process.send?.('started');
  } else {
    const { profile } = (await session.post('Profiler.stop')) as Profiler.StopReturnType;
    process.send?.(profile);
  }
});

await import('../../src/main.ts');
