/**
 * Deletes from node_modules what the service never loads, where `npm ci --omit=dev` installed it without the tools of
 * development, which do read types and sources: a third is left out. `npm ci` runs it (`prepare`), and the Dockerfile.
 */
import { existsSync, globSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const NEVER_LOADED = [
  // Node runs no TypeScript from node_modules, and the service reads no source maps.
  '**/*.{ts,mts,cts,map,tsbuildinfo,c,cc,cpp,h,py}',
  '**/{readme,README,changelog,CHANGELOG,history,HISTORY}*',
  '**/{.github,examples}',
  '{fastify,@fastify/*,h5wasm,find-my-way,avvio,ip-address}/{test,docs,benchmarks}',
  // Node 26 loads Node-API binaries.
  '@lmdb/*/node.abi*',
  // The service imports h5wasm's ES module, protobufjs' sources, and the bundle of swagger-ui.
  'h5wasm/dist/{node,iife}',
  'protobufjs/dist',
  // The service loads the CommonJS builds of OpenTelemetry.
  '@opentelemetry/*/build/{esm,esnext}',
  '@fastify/swagger-ui/static/swagger-ui.js',
  // OpenTelemetry's builds for bundlers; Node takes build/src.
  '**/@opentelemetry/*/build/{esm,esnext}',
];
const MUSL_OR_GLIBC = ['@lmdb/*/*.musl.node', '@lmdb/*/*.glibc.node'];

const modules = join(import.meta.dirname, '..', 'node_modules');
if (!existsSync(join(modules, 'typescript'))) {
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  const foreign = MUSL_OR_GLIBC[header.glibcVersionRuntime ? 0 : 1];
  for (const pattern of [...NEVER_LOADED, ...(process.platform === 'linux' ? [foreign] : [])]) {
    for (const path of globSync(pattern, { cwd: modules }))
      rmSync(join(modules, path), { recursive: true, force: true });
  }
}
