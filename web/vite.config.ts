import { defineConfig } from 'vite';

/** `npm run web:dev` shows the page as it is edited, beside a service at its usual place. */
const SERVICE = 'http://127.0.0.1:8080';

/** Relative addresses, so that the page also works behind a path of a proxy. Hashed files are kept by browsers for good. */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  publicDir: false,
  server: {
    host: '127.0.0.1',
    proxy: { '^/(v1|docs|healthz|problems|openapi)': { target: SERVICE, ws: true } },
  },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    assetsDir: 'playground',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2024',
    sourcemap: false,
  },
});
