interface PlayButtonProps {
  readonly playing: boolean;
  readonly label: string;
  readonly disabled?: boolean;
  readonly onClick: () => void;
}

/** Starts and pauses what goes on by itself. */
export function PlayButton({ playing, label, disabled, onClick }: PlayButtonProps) {
  return (
    <button type="button" class="main play" disabled={disabled} onClick={onClick}>
      <svg viewBox="0 0 10 10" aria-hidden="true">
        <path d={playing ? 'M1 0h3v10H1zM6 0h3v10H6z' : 'M1 0l8 5-8 5z'} />
      </svg>
      {label}
    </button>
  );
}
