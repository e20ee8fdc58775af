/** The thread that writes the OpenAPI document as YAML, which takes tenths of a second. */
import { parentPort, workerData } from 'node:worker_threads';
import swagger from '@fastify/swagger';
import Fastify from 'fastify';

const app = Fastify();
await app.register(swagger, { mode: 'static', specification: { document: workerData } });
await app.ready();
parentPort?.postMessage({ result: app.swagger({ yaml: true }) });
