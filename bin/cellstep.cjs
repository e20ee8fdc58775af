#!/usr/bin/env node
'use strict';
// CommonJS and plain JavaScript on purpose: any Node can read it, so that one that is too old gets a sentence.
const { existsSync } = require('fs');
const { join } = require('path');
const { pathToFileURL } = require('url');
const { engines } = require('../package.json');
const needed = Number(engines.node.replace(/\D*(\d+).*/, '$1'));

if (Number(process.versions.node.split('.')[0]) < needed) {
  process.stderr.write(
    `cellstep: this is Node ${process.versions.node}; cellstep needs Node ${needed} or later. ` +
      'In a checkout, `npm ci && npm start` brings and uses the right one.\n',
  );
  process.exit(2);
}

// A checkout runs as it is; a published package has what was built of it, since Node strips no types in node_modules.
const root = join(__dirname, '..');
const source = existsSync(join(root, 'src', 'main.ts'));
if (source) {
  const { enableCompileCache, registerHooks } = require('module');
  // What V8 compiles and what Node strips of types is kept from start to start: a start takes half the time.
  enableCompileCache(join(root, 'node_modules', '.cache', 'cellstep'));
  // Our files name each other whole, so Node need not look for packages, links and formats: a tenth of the time of a start.
  registerHooks({
    resolve: (specifier, context, next) =>
      /^\.\.?\/.*\.ts$/.test(specifier)
        ? { url: new URL(specifier, context.parentURL).href, format: 'module-typescript', shortCircuit: true }
        : next(specifier, context),
  });
}
const [command] = process.argv.slice(2);
const program = command === undefined || command === 'serve' || command === 'worker' ? 'main' : 'cli/main';
import(pathToFileURL(join(root, source ? `src/${program}.ts` : `dist/src/${program}.js`)).href);
