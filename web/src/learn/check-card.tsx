import { useApp } from '../frame/context.ts';
import { Plot } from '../ui/plot.tsx';
import { Scroll } from '../ui/scroll.tsx';
import type { Check, Learner } from './learner.ts';
import { LETTERS, taskOf } from './tasks.ts';

/** What the network answers to examples that it has not learned from, beside what it should. */
export function CheckCard({ learner }: { readonly learner: Learner }) {
  const { t } = useApp();
  const { value: check } = learner.check;
  const { task, delay } = learner.settings.value;
  if (!check) return null;
  const { outputs } = taskOf(task, delay);
  return (
    <section class="card" aria-labelledby="check-title">
      <h2 id="check-title">{t('check.title')}</h2>
      <p class="hint">{t('check.hint')}</p>
      {outputs > 1 ? <Letters check={check} /> : <Answers check={check} />}
    </section>
  );
}

/** Rows shown, one behind the other. */
const ROWS = 3;

function Answers({ check }: { readonly check: Check }) {
  const { t } = useApp();
  const flat = (rows: Check['inputs'], feature: number) =>
    rows.slice(0, ROWS).flatMap((row) => row.map((values) => values[feature]));
  const wanted = flat(check.targets, 0);
  const inputs = (check.inputs[0]?.[0] ?? []).map((_, i) => ({
    label: t('check.input', { name: `x${i + 1}` }),
    values: flat(check.inputs, i),
    twinOf: 2 + i,
  }));
  return (
    <Plot
      label={t('check.title')}
      xLabel={t('time.step')}
      yLabel={t('time.value')}
      height={200}
      xs={wanted.map((_, i) => i + 1)}
      lines={[
        { label: t('check.wanted'), values: wanted },
        { label: t('check.answer'), values: flat(check.outputs, 0) },
        ...inputs,
      ]}
    />
  );
}

function Letters({ check }: { readonly check: Check }) {
  const { t } = useApp();
  const letter = (values: readonly number[]) => LETTERS[values.indexOf(Math.max(...values))];
  /** A blank is a letter, too. */
  const seen = (values: readonly number[]) => letter(values).replace(' ', '·');
  return (
    <Scroll label={t('check.title')}>
      <table class="letters">
        <thead>
          <tr>
            <th scope="col">{t('check.read')}</th>
            <th scope="col">{t('check.wanted')}</th>
            <th scope="col">{t('check.answer')}</th>
          </tr>
        </thead>
        <tbody>
          {check.inputs.slice(0, 2 * ROWS).map((row, n) => (
            <tr key={n}>
              <td>{row.map(seen).join('')}</td>
              <td>{check.targets[n].map(seen).join('')}</td>
              <td>
                {check.outputs[n].map((values, i) => (
                  <span key={i} class={letter(values) === letter(check.targets[n][i]) ? '' : 'bad'}>
                    {seen(values)}
                  </span>
                ))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
