/**
 * A nested JSON array of numbers that was read straight from the bytes of a request. It replaces the array in a parsed body.
 * No level of it is empty.
 */
export class NestedNumbers {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly values: Float64Array;

  constructor(shape: readonly number[], values: Float64Array) {
    this.shape = shape;
    this.values = values;
  }

  /** Iterates along the first axis; there are at least two. */
  split(): NestedNumbers[] {
    const [count, ...rest] = this.shape;
    const { buffer, byteOffset, byteLength, length } = this.values;
    const parts: NestedNumbers[] = [];
    for (let i = 0; i < count; i++) {
      const values = new Float64Array(buffer, byteOffset + (i * byteLength) / count, length / count);
      parts.push(new NestedNumbers(rest, values));
    }
    return parts;
  }

  /** The arrays that it stands for, of which what comes after the first `most` numbers may be left out. */
  head(most: number): unknown[] {
    const [count, ...rest] = this.shape;
    if (rest.length === 0) return Array.from(this.values.subarray(0, most));
    const size = this.values.length / count;
    const rows = Math.min(count, most, Math.ceil(most / size));
    return Array.from({ length: rows }, (_, i) =>
      new NestedNumbers(rest, this.values.subarray(i * size, (i + 1) * size)).head(most),
    );
  }

  /** The arrays that it stands for. */
  toJSON(): unknown[] {
    return this.shape.length > 1 ? this.split().map((part) => part.toJSON()) : Array.from(this.values);
  }
}
