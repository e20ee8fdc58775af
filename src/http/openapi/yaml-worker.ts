/** The thread that writes the OpenAPI document as YAML, which takes tenths of a second. */
import swagger from '@fastify/swagger';
import Fastify from 'fastify';
import type { JsonObject } from '../../domain/json.ts';
import { answerParent } from '../../threads/own-thread.ts';

answerParent<JsonObject, string>(async (document) => {
  const app = Fastify();
  await app.register(swagger, { mode: 'static', specification: { document: document as never } });
  await app.ready();
  return app.swagger({ yaml: true });
});
