/**
 * Checks which folder imports from which (.dependency-cruiser.ts), and the check itself: it must have seen every module
 * on disk, and each rule must catch a file that was written to break it.
 */
import { globSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';
import { configuration, LAYERS } from '../.dependency-cruiser.ts';

const FOLDERS = ['src', 'routes', 'schemas'];
const FEWEST_MODULES = 100;
const root = fileURLToPath(new URL('..', import.meta.url));
const ruleNames = configuration.forbidden.map(({ name }) => name ?? '');

async function examine(directory: string): Promise<ICruiseResult> {
  const { forbidden, options } = configuration;
  const tsConfig = extractTSConfig(join(root, 'tsconfig.json'));
  const { output } = await cruise(
    FOLDERS,
    { ...options, ruleSet: { forbidden }, validate: true, baseDir: directory },
    {},
    { tsConfig },
  );
  if (typeof output === 'string') throw new Error('dependency-cruiser answered with text');
  return output;
}

/** Every module on disk was seen, and its imports were. */
function complaintsOfSight(result: ICruiseResult, directory: string, fewest: number): string[] {
  const seen = new Map(result.modules.map((module) => [module.source, module]));
  const files = globSync(`{${FOLDERS.join(',')}}/**/*.ts`, { cwd: directory, exclude: ['**/kernels/**'] });
  const unseen = files.filter((file) => !seen.has(file));
  const imports = files.reduce((sum, file) => sum + (seen.get(file)?.dependencies.length ?? 0), 0);
  return [
    ...unseen.map((file) => `${file} was not examined`),
    ...(files.length < fewest ? [`only ${files.length} modules were found; at least ${fewest} are expected`] : []),
    ...(imports < fewest ? [`only ${imports} imports were seen; at least ${fewest} are expected`] : []),
  ];
}

/** For each rule a module that breaks it. */
function breakingFiles(): Map<string, string> {
  const files = new Map<string, string>();
  const breakRule = (rule: string, file: string, text: string) => files.set(file, `// ${rule}\n${text}\n`);
  for (const folder of Object.keys(LAYERS)) {
    const up = folder.includes('/') ? '../..' : '..';
    breakRule(`${folder} imports of the project`, `${folder}/a-project.ts`, `import '${up}/src/keeper.ts';`);
    breakRule(`${folder} imports of packages`, `${folder}/a-package.ts`, `import 'yaml';`);
    breakRule(`${folder} imports of Node`, `${folder}/a-builtin.ts`, `import 'node:dgram';`);
  }
  breakRule('', 'src/services/value.ts', 'export const value = 1;');
  for (const folder of ['routes', 'src/http', 'src/streams', 'src/oip']) {
    const up = folder.includes('/') ? '../..' : '..';
    const text = `import { value } from '${up}/src/services/value.ts';\nexport default value;`;
    breakRule(`${folder} knows the types of src/services only`, `${folder}/a-value.ts`, text);
  }
  breakRule('', 'src/app.ts', 'export {};');
  breakRule('', 'src/store/value.ts', 'export {};');
  breakRule('app is put together in one place', 'src/second-app.ts', `import './app.ts';`);
  breakRule('store is opened by main', 'src/keeper.ts', `import './store/value.ts';`);
  breakRule('no cycles', 'src/cells/one.ts', `import type { Two } from './two.ts';\nexport type One = Two | 1;`);
  // A cycle is told once, where it was entered first.
  breakRule('', 'src/cells/two.ts', `import type { One } from './one.ts';\nexport type Two = One | 2;`);
  breakRule('no unresolved import', 'src/cells/nowhere.ts', `import './nothing-there.ts';`);
  breakRule('no development dependency in the service', 'src/cells/tool.ts', `import 'vitest';`);
  breakRule('no test code in the service', 'src/cells/test.ts', `import '../../test/helper.ts';`);
  files.set('test/helper.ts', 'export {};\n');
  return files;
}

/** Rules that let their breaking file pass, and a sight that does not notice what it missed. */
async function complaintsOfRules(): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'cellstep-import-rules-'));
  try {
    const files = breakingFiles();
    for (const [file, text] of files) {
      mkdirSync(dirname(join(directory, file)), { recursive: true });
      writeFileSync(join(directory, file), text);
    }
    for (const name of ['package.json', 'node_modules']) symlinkSync(join(root, name), join(directory, name));
    const result = await examine(directory);
    const caught = new Map(result.summary.violations.map(({ rule, from }) => [`${rule.name}: ${from}`, true]));
    const missed = [...files].filter(([file, text]) => {
      const rule = text.slice(3, text.indexOf('\n'));
      return ruleNames.includes(rule) && !caught.has(`${rule}: ${file}`);
    });
    const covered = new Set([...files.values()].map((text) => text.slice(3, text.indexOf('\n'))));
    const blind = complaintsOfSight({ ...result, modules: result.modules.slice(1) }, directory, 0);
    const empty = complaintsOfSight({ ...result, modules: [] }, join(directory, 'test'), FEWEST_MODULES);
    return [
      ...missed.map(([file, text]) => `the rule '${text.split('\n')[0].slice(3)}' does not catch ${file}`),
      ...ruleNames.filter((name) => !covered.has(name)).map((name) => `the rule '${name}' has no file that breaks it`),
      ...(blind.length === 0 ? ['a module that was not examined goes unnoticed'] : []),
      ...(empty.length < 2 ? ['an empty examination goes unnoticed'] : []),
    ];
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const result = await examine(root);
const violations = result.summary.violations.map(({ rule, from, to }) => {
  const { comment } = configuration.forbidden.find(({ name }) => name === rule.name) ?? {};
  return `${from} → ${to}: ${rule.name}. ${comment ?? ''}`;
});
const complaints = [...violations, ...complaintsOfSight(result, root, FEWEST_MODULES), ...(await complaintsOfRules())];
for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
process.stdout.write(
  `Import rules: ${ruleNames.length} rules, ${result.summary.totalCruised} modules, ${complaints.length} complaints\n`,
);
process.exitCode = complaints.length > 0 ? 1 : 0;
