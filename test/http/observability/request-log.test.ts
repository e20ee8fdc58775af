import { pino } from 'pino';
import { expect, it, vi } from 'vitest';
import { lazyLog } from '../../../src/http/observability/request-log.ts';

function startLog(level: string) {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level, base: null, timestamp: false }, { write: (line) => lines.push(JSON.parse(line)) });
  return { lines, made: vi.spyOn(log, 'child'), log: lazyLog(log) };
}

it('makes no child for lines that the level drops, and one for the first that it lets through', () => {
  const { lines, made, log } = startLog('warn');
  const own = log.child({ reqId: 'r' });
  own.info({ ms: 1 }, 'answered');
  expect(made).not.toHaveBeenCalled();
  own.warn('slow');
  own.error({ err: 1 }, 'failed');
  expect(made).toHaveBeenCalledOnce();
  expect(lines).toMatchObject([
    { reqId: 'r', msg: 'slow' },
    { reqId: 'r', err: 1, msg: 'failed' },
  ]);
});

it('gives children of children what all of them are bound to', () => {
  const { lines, log } = startLog('info');
  const serializers = { size: (value: number) => `${value} bytes` };
  const ofService = log.child({}, { serializers });
  for (const reqId of ['a', 'b']) ofService.child({ reqId }).child({ trace_id: 't' }).info({ size: 3 }, 'answered');
  expect(lines).toMatchObject([
    { reqId: 'a', trace_id: 't', size: '3 bytes' },
    { reqId: 'b', trace_id: 't', size: '3 bytes' },
  ]);
});
