/** A thread of the pool that ends in the middle of a task while there are deaths left to die. */
// In this order: what a task meets first is its death.
import './mortality.ts';
import '../../src/engine/threads/compute-worker.ts';
