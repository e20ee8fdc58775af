import { getHeapStatistics } from 'node:v8';
import underPressure from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import { Problem } from '../../domain/problems.ts';
import { isOpen } from '../callers/auth.ts';

/** Of the heap that V8 may have. */
const MOST_HEAP = 0.9;
const RETRY_SECONDS = 1;

/**
 * Refuses requests with 503 `overloaded` while each turn of the event loop is late by so many milliseconds, in the mean of a
 * second, or the heap is nearly full. Probes and pages are let through. 0 milliseconds: never.
 */
export async function refuseUnderPressure(app: FastifyInstance, maxLoopMilliseconds: number): Promise<void> {
  if (maxLoopMilliseconds === 0) return;
  // It only measures: its own hook would cost each request more than the other checks.
  await app.register(underPressure);
  const mostHeap = MOST_HEAP * getHeapStatistics().heap_size_limit;
  app.check((request) => {
    const { eventLoopDelay, heapUsed } = app.memoryUsage();
    const isLate = eventLoopDelay > maxLoopMilliseconds;
    // After one long piece of work, such as a start, there may be no measurement at all.
    if ((!isLate && heapUsed <= mostHeap) || !Number.isFinite(eventLoopDelay) || isOpen(request)) return undefined;
    const what = isLate
      ? `Its event loop is late by more than ${maxLoopMilliseconds} ms (CELLSTEP_MAX_LOOP_MILLISECONDS)`
      : 'Its heap is nearly full';
    return new Problem('overloaded', `The service has too much to do. ${what}.`, { retryAfterSeconds: RETRY_SECONDS });
  });
}
