import { openMemoryStore } from '../../src/store/memory.ts';
import { storeContract } from '../contract/store-contract.ts';
import { usageContract } from '../contract/usage-contract.ts';

for (const contract of [storeContract, usageContract]) {
  contract('the memory store', async () => {
    const store = openMemoryStore();
    return { store, cleanup: () => store.close() };
  });
}
