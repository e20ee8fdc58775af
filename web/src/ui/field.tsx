import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import { type ApiProblem, errorsAt } from '../api/problem.ts';

interface FieldProps {
  readonly label: string;
  /** The problem of the form, and where in the request this field stands. */
  readonly problem?: ApiProblem;
  readonly pointer?: string;
  readonly children: (attributes: {
    id: string;
    'aria-invalid': boolean;
    'aria-describedby'?: string;
  }) => ComponentChildren;
}

/** A labelled field, with what the service says about it below. */
export function Field({ label, problem, pointer, children }: FieldProps) {
  const id = useId();
  const errors = pointer === undefined ? [] : errorsAt(problem, pointer);
  const invalid = errors.length > 0;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, 'aria-invalid': invalid, ...(invalid ? { 'aria-describedby': `${id}-error` } : {}) })}
      {invalid && (
        <p class="error" id={`${id}-error`}>
          {errors[0]}
        </p>
      )}
    </div>
  );
}

/** What the service said, where no field of the form has said it already. */
export function Refusal({
  problem,
  pointers = [],
}: {
  readonly problem?: ApiProblem;
  readonly pointers?: readonly string[];
}) {
  if (!problem || pointers.some((pointer) => errorsAt(problem, pointer).length > 0)) return null;
  return (
    <p class="error" role="alert">
      {problem.message}
    </p>
  );
}

interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly T[];
  readonly nameOf?: (option: T) => string;
  readonly onChange: (value: T) => void;
  readonly problem?: ApiProblem;
  readonly pointer?: string;
  readonly disabled?: boolean;
}

export function Choice<T extends string>({
  value,
  options,
  nameOf = (option) => option,
  onChange,
  disabled,
  ...field
}: ChoiceProps<T>) {
  return (
    <Field {...field}>
      {(attributes) => (
        <select
          {...attributes}
          value={value}
          disabled={disabled}
          onChange={(event) => onChange(event.currentTarget.value as T)}
        >
          {options.map((option) => (
            <option key={option} value={option}>
              {nameOf(option)}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

interface NumberFieldProps {
  readonly label: string;
  readonly value: number;
  readonly onChange: (value: number) => void;
  readonly problem?: ApiProblem;
  readonly pointer?: string;
  readonly min?: number;
  readonly max?: number;
  readonly disabled?: boolean;
}

/** A whole number. Out of its range it is sent all the same: the service says what is wrong with it. */
export function NumberField({ value, onChange, min, max, disabled, ...field }: NumberFieldProps) {
  return (
    <Field {...field}>
      {(attributes) => (
        <input
          {...attributes}
          type="number"
          value={value}
          min={min}
          max={max}
          disabled={disabled}
          onChange={(event) => onChange(event.currentTarget.valueAsNumber || 0)}
        />
      )}
    </Field>
  );
}

interface CheckProps {
  readonly label: string;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
}

export function Check({ label, checked, onChange }: CheckProps) {
  return (
    <label class="check">
      <input type="checkbox" checked={checked} onChange={(event) => onChange(event.currentTarget.checked)} />
      {label}
    </label>
  );
}
