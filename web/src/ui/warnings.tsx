import { useApp } from '../frame/context.ts';
import { findWarnings, type Seen } from '../model/warnings.ts';

/** What is probably a bug, said of the units that show it. */
export function Warnings({ steps, names }: { readonly steps: readonly Seen[]; readonly names: readonly string[] }) {
  const { t } = useApp();
  const warnings = findWarnings(steps, names);
  return (
    <div class="warnings" role="status">
      {warnings.map(({ kind, where, units }) => (
        <p class="warning" key={`${kind} ${where}`}>
          ⚠ {t(`warning.${kind}`, { where, units: listed(units.map((unit) => unit + 1)), count: units.length })}
        </p>
      ))}
    </div>
  );
}

function listed(units: readonly number[]): string {
  return units.length > 6 ? `${units.slice(0, 5).join(', ')} …` : units.join(', ');
}
