import type { ApiProblem } from '../api/problem.ts';
import { Field } from './field.tsx';

interface TextFieldProps {
  readonly label: string;
  readonly name: string;
  readonly initial?: string;
  readonly required?: boolean;
  readonly problem?: ApiProblem;
  readonly pointer?: string;
}

/** A line of text of a form, read when the form is sent. */
export function TextField({ name, initial = '', required, ...field }: TextFieldProps) {
  return (
    <Field {...field}>
      {(attributes) => (
        <input {...attributes} name={name} defaultValue={initial} required={required} autocomplete="off" />
      )}
    </Field>
  );
}

/** What the form has in its fields; blanks at the ends do not count. */
export function formValues(form: HTMLFormElement): Record<string, string> {
  return Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value).trim()]));
}
