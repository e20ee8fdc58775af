import {
  allCanRun,
  kerasCases,
  measureCellstep,
  pytorchCases,
  readFixture,
  recorded,
  type UlpCase,
} from './ulp-cases.ts';
import { type UlpStatistics, ulpStatistics } from './ulp-statistics.ts';

export interface UlpTable {
  readonly title: string;
  readonly text: string;
}

interface Row {
  readonly name: string;
  readonly figures: UlpStatistics;
}

interface Report {
  readonly table: readonly (UlpStatistics & {
    readonly scope: string;
    readonly cell: string;
    readonly framework: string;
  })[];
}

const REPORTED = [
  { framework: 'keras', name: 'Keras' },
  { framework: 'pytorch', name: 'PyTorch' },
  { framework: 'onnxruntime', name: 'ONNX Runtime' },
];

/** The accuracy of single steps: each table in Markdown, cellstep first. */
export async function ulpTables(): Promise<UlpTable[]> {
  const [keras, pytorch] = [kerasCases(), pytorchCases()];
  const common = [...keras, ...pytorch].filter(allCanRun);
  return [
    {
      title: 'Cells that all three can run: linear algebra, tanh, sigmoid, relu',
      text: table([...(await cellstep(common)), ...reported('cases all three can run')]),
    },
    {
      title: 'All cells of Keras, with every activation',
      text: table([...(await cellstep(keras)), { name: 'Keras', figures: ulpStatistics(keras.map(recorded)) }]),
    },
    {
      title: 'All cells of PyTorch',
      text: table([...(await cellstep(pytorch)), { name: 'PyTorch', figures: ulpStatistics(pytorch.map(recorded)) }]),
    },
  ];
}

async function cellstep(cases: readonly UlpCase[]): Promise<Row[]> {
  return [
    { name: 'cellstep, exact', figures: ulpStatistics(await measureCellstep(cases, 'exact')) },
    { name: 'cellstep, fast', figures: ulpStatistics(await measureCellstep(cases, 'fast')) },
  ];
}

function reported(scope: string): Row[] {
  const { table } = readFixture<Report>('ulp_report.json');
  return REPORTED.map(({ framework, name }) => {
    const figures = table.find((row) => row.scope === scope && row.cell === 'all cells' && row.framework === framework);
    if (!figures) throw new Error(`ulp_report.json has no figures of ${framework} for '${scope}'`);
    return { name, figures };
  });
}

function table(rows: readonly Row[]): string {
  const heads = [
    '',
    'cases',
    'values',
    'mean',
    'median',
    'p99',
    'max',
    'mean, ≥ 1/16',
    'max, ≥ 1/16',
    'max absolute',
    'correctly rounded',
  ];
  const body = rows.map(({ name, figures: of }) => [
    name,
    `${of.cases}`,
    `${of.values}`,
    ulps(of.mean_ulp),
    ulps(of.median_ulp),
    ulps(of.p99_ulp),
    ulps(of.max_ulp),
    ulps(of.mean_ulp_where_at_least_1_16),
    ulps(of.max_ulp_where_at_least_1_16),
    of.max_abs.toExponential(1),
    `${(100 * of.share_correctly_rounded).toFixed(1)} %`,
  ]);
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(heads),
    `|---|${heads
      .slice(1)
      .map(() => '---:')
      .join('|')}|`,
    ...body.map(line),
  ].join('\n');
}

function ulps(value: number): string {
  return value < 1 ? value.toFixed(3) : Number(value.toPrecision(3)).toString();
}

/** docs/accuracy.md, whole. */
export function ulpDocument(tables: readonly UlpTable[]): string {
  const [common, keras, pytorch] = tables.map(({ title, text }) => `### ${title}\n\n${text}`);
  return `# Accuracy

How far one step in float32 is from the exact result, in units in the last place (ulps) of the exact value. A result that is
correctly rounded, the float32 nearest to the exact one, is at most 0.5 ulps away. The exact results come from float64
arithmetic, kept with the cases in \`test/golden\`; all weights, inputs and states are float32 values.

${common}

The figures of the three frameworks come from \`test/golden/ulp_report.json\`. It covers more cells than are kept in
\`test/golden\`: the rows of cellstep are over the kept ones, which are of the same kinds and sizes.

${keras}

${pytorch}

In these two tables all rows are over the same cases, the framework's from the results that were recorded of it. The large
counts of the frameworks are results near zero, after a cancellation; counts of at least 1/16 in size have columns of their
own. Left out are cells that are saturated, not finite or denormal, where ulps say little, and one with \`sparsemax\`, which
Keras computes wrongly.

## Why

With \`"precision": "exact"\` a step is computed in float64 and each result rounded once
([decision](adr/0004-reference-engine-in-float64.md)). With \`"fast"\`, the default, sums,
products and activations are float32 ([decision](adr/0010-simd-kernels.md)): sigmoid is within 3 ulps of the exact value and
tanh within 2, for every float32 (\`test/engine/simd/kernel-activations.test.ts\`). An activation without a kernel is computed in
float64 in either case, and the cell's reply says \`"exact"\`.

Every value is counted once: all states of a step, of which the output is one.

## float16, bfloat16 and float64

A cell of float16 or bfloat16 is computed in float64, and each of its results is rounded once to its dtype: the states after a
step, of which the output is one, and what a trace shows. Nothing is rounded between; Keras rounds every product and every sum,
so that its results may be some units in the last place away. What goes in is rounded once too: inputs and states that are sent,
and weights, which under \`mixed_float16\` and \`mixed_bfloat16\` are kept in float32 and rounded for the computation. A layer whose
dtype is not that of its cell rounds inputs to its own dtype and then to the cell's, and outputs to its own; states keep the cell's
dtype ([decision](adr/0028-a-state-has-the-dtype-of-its-cell.md)). The merged output of a \`Bidirectional\` is made of the two outputs
rounded to its dtype, and rounded once more. Gradients are float64 throughout, and rounded once at the end.

A cell of float64 has the errors of its sums and activations, a few units of float64.

Weights that are drawn have the bits of Keras on TensorFlow, with two exceptions. Orthogonal ones are within 2e-7, nearly
square ones of a hundred rows within 1e-5: the last bits of a QR decomposition depend on the order of its sums. Of normal numbers in float64 some 6 % differ, by at most 3 units in the last
place (40,000 were compared): V8 computes the logarithm, the sine and the cosine here, and glibc in TensorFlow. With
glibc's three functions in place of V8's, all of 200,000 numbers are equal.

## Versions

Keras 3.15.1 on TensorFlow 2.21.0, PyTorch 2.13.0, ONNX Runtime 1.32.0, on an x86-64 CPU with AVX-512, one thread. Cellstep
runs on Node 26 and gives the same bits on every machine.

Measured by \`npm run ulp\`, which asks cellstep over HTTP and writes this page; \`test/golden/ulp.test.ts\` checks it.
`;
}
