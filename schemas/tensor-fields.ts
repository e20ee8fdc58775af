import { z } from 'zod';

/** A field holds one tensor, or the states of a cell. */
export type WireKind = 'tensor' | 'states';

/** The types that read tensors from the wire (schemas/tensor.ts), by their names in the OpenAPI document. */
const WIRE_KINDS = { RequestTensor: 'tensor', TensorLiteral: 'tensor', RequestStates: 'states' } as const;
export type WireId = keyof typeof WIRE_KINDS;

/** How a field holds tensors: as one, as states, as a list of tensors, by name, or in the fields of a list of objects. */
export type TensorFieldKind = WireKind | 'list' | 'map' | TensorFields;

/** How the fields of a body hold tensors, by the name of the field. */
export interface TensorFields extends ReadonlyMap<string, TensorFieldKind> {}

/** Finds the fields of a body that hold tensors. Empty if there are none. */
export function tensorFieldsOf(body: z.core.$ZodType): TensorFields {
  const type = unwrap(body);
  if (type instanceof z.ZodUnion) {
    const object = type.options.map(unwrap).find((option) => option instanceof z.ZodObject);
    return object ? tensorFieldsOf(object) : new Map();
  }
  if (!(type instanceof z.ZodObject)) return new Map();
  const fields = Object.entries(type.shape).map(([name, field]) => [name, kindOf(field as z.core.$ZodType)] as const);
  return new Map(fields.flatMap(([name, kind]) => (kind ? [[name, kind] as const] : [])));
}

function kindOf(field: z.core.$ZodType): TensorFieldKind | undefined {
  const type = unwrap(field);
  const own = wireKindOf(type);
  if (own) return own;
  if (type instanceof z.ZodArray) {
    const element = unwrap(type.element);
    if (wireKindOf(element) === 'tensor') return 'list';
    const fields = element instanceof z.ZodObject ? tensorFieldsOf(element) : new Map();
    return fields.size > 0 ? fields : undefined;
  }
  if (type instanceof z.ZodRecord && wireKindOf(unwrap(type.valueType)) === 'tensor') return 'map';
  return undefined;
}

/** Removes the wrappers that make a type optional, give it a default or transform its result. */
function unwrap(field: z.core.$ZodType): z.core.$ZodType {
  let type = field;
  while (!wireKindOf(type)) {
    if (type instanceof z.ZodPipe) type = type.in;
    else if (type instanceof z.ZodOptional || type instanceof z.ZodNullable || type instanceof z.ZodDefault)
      type = type.unwrap();
    else break;
  }
  return type;
}

/** Descriptions and checks make a copy of a type; its parent is the original. */
function wireKindOf(type: z.core.$ZodType): WireKind | undefined {
  for (let one: z.core.$ZodType | undefined = type; one; one = one._zod.parent) {
    const id = z.globalRegistry.get(one)?.id;
    if (id !== undefined && Object.hasOwn(WIRE_KINDS, id)) return WIRE_KINDS[id as WireId];
  }
  return undefined;
}
