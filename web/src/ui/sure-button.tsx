import { useSignal } from '@preact/signals';
import { useApp } from '../frame/context.ts';

/** A button that has to be pressed twice: for what can't be taken back. */
export function SureButton({ label, onSure }: { readonly label: string; readonly onSure: () => void }) {
  const { t } = useApp();
  const asked = useSignal(false);
  return (
    <button
      type="button"
      class={asked.value ? 'danger' : ''}
      onBlur={() => {
        asked.value = false;
      }}
      onClick={() => {
        if (asked.value) onSure();
        asked.value = !asked.value;
      }}
    >
      {asked.value ? t('sure', { label }) : label}
    </button>
  );
}
