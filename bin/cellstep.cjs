#!/usr/bin/env node
'use strict';
// CommonJS and plain JavaScript on purpose: any Node can read it, so that one that is too old gets a sentence.
const { engines } = require('../package.json');
const needed = Number(engines.node.replace(/\D*(\d+).*/, '$1'));

if (Number(process.versions.node.split('.')[0]) < needed) {
  process.stderr.write(
    `cellstep: this is Node ${process.versions.node}; cellstep needs Node ${needed} or later. ` +
      '`npm ci && npm start` brings and uses the right one.\n',
  );
  process.exit(2);
}

// What V8 compiles and what Node strips of types is kept from start to start: a start takes half the time.
require('node:module').enableCompileCache(require('node:path').join(__dirname, '../node_modules/.cache/cellstep'));
import('../src/main.ts');
