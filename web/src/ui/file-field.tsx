import { useApp } from '../frame/context.ts';

interface FileFieldProps {
  readonly label: string;
  /** Endings of names, with commas between. */
  readonly accept: string;
  readonly onFile: (file: File) => void;
}

/** Chooses a file. The browser's own words for it are hidden: they are in the language of the browser. */
export function FileField({ label, accept, onFile }: FileFieldProps) {
  const { t } = useApp();
  return (
    <label class="file">
      <span class="hint">{label}</span>
      <input
        type="file"
        class="unseen"
        accept={accept}
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          event.currentTarget.value = '';
          if (file) onFile(file);
        }}
      />
      <span class="button">{t('file.choose')}</span>
    </label>
  );
}

/** Attributes of an element that takes a dropped file. */
export function takesFiles(onFile: (file: File) => void) {
  return {
    onDragOver: (event: DragEvent) => event.preventDefault(),
    onDrop: (event: DragEvent) => {
      event.preventDefault();
      const file = event.dataTransfer?.files[0];
      if (file) onFile(file);
    },
  };
}
