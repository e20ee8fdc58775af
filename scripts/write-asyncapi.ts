import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import schema from '@asyncapi/specs/schemas/3.0.0-without-$id.json' with { type: 'json' };
import { Ajv } from 'ajv';
import { stringify } from 'yaml';
import { asyncApiDocument } from '../src/streams/asyncapi.ts';

/**
 * `node scripts/write-asyncapi.ts [--check] [file]` writes asyncapi.yaml from the types of the messages; with --check it only
 * tells, by its exit code, whether the file is what it would write. What it writes is valid by AsyncAPI's own schema.
 */
const standard = fileURLToPath(new URL('../asyncapi.yaml', import.meta.url));
const [file = standard] = process.argv.slice(2).filter((argument) => argument !== '--check');
const document = asyncApiDocument();
const problems = problemsOf(document);
if (problems.length > 0) {
  process.stderr.write(`The document is not valid AsyncAPI:\n${problems.join('\n')}\n`);
  process.exit(1);
}
const text = stringify(document);

if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
} else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
  process.stderr.write(`${file} is not what the messages say. Run \`npm run asyncapi\` and commit the result.\n`);
  process.exitCode = 1;
}

function problemsOf(checked: object): string[] {
  const validate = new Ajv({ strict: false, validateFormats: false, allErrors: false }).compile(schema);
  if (validate(checked)) return referenceProblems(checked);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath}: ${message}`);
}

/** A reference that leads nowhere is valid by the schema. */
function referenceProblems(checked: object): string[] {
  const references = [...JSON.stringify(checked).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path);
  return references.flatMap((path) => {
    const found = path.split('/').reduce<unknown>((at, name) => Object(at)[name], checked);
    return found === undefined ? [`#/${path} is not in the document`] : [];
  });
}
