import { getCompileCacheDir } from 'node:module';
import { answerParent } from '../../src/threads/own-thread.ts';

answerParent(() => ({ environment: process.env, kept: getCompileCacheDir() }));
