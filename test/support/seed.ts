import fc from 'fast-check';

/**
 * By which all tests of a run draw, also those that start processes: the same cases each time, so that a change fails by what it does and
 * not by chance. Another SEED draws others.
 */
export const SEED = Number(process.env.SEED ?? 1);
if (!Number.isInteger(SEED)) throw new Error(`SEED '${process.env.SEED}' is not a whole number`);
process.env.SEED = `${SEED}`;
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: SEED });
