import { sigmoid32, tanh32 } from './activations32';
import { sigmoid64, tanh64 } from './activations64';
import { splat } from './vector';

/**
 * An activation as it lies in a cell's header: its code (i32), and alpha and beta (f64) at 8 and 16. The codes are those of
 * src/engine/kernel-activations.ts; a cell with another activation does not come here.
 */
export const SPEC_BYTES: usize = 24;

// @ts-ignore: decorator
@inline
function sigmoid<T>(x: v128): v128 {
  return sizeof<T>() == 4 ? sigmoid32(x) : sigmoid64(x);
}

// @ts-ignore: decorator
@inline
function tanh<T>(x: v128): v128 {
  return sizeof<T>() == 4 ? tanh32(x) : tanh64(x);
}

/** min(max(x + 3, 0), 6)/6 */
// @ts-ignore: decorator
@inline
function hardSigmoid<T>(x: v128): v128 {
  const shifted = v128.max<T>(v128.add<T>(x, splat<T>(3)), splat<T>(0));
  return v128.div<T>(v128.min<T>(shifted, splat<T>(6)), splat<T>(6));
}

/** to[k] = activation(from[k]) for `bytes` of whole vectors. */
export function activate<T>(spec: usize, from: usize, to: usize, bytes: usize): void {
  const code = load<i32>(spec);
  const alpha = splat<T>(load<f64>(spec, 8));
  const beta = splat<T>(load<f64>(spec, 16));
  const end = from + bytes;
  switch (code) {
    case 0: // x
      for (; from < end; from += 16, to += 16) v128.store(to, v128.load(from));
      break;
    case 1:
      for (; from < end; from += 16, to += 16) v128.store(to, sigmoid<T>(v128.load(from)));
      break;
    case 2:
      for (; from < end; from += 16, to += 16) v128.store(to, tanh<T>(v128.load(from)));
      break;
    case 3: // max(x, 0)
      for (; from < end; from += 16, to += 16) v128.store(to, v128.max<T>(v128.load(from), splat<T>(0)));
      break;
    case 4:
      for (; from < end; from += 16, to += 16) v128.store(to, hardSigmoid<T>(v128.load(from)));
      break;
    case 5: // x if x > 0, else alpha·x
      for (; from < end; from += 16, to += 16) {
        const x = v128.load(from);
        v128.store(to, v128.bitselect(x, v128.mul<T>(alpha, x), v128.gt<T>(x, splat<T>(0))));
      }
      break;
    case 6: // max(alpha, min(beta, x))
      for (; from < end; from += 16, to += 16) {
        v128.store(to, v128.max<T>(alpha, v128.min<T>(beta, v128.load(from))));
      }
      break;
    case 7: // x/(|x| + 1)
      for (; from < end; from += 16, to += 16) {
        const x = v128.load(from);
        v128.store(to, v128.div<T>(x, v128.add<T>(v128.abs<T>(x), splat<T>(1))));
      }
      break;
    case 8: // alpha·x + beta
      for (; from < end; from += 16, to += 16) {
        v128.store(to, v128.add<T>(v128.mul<T>(alpha, v128.load(from)), beta));
      }
      break;
    case 9: // alpha·tanh(beta·x)
      for (; from < end; from += 16, to += 16) {
        v128.store(to, v128.mul<T>(alpha, tanh<T>(v128.mul<T>(beta, v128.load(from)))));
      }
      break;
    case 10: // 0 if x < alpha, else x
      for (; from < end; from += 16, to += 16) {
        const x = v128.load(from);
        v128.store(to, v128.bitselect(splat<T>(0), x, v128.lt<T>(x, alpha)));
      }
      break;
    case 11: // max(0, min(1, alpha·x + beta))
      for (; from < end; from += 16, to += 16) {
        const line = v128.add<T>(v128.mul<T>(alpha, v128.load(from)), beta);
        v128.store(to, v128.max<T>(splat<T>(0), v128.min<T>(splat<T>(1), line)));
      }
      break;
    case 12: // x·sigmoid(x)
      for (; from < end; from += 16, to += 16) {
        const x = v128.load(from);
        v128.store(to, v128.mul<T>(x, sigmoid<T>(x)));
      }
      break;
    case 13: // x·hard_sigmoid(x)
      for (; from < end; from += 16, to += 16) {
        const x = v128.load(from);
        v128.store(to, v128.mul<T>(x, hardSigmoid<T>(x)));
      }
      break;
    default:
      unreachable();
  }
}
