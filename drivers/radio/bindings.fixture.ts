/**
 * Stands in for the machine's Bluetooth below noble (its `with-bindings`), in the real child process. What it does is
 * told by the address of the module: `bindings.fixture.ts?heard`.
 */
import { EventEmitter } from 'node:events';

const [, behaviour = ''] = import.meta.url.split('?');

/** What each scan hears: uuid, address, kind of address, connectable, advertisement, RSSI, scannable. */
export const HEARD = [
  [
    '5bcdabbc1234',
    '5b:cd:ab:bc:12:34',
    'random',
    true,
    { manufacturerData: Buffer.from('4c001005031c839096', 'hex'), serviceData: [], serviceUuids: [] },
    -67,
    false,
  ],
  ['c0ffee000001', 'c0:ff:ee:00:00:01', 'random', false, { localName: 'Tag', serviceUuids: ['feed'] }, 127, false],
  ['001122334455', '00:11:22:33:44:55', 'public', false, { serviceUuids: [] }, -90, true],
] as const;

class Bindings extends EventEmitter {
  #next = 0;

  init(): void {
    if (behaviour === 'broken') throw new TypeError('no 5b:cd:ab:bc:12:34');
    if (behaviour === 'none') throw Object.assign(new Error('ENODEV, No such device'), { code: 'ENODEV' });
    const states: Record<string, string> = { off: 'poweredOff', forbidden: 'unauthorized', old: 'unsupported' };
    this.emit('stateChange', states[behaviour] ?? 'poweredOn');
  }

  startScanning(): void {
    if (behaviour === 'crash') {
      process.nextTick(() => {
        throw Object.assign(new Error('cannot talk to 5b:cd:ab:bc:12:34'), { code: 'EALREADY' });
      });
    }
    if (behaviour === 'hang') for (;;);
    if (behaviour === 'mute') return;
    this.emit('scanStart', false);
    if (behaviour === 'heard') for (const each of HEARD) this.emit('discover', ...each);
    if (behaviour === 'flood') this.#flood();
  }

  stopScanning(): void {
    this.emit('scanStop');
  }

  /** New addresses without end, as of phones that change theirs. */
  #flood(): void {
    for (let count = 0; count < 500; count++) {
      const id = (this.#next++).toString(16).padStart(12, '0');
      const address = id.replace(/..(?=.)/g, '$&:');
      this.emit('discover', id, address, 'random', false, { manufacturerData: Buffer.alloc(27, 1) }, -60, false);
    }
    setImmediate(() => this.#flood());
  }
}

export function createBindings(): Bindings {
  return new Bindings();
}
