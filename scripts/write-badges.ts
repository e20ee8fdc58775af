/** `node scripts/write-badges.ts` writes the badges of the README, each with what a file of the project says. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const ROOT = new URL('../', import.meta.url);
const DIRECTORY = new URL('docs/pictures/badges/', ROOT);
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');
const found = (path: string, pattern: RegExp) => {
  const value = pattern.exec(read(path))?.[1];
  if (value === undefined) throw new Error(`${path} does not have ${pattern}.`);
  return value;
};

/** File name → label and value. */
export function badges(): Record<string, readonly [string, string]> {
  const { license, engines } = JSON.parse(read('package.json'));
  const framework = (name: string) => found('test/interop/requirements.txt', new RegExp(`^${name}==(.+)$`, 'm'));
  return {
    licence: ['licence', license],
    node: ['Node', engines.node.replace('>=', '≥ ')],
    openapi: ['OpenAPI', found('openapi.yaml', /^openapi: (.+)$/m)],
    keras: ['compared with Keras', framework('keras')],
    pytorch: ['compared with PyTorch', framework('torch')],
    onnxruntime: ['compared with ONNX Runtime', framework('onnxruntime')],
  };
}

export function svg([label, value]: readonly [string, string]): string {
  // Verdana of 11 px takes some 6.6 px a character; textLength makes the text fit wherever it is shown.
  const [left, right] = [label, value].map((text) => Math.round(6.6 * text.length) + 14);
  const text = (at: number, width: number, words: string) =>
    `<text x="${at + 7}" y="14" textLength="${width - 14}">${words}</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${left + right}" height="20" role="img" aria-label="${label}: ${value}">
<rect width="${left + right}" height="20" rx="3" fill="#475569"/>
<path d="M${left} 0h${right - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-${right - 3}z" fill="#0f766e"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
${text(0, left, label)}
${text(left, right, value)}
</g>
</svg>
`;
}

if (import.meta.main) {
  mkdirSync(DIRECTORY, { recursive: true });
  for (const [name, badge] of Object.entries(badges())) writeFileSync(new URL(`${name}.svg`, DIRECTORY), svg(badge));
}
