/** The part of the WebAssembly API that is used: Node's types name no more than `Module`, and those of the DOM are not here. */
declare namespace WebAssembly {
  class Memory {
    constructor(descriptor: { readonly initial: number; readonly maximum: number; readonly shared: true });
    readonly buffer: ArrayBufferLike;
    /** The number of pages before. @throws {RangeError} */
    grow(pages: number): number;
  }
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports: { readonly env: { readonly memory: Memory } });
    readonly exports: Readonly<Record<string, (...values: number[]) => number | undefined>>;
  }
}
