import { open, type RootDatabase, type Transaction } from 'lmdb';
import { isRead, readFormat } from './database.ts';
import { dataFile } from './file.ts';
import { checkPages, lastTransaction } from './pages.ts';
import { countOfPieces, placeIn, readPiece } from './pieces.ts';
import { unsealRecord } from './record.ts';

/**
 * Run by verify.ts: reads every page in use and every record of the LMDB store in a directory. Exit code 0 if all are
 * intact; 2 if not, with the reason on stderr. If LMDB itself cannot read the file, a signal may end the process.
 */
const [directory = '.'] = process.argv.slice(2);
const file = dataFile(directory);

function refuse(reason: string): never {
  process.stderr.write(reason);
  process.exit(2);
}

/** Keeps the pages of the last commit unchanged while others write. */
function holdLastCommit(root: RootDatabase<string, string>): Transaction {
  for (;;) {
    root.resetReadTxn();
    const last = lastTransaction(file);
    const transaction = root.useReadTransaction();
    if (lastTransaction(file) === last) return transaction;
    transaction.done();
  }
}

try {
  const root = open<string, string>({ path: directory, readOnly: true, noSubdir: false, encoding: 'string' });
  const names = [...root.getKeys()];
  const { entryCount: expected } = root.getStats() as { entryCount: number };
  if (names.length !== expected) refuse(`it has ${names.length} of ${expected} entries`);
  if (names.includes('records') && readFormat(root) === undefined) refuse('it has records, but no format version');
  // Another format is not checked here; opening refuses it.
  if (isRead(readFormat(root)) && names.includes('records')) {
    const records = root.openDB<Uint8Array, Uint8Array>('records', { encoding: 'binary', keyEncoding: 'binary' });
    const pieces = root.openDB<Uint8Array, Uint8Array>('pieces', { encoding: 'binary', keyEncoding: 'binary' });
    const transaction = holdLastCommit(root);
    checkPages(file);
    const { entryCount } = records.getStats() as { entryCount: number };
    let count = 0;
    let last: Uint8Array | undefined;
    for (const { key, value } of records.getRange({ transaction })) {
      const place = placeIn(unsealRecord(key, value));
      for (let index = 0; place && index < countOfPieces(place); index++) {
        if (!readPiece((name) => pieces.get(name, { transaction }), place, index))
          refuse(`a piece of ${Buffer.from(key)} is missing`);
      }
      if (last !== undefined && Buffer.compare(last, key) >= 0) refuse('its keys are out of order');
      last = Uint8Array.from(key);
      count += 1;
    }
    transaction.done();
    if (count !== entryCount) refuse(`it has ${count} of ${entryCount} records`);
  }
} catch (error) {
  refuse(error instanceof Error ? error.message : String(error));
}
process.exit(0);
