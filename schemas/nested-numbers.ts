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

  /** Back to plain arrays. */
  toJSON(): unknown[] {
    return this.shape.length > 1 ? this.split().map((part) => part.toJSON()) : Array.from(this.values);
  }
}
