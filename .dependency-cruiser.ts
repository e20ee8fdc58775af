import type { IConfiguration, IForbiddenRuleType } from 'dependency-cruiser';

interface Layer {
  readonly own: readonly string[];
  readonly npm: readonly string[];
  readonly node: readonly string[];
}

/**
 * Which folder may import from which: the arrows of the architecture, one line a folder. Everything that a line does
 * not name is forbidden to it. `npm` are packages, `node` Node's own modules.
 */
export const LAYERS: Readonly<Record<string, Layer>> = {
  'src/domain': { own: [], npm: [], node: [] },
  'src/frameworks': { own: ['src/domain'], npm: [], node: [] },
  'src/cells': { own: ['src/domain'], npm: [], node: [] },
  'src/training': { own: ['src/domain'], npm: [], node: [] },
  'src/threads': {
    own: ['src/domain'],
    npm: [],
    node: ['async_hooks', 'fs', 'module', 'os', 'path', 'v8', 'vm', 'worker_threads'],
  },
  'src/ops': {
    own: ['src/domain', 'src/frameworks', 'src/cells', 'src/threads'],
    npm: [],
    node: ['worker_threads'],
  },
  'src/engine': {
    own: ['src/domain', 'src/cells', 'src/training', 'src/threads'],
    npm: ['onnxruntime-node'],
    node: ['buffer', 'child_process', 'fs', 'module', 'net', 'stream', 'url', 'v8', 'worker_threads'],
  },
  'src/store': {
    own: ['src/domain', 'src/threads'],
    npm: ['lmdb', 'ioredis'],
    node: ['child_process', 'crypto', 'fs', 'fs/promises', 'os', 'path', 'sqlite', 'timers/promises', 'url', 'zlib'],
  },
  'src/files': {
    own: ['src/domain', 'src/threads'],
    npm: ['h5wasm', 'protobufjs'],
    node: ['crypto', 'worker_threads', 'zlib'],
  },
  'src/services': {
    own: ['src/domain', 'src/frameworks', 'src/training', 'src/threads'],
    npm: ['pino'],
    node: ['crypto', 'perf_hooks', 'timers/promises'],
  },
  schemas: { own: ['src/domain'], npm: ['zod'], node: [] },
  'src/access': {
    own: ['src/domain'],
    npm: ['jose', 'zod'],
    node: ['crypto', 'fs'],
  },
  'src/cli': {
    own: ['src/domain', 'src/access', 'src/store', 'src/config.ts', 'clients/typescript', 'package.json'],
    npm: [],
    node: ['fs', 'fs/promises', 'path', 'readline', 'util'],
  },
  'src/http': {
    // The OpenAPI document has the version of package.json.
    own: ['src/domain', 'src/access', 'src/threads', 'schemas', 'src/services', 'package.json'],
    npm: ['fastify', 'fastify-type-provider-zod', '@fastify/[^/]+', 'helmet', 'zod', 'prom-client', 'pino'],
    node: [
      'async_hooks',
      'buffer',
      'crypto',
      'fs',
      'http',
      'https',
      'net',
      'stream',
      'tls',
      'v8',
      'worker_threads',
      'zlib',
    ],
  },
  'src/streams': {
    // The AsyncAPI document has the version of package.json.
    own: ['src/domain', 'src/threads', 'schemas', 'src/services', 'src/http', 'src/access', 'package.json'],
    npm: ['fastify', '@fastify/websocket', 'zod'],
    node: ['crypto', 'fs', 'http', 'net', 'stream'],
  },
  'src/oip': {
    // The server's metadata has the version of package.json.
    own: ['src/domain', 'src/threads', 'schemas', 'src/services', 'src/http', 'src/streams', 'package.json'],
    npm: ['fastify', '@grpc/grpc-js', 'protobufjs'],
    node: ['crypto', 'events', 'fs', 'http2', 'net', 'tls', 'util', 'zlib'],
  },
  'src/telemetry': {
    own: ['src/domain'],
    npm: ['@fastify/otel', '@opentelemetry/[^/]+'],
    node: [],
  },
  'src/processes': {
    own: ['src/domain', 'src/http'],
    npm: ['pino'],
    node: ['child_process', 'events', 'net', 'timers/promises'],
  },
  routes: {
    own: ['src/domain', 'schemas', 'src/http', 'src/services', 'src/streams', 'src/oip'],
    npm: ['fastify', 'fastify-type-provider-zod', '@fastify/[^/]+', 'zod'],
    node: ['crypto'],
  },
};

/** Of these a folder may know only the types: what does the work arrives as an argument. */
const TYPES_ONLY = [
  { from: 'routes', to: 'src/services' },
  { from: 'src/http', to: 'src/services' },
  { from: 'src/streams', to: 'src/services' },
  { from: 'src/oip', to: 'src/services' },
];

const within = (folder: string) => `^${folder.replaceAll('.', '[.]')}(/|$)`;
const anyOf = (names: readonly string[]) => `(${names.join('|')})`;
/** No name at all, since an empty list of alternatives would match everything. */
const NOTHING = '^$';

const layerRules = Object.entries(LAYERS).flatMap(([folder, { own, npm, node }]): IForbiddenRuleType[] => [
  {
    name: `${folder} imports of the project`,
    comment: `${folder} may import from ${[folder, ...own].join(', ')}.`,
    severity: 'error',
    from: { path: within(folder) },
    to: {
      pathNot: [folder, ...own].map(within),
      dependencyTypesNot: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'],
      couldNotResolve: false,
    },
  },
  {
    name: `${folder} imports of packages`,
    comment: `${folder} may import ${npm.join(', ') || 'no package'}.`,
    severity: 'error',
    from: { path: within(folder) },
    to: {
      path: 'node_modules/',
      pathNot: npm.length > 0 ? `node_modules/${anyOf(npm)}/` : NOTHING,
    },
  },
  {
    name: `${folder} imports of Node`,
    comment: `${folder} may import ${node.join(', ') || "no module of Node's"}.`,
    severity: 'error',
    from: { path: within(folder) },
    to: { dependencyTypes: ['core'], pathNot: node.length > 0 ? `^(node:)?${anyOf(node)}$` : NOTHING },
  },
]);

const typeRules = TYPES_ONLY.map(
  ({ from, to }): IForbiddenRuleType => ({
    name: `${from} knows the types of ${to} only`,
    severity: 'error',
    from: { path: within(from) },
    to: { path: within(to), dependencyTypesNot: ['type-only'] },
  }),
);

export const configuration: Required<Pick<IConfiguration, 'forbidden' | 'options'>> = {
  forbidden: [
    ...layerRules,
    ...typeRules,
    {
      name: 'app is put together in one place',
      comment: 'Only main and the scripts that need a whole app start one.',
      severity: 'error',
      from: { path: '^(src|routes|schemas)/', pathNot: '^src/main\\.ts$' },
      to: { path: '^src/(main|app)\\.ts$' },
    },
    {
      name: 'store is opened by main',
      comment: 'And copied by src/cli/backup.ts.',
      severity: 'error',
      from: { path: '^src/[^/]+$', pathNot: '^src/main\\.ts$' },
      to: { path: '^src/store/' },
    },
    {
      name: 'no cycles',
      comment: 'Those of types alone included.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    { name: 'no unresolved import', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no development dependency in the service',
      severity: 'error',
      from: { path: '^(src|routes|schemas)/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        // An optional peer dependency, which is installed here for the tests.
        pathNot: 'node_modules/onnxruntime-node/',
      },
    },
    {
      name: 'no test code in the service',
      severity: 'error',
      from: { path: '^(src|routes|schemas)/' },
      to: { path: '^(test|scripts|bench)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    // A package is known by its place under node_modules, wherever that points.
    preserveSymlinks: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types', 'default'] },
  },
};
