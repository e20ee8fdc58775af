/**
 * The part of WebAssembly's JavaScript interface that the service uses. Node's types leave it out, and a server should not
 * use the types of browsers.
 */
declare namespace WebAssembly {
  type Imports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  let instantiate: (bytes: Uint8Array, imports: Imports) => Promise<{ module: Module; instance: Instance }>;
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    readonly exports: Readonly<Record<string, unknown>>;
    constructor(module: Module, imports?: Imports);
  }
  class Memory {
    readonly buffer: ArrayBuffer;
    constructor(limits: { readonly initial: number; readonly maximum?: number; readonly shared?: boolean });
    grow(pages: number): number;
  }
  interface Global<T> {
    value: T;
  }
}
