import { useSignal } from '@preact/signals';
import type { Cell, Checkpoint, Session } from '../api/types.ts';
import { useApp } from '../frame/context.ts';
import { hashOf } from '../frame/place.ts';
import { CellDetail } from './cell-detail.tsx';
import { CheckpointDetail } from './checkpoint-detail.tsx';
import { THINGS, type Things, when } from './lists.ts';
import { NewCell } from './new-cell.tsx';
import { NewCheckpoint } from './new-checkpoint.tsx';
import { NewSession } from './new-session.tsx';
import { SessionDetail } from './session-detail.tsx';
import { ThingsList } from './things-list.tsx';

/** What the service holds: lists, and each thing opened. */
export function InspectView({ path }: { readonly path: readonly string[] }) {
  const { t } = useApp();
  const things = THINGS.find((name) => name === path[0]) ?? 'sessions';
  const [, id] = path;
  return (
    <div class="view">
      <section class="hero" aria-labelledby="inspect-title">
        <div>
          <h1 id="inspect-title">{t('inspect.title')}</h1>
          <p>{t('inspect.hint')}</p>
        </div>
        <nav class="ways" aria-label={t('inspect.kinds')}>
          {THINGS.map((name) => (
            <a
              key={name}
              class="button"
              href={hashOf(['inspect', name])}
              aria-current={name === things ? 'page' : undefined}
            >
              {t(`things.${name}`)}
            </a>
          ))}
        </nav>
      </section>
      {id === undefined ? <Lists things={things} /> : <Detail things={things} id={id} key={`${things}/${id}`} />}
    </div>
  );
}

function Detail({ things, id }: { readonly things: Things; readonly id: string }) {
  if (things === 'cells') return <CellDetail id={id} />;
  return things === 'sessions' ? <SessionDetail id={id} /> : <CheckpointDetail id={id} />;
}

function Lists({ things }: { readonly things: Things }) {
  const { t } = useApp();
  const version = useSignal(0);
  const made = () => {
    version.value++;
  };
  return (
    <div class="columns wide-first">
      <div class="card">
        {things === 'cells' && (
          <ThingsList<Cell>
            things="cells"
            version={version.value}
            columns={[
              { name: t('column.class'), of: (cell) => cell.class_name },
              { name: t('column.parameters'), of: (cell) => String(cell.parameter_count) },
              { name: t('column.version'), of: (cell) => String(cell.version) },
              { name: t('column.updated'), of: (cell) => when(cell.updated_at) },
            ]}
          />
        )}
        {things === 'sessions' && (
          <ThingsList<Session>
            things="sessions"
            version={version.value}
            columns={[
              { name: t('column.cell'), of: (session) => session.cell },
              { name: t('column.step'), of: (session) => String(session.step) },
              { name: t('column.history'), of: (session) => String(session.history) },
              { name: t('column.updated'), of: (session) => when(session.updated_at) },
            ]}
          />
        )}
        {things === 'checkpoints' && (
          <ThingsList<Checkpoint>
            things="checkpoints"
            version={version.value}
            columns={[
              {
                name: t('column.holds'),
                of: ({ cells, variables, sessions }) =>
                  t('checkpoint.holds', {
                    cells: cells.length,
                    variables: variables.length,
                    sessions: sessions.length,
                  }),
              },
              { name: t('column.bytes'), of: (checkpoint) => String(checkpoint.bytes) },
              { name: t('column.created'), of: (checkpoint) => when(checkpoint.created_at) },
            ]}
          />
        )}
      </div>
      <div>
        {things === 'cells' && <NewCell onMade={made} />}
        {things === 'sessions' && <NewSession onMade={made} />}
        {things === 'checkpoints' && <NewCheckpoint onMade={made} />}
      </div>
    </div>
  );
}
