import { openMemoryStore } from '../../src/store/memory.ts';
import { storeContract } from '../contract/store-contract.ts';

storeContract('the memory store', async () => {
  const store = openMemoryStore();
  return { store, cleanup: () => store.close() };
});
