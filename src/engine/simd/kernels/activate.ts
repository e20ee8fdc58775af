import { sigmoid32, tanh32 } from './activations32';
import { sigmoid64, tanh64 } from './activations64';
import { splat } from './vector';

/**
 * An activation as it lies in a cell's header: its code (i32), and alpha and beta (f64) at 8 and 16. The codes are those of
 * src/engine/simd/kernel-activations.ts; a cell with another activation does not come here.
 */
export const SPEC_BYTES: usize = 24;

// @ts-ignore: decorator
@inline
function sigmoid(x: v128): v128 {
  return sizeof<Real>() == 4 ? sigmoid32(x) : sigmoid64(x);
}

// @ts-ignore: decorator
@inline
function tanh(x: v128): v128 {
  return sizeof<Real>() == 4 ? tanh32(x) : tanh64(x);
}

/** min(max(x + 3, 0), 6)/6 */
// @ts-ignore: decorator
@inline
function hardSigmoid(x: v128): v128 {
  const shifted = v128.max<Real>(v128.add<Real>(x, splat(3)), splat(0));
  return v128.div<Real>(v128.min<Real>(shifted, splat(6)), splat(6));
}

/** to[k] = activation(from[k]) for `bytes` of whole vectors; of the costly ones two vectors at once, which V8 takes as one. */
export function activate(spec: usize, from: usize, to: usize, bytes: usize): void {
  const code = load<i32>(spec);
  const alpha = splat(load<f64>(spec, 8));
  const beta = splat(load<f64>(spec, 16));
  const end = from + bytes;
  switch (code) {
    case 0: // x
      for (; from < end; from += 16, to += 16) v128.store(to, v128.load(from));
      break;
    case 1:
      for (; from + 16 < end; from += 32, to += 32) {
        const x = v128.load(from, 0), y = v128.load(from, 16);
        const first = sigmoid(x), second = sigmoid(y);
        v128.store(to, first, 0);
        v128.store(to, second, 16);
      }
      if (from < end) v128.store(to, sigmoid(v128.load(from)));
      break;
    case 2:
      for (; from + 16 < end; from += 32, to += 32) {
        const x = v128.load(from, 0), y = v128.load(from, 16);
        const first = tanh(x), second = tanh(y);
        v128.store(to, first, 0);
        v128.store(to, second, 16);
      }
      if (from < end) v128.store(to, tanh(v128.load(from)));
      break;
    case 3: // max(x, 0)
      for (; from < end; from += 16, to += 16) v128.store(to, v128.max<Real>(v128.load(from), splat(0)));
      break;
    case 4:
      for (; from < end; from += 16, to += 16) v128.store(to, hardSigmoid(v128.load(from)));
      break;
    case 5: // x if x > 0, else alpha·x
      for (; from < end; from += 16, to += 16) {
        const x = v128.load(from);
        v128.store(to, v128.bitselect(x, v128.mul<Real>(alpha, x), v128.gt<Real>(x, splat(0))));
      }
      break;
    case 6: // max(alpha, min(beta, x))
      for (; from < end; from += 16, to += 16) {
        v128.store(to, v128.max<Real>(alpha, v128.min<Real>(beta, v128.load(from))));
      }
      break;
    case 7: // x/(|x| + 1)
      for (; from < end; from += 16, to += 16) {
        const x = v128.load(from);
        v128.store(to, v128.div<Real>(x, v128.add<Real>(v128.abs<Real>(x), splat(1))));
      }
      break;
    case 8: // alpha·x + beta
      for (; from < end; from += 16, to += 16) {
        v128.store(to, v128.add<Real>(v128.mul<Real>(alpha, v128.load(from)), beta));
      }
      break;
    case 9: // alpha·tanh(beta·x)
      for (; from < end; from += 16, to += 16) {
        v128.store(to, v128.mul<Real>(alpha, tanh(v128.mul<Real>(beta, v128.load(from)))));
      }
      break;
    case 10: // 0 if x < alpha, else x
      for (; from < end; from += 16, to += 16) {
        const x = v128.load(from);
        v128.store(to, v128.bitselect(splat(0), x, v128.lt<Real>(x, alpha)));
      }
      break;
    case 11: // max(0, min(1, alpha·x + beta))
      for (; from < end; from += 16, to += 16) {
        const line = v128.add<Real>(v128.mul<Real>(alpha, v128.load(from)), beta);
        v128.store(to, v128.max<Real>(splat(0), v128.min<Real>(splat(1), line)));
      }
      break;
    case 12: // x·sigmoid(x)
      for (; from < end; from += 16, to += 16) {
        const x = v128.load(from);
        v128.store(to, v128.mul<Real>(x, sigmoid(x)));
      }
      break;
    case 13: // x·hard_sigmoid(x)
      for (; from < end; from += 16, to += 16) {
        const x = v128.load(from);
        v128.store(to, v128.mul<Real>(x, hardSigmoid(x)));
      }
      break;
    default:
      unreachable();
  }
}
