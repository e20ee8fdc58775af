import { Problem } from '../domain/problems.ts';

/** A file of weights and the files that belong to it. */
export interface FileParts {
  readonly model: Uint8Array;
  /** As its part says; empty where it does not. */
  readonly mediaType: string;
  /** By their names, without a path. */
  readonly beside: ReadonlyMap<string, Uint8Array>;
}

const MAX_PARTS = 64;
const MAX_BOUNDARY = 200;

/**
 * The parts of a multipart/form-data body. The part called `model`, or else the one whose filename ends in .onnx, or else
 * the only one, is the file of weights.
 * @throws {Problem} bad-request where it is no such body, invalid-request where no part is the model or two have one name
 */
export async function readParts(bytes: Uint8Array<ArrayBuffer>, contentType: string): Promise<FileParts> {
  requireFewParts(bytes, contentType);
  const parts = await filesOf(bytes, contentType);
  const model =
    parts.find(({ field }) => field === 'model') ??
    parts.find(({ file }) => file.name.endsWith('.onnx')) ??
    (parts.length === 1 ? parts[0] : undefined);
  if (!model) {
    const names = parts.map(({ field, file }) => `'${field}' (${file.name})`).join(', ') || 'none';
    const detail = `No part of the body is the model; the parts with a file are: ${names}. Call it "model", or give it a filename that ends in .onnx.`;
    throw new Problem('invalid-request', detail, { errors: [{ pointer: '/model', detail }] });
  }
  const beside = new Map<string, Uint8Array>();
  for (const { file } of parts) {
    if (file === model.file) continue;
    const name = file.name.split(/[/\\]/).at(-1) ?? '';
    if (beside.has(name)) throw new Problem('invalid-request', `Two parts of the body have the filename '${name}'.`);
    beside.set(name, new Uint8Array(await file.arrayBuffer()));
  }
  return { model: new Uint8Array(await model.file.arrayBuffer()), mediaType: model.file.type, beside };
}

/** The same bytes for the same files, whatever stands between them: a client draws another boundary for each request. */
export function bytesOfParts({ model, beside }: FileParts): Buffer {
  const files = [...beside].flatMap(([name, file]) => [Buffer.from(`${name.length}:${name}:${file.length}:`), file]);
  return Buffer.concat([Buffer.from(`${model.length}:`), model, ...files]);
}

/** Counted before they are taken apart. */
function requireFewParts(bytes: Uint8Array<ArrayBuffer>, contentType: string): void {
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]*)"|([^;\s]+))/i.exec(contentType) ?? [];
  const boundary = quoted ?? plain ?? '';
  if (boundary === '' || boundary.length > MAX_BOUNDARY) {
    throw new Problem('bad-request', 'Content-Type multipart/form-data needs a boundary of 1 to 200 characters.');
  }
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let parts = -1;
  for (let at = body.indexOf(`--${boundary}`); at >= 0; at = body.indexOf(`--${boundary}`, at + boundary.length)) {
    parts += 1;
    if (parts > MAX_PARTS) {
      throw new Problem(
        'limit-exceeded',
        `The body has more than ${MAX_PARTS} parts. Send a model and its data files.`,
      );
    }
  }
}

async function filesOf(bytes: Uint8Array<ArrayBuffer>, contentType: string) {
  let form: FormData;
  try {
    form = await new Response(bytes, { headers: { 'content-type': contentType } }).formData();
  } catch (cause) {
    const detail = 'The body is not multipart/form-data, or it is cut off. Send each file as a part with a filename.';
    throw new Problem('bad-request', detail, { cause });
  }
  return [...form].flatMap(([field, file]) => (typeof file === 'string' ? [] : [{ field, file }]));
}
