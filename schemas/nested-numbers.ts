/**
 * A nested JSON array of numbers that was read straight from the bytes of a request. It stands in a parsed body where the
 * array stood. Never empty at any level.
 */
export class NestedNumbers {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly values: Float64Array;

  constructor(shape: readonly number[], values: Float64Array) {
    this.shape = shape;
    this.values = values;
  }

  /** Along the first of two axes or more. */
  split(): NestedNumbers[] {
    const [count, ...rest] = this.shape;
    const size = this.values.length / count;
    return Array.from({ length: count }, (_, i) => {
      return new NestedNumbers(rest, this.values.subarray(i * size, (i + 1) * size));
    });
  }

  /** The arrays that it stands for. */
  toJSON(): unknown[] {
    return this.shape.length > 1 ? this.split().map((part) => part.toJSON()) : Array.from(this.values);
  }
}
