/**
 * A process that commits and closes for ever, to be killed: `node writer.fixture.ts PATH`. Prints `commit ORDINAL` and
 * `close SEQUENCE` after each call has returned. Goes on from what it finds; every fourth call closes a window.
 */
import { writeSync } from 'node:fs';
import { Owner } from './owner.ts';
import { sampleClose } from './samples.fixture.ts';

const owner = new Owner({ path: process.argv[2], machineId: 'machine' });
const opened = owner.open();
let sequence = opened.nextSequence;
let ordinal = opened.journal.at(-1)?.lastOrdinal ?? opened.snapshot?.ordinal ?? 0;
for (let call = 1; ; call++) {
  if (call % 4 === 0) {
    owner.closeWindow(sampleClose({ sequence, windowOrdinal: sequence, ordinal }));
    writeSync(1, `close ${sequence++}\n`);
  } else {
    owner.commit({ firstOrdinal: ordinal + 1, lastOrdinal: ordinal + 100, body: new Uint8Array(3100).fill(ordinal) });
    ordinal += 100;
    writeSync(1, `commit ${ordinal}\n`);
  }
}
