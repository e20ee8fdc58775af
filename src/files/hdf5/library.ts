import type { h5wasm } from 'h5wasm';

export type Library = Awaited<typeof h5wasm.ready>;

/** Emscripten's hook: it passes the imports and expects the instance by `ready`. */
type InstantiateWasm = (imports: WebAssembly.Imports, ready: (...made: Compiled) => void) => object;
type Compiled = [WebAssembly.Instance, WebAssembly.Module];
type Factory = (settings: { noInitialRun: true; instantiateWasm?: InstantiateWasm }) => Promise<Library>;

/** Makes instances of the HDF5 library. Each has memory of its own, at most `memoryBytes`. */
export type OpenLibrary = (memoryBytes: number) => Promise<Library>;

/**
 * The package exports a single instance for a whole thread. This takes the factory inside it, so that each file gets a
 * new instance. Only the first one is compiled; the others start in about 10 ms.
 */
export async function libraries(): Promise<OpenLibrary> {
  const inside = new URL('hdf5_util.js', import.meta.resolve('h5wasm'));
  const { default: create }: { default: Factory } = await import(inside.href);
  const bound = boundMemory();
  const compiled = watchCompiling();
  return async (memoryBytes) => {
    bound(memoryBytes);
    const [module] = compiled;
    const library = await create({ noInitialRun: true, ...(module && { instantiateWasm: instanceOf(module) }) });
    library.activate_throwing_error_handler();
    return library;
  };
}

/** Puts the module that the first instance compiles into this list. */
function watchCompiling(): WebAssembly.Module[] {
  const modules: WebAssembly.Module[] = [];
  const { instantiate } = WebAssembly;
  WebAssembly.instantiate = async (bytes, imports) => {
    const made = await instantiate(bytes, imports);
    modules.push(made.module);
    return made;
  };
  return modules;
}

function instanceOf(module: WebAssembly.Module): InstantiateWasm {
  return (imports, ready) => {
    const instance = new WebAssembly.Instance(module, imports);
    ready(instance, module);
    return instance.exports;
  };
}

/** The library grows its memory through this method of this thread. It reads an error as "no more memory". */
function boundMemory(): (bytes: number) => void {
  let most = 0;
  const { grow } = WebAssembly.Memory.prototype;
  WebAssembly.Memory.prototype.grow = function (this: WebAssembly.Memory, pages) {
    if (this.buffer.byteLength + pages * 65536 > most) throw new RangeError(`more than ${most} bytes`);
    return grow.call(this, pages);
  };
  return (bytes) => {
    most = bytes;
  };
}
