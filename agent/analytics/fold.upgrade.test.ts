/** Snapshots over releases: what a gateway had counted before an update is counted on. */
import { inflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { InputKind } from '../readings.ts';
import { batchOf, type Input, MINUTE, parametersOf, sensor } from './fold.testing.ts';
import { Fold } from './fold.ts';

/**
 * A snapshot of the release before Bluetooth, deflated: a window open, a device inside, and in that window two people
 * in and one out at the door `main`, whose 16-bit totals were 65,532 and 101, and three rejected frames.
 */
const BEFORE_BLUETOOTH = [
  '7Vjdjus0EM5ecc0boLl2hZP+526PzgohtFqkZbmgqpCbzLZmEzuynf5QVeIdeBVuziVc8gbAyyD/JJt2u4c9AgmQtlXjjDP5PJ4Z29/0Iooi+l',
  'X17sePo2gP2jCDkO6BGUjj8TgZ9KeTuE8TSkCqnAtWQDomUHJRW8VkOhzQ0SghsOEil5ubRicmoB94VWEOKSWwYaq8q+6E4YWTH3DnWplldcVE',
  'tvNvoDEF5pft2JPJkFJK2ydvnXUABKqCZaitpd9LYW9mcF9IqWBOIJdSuZ6ScQEENM8R5gcCmayFQeVei+0FrWhNHA2H/YRAgfd2bBoTWEhp3F',
  'QNL/HIFzE9HAigNrxkxg0t6qIg9jInkLGCLxQzXAo7QjDc3laotBTXznO68UJXrFBWBSad+y9w12pq/6DsvCClb5hvFq5hXloEaSHXCCk9EDAy',
  'Z7t/35ADgWCHTxnrQBcJxS1aQgC33GiXEMzcGqaMBzBXIne9JRfeArZ1cptE1xrSwWDsMkZ2M9GDhJwaUJ9T6OB8XPuhr2KKlehzBKoYiDPMAU',
  '+mA//alpvuQLjmOYoMIbUZcJgTWHPdTKBiWqPSb3y2L2qljb6pjctI22MUE5plNlu8JzO5thl57SWNQktlhf7IWdgNY+4XQ0KTUY/2ezQJ1j51',
  '41kH/R0r8w0WxdcBgBJYcW3kUrES0v2BwErW6iSsnQFpO+C3i5NdIEzbJ4YTDuQV5BXkA0GSc9l9FqRZDI9I07DOXl38CvIK8j8HmVu20T3TZ3',
  'vgeXO0ayOVPUFd27M9lut9I4XtvKqVrPDTLxVb1gjtmbaHDeIDpLPZbDigJE4onc/JPyrM7dGdYRWO272dQ5hUQ7niIYGlYhm2O1bw0Gescmyh',
  'pTNac7G8xUyK3G6MLacIvhA5bp3XnFc0BQK54mtUkIJBbYCAkoX1h6XZDe+GNJBtAktm8O2ihLQ3ttgbVkF6zwqNNoABPm7g4+fhcw/XwAfm/h',
  'L0pEFPXozuiM15dKPqLni/Ae8/D37Ejh4HMbwo3juFueWKXQ58RFNbSvpIUwc0OUNTKWlLoD1ovlwZLpa+XzGRy9LdFo4stuzuc+HJXXyO7j3L',
  'DO/51tSqKRIUahTmuBYYt/3XbNupHzq33ULD8Ui7qDrLuwxE2KVpKB9XyFR+40i2nYKsRRaeoFiyZaPVZaEHG8WOO+KXuIO+zx30w91B/0Pu6B',
  'TGz5VbGTPZ6q666jxsulodjeaydY2dm/E7LXkspmeUHH+TrjRvyuwnavGJGg9R+UtF2UTriSY90WyrufG4P510qrn+ZDSd2tOkwsfKeHym9Gm3',
  'zz1Qezku2Ba7JpYss1t4CIXC7zAzJ77pO5t8ZGphFMsegnqOa+7+3YgPURRFF+73UeQ+n7y7/f3X3Zvxz79cXNgnQW7bH/5Y/daVoyj6ada7jE',
  '4+fwI=',
].join('');

const restored = (): Fold => Fold.restore(inflateRawSync(Buffer.from(BEFORE_BLUETOOTH, 'base64')));

describe('a snapshot of the release before Bluetooth', () => {
  it('is read, and says what it said', () => {
    const fold = restored();
    expect(fold.ordinal).toBe(7);
    expect(fold.live()).toMatchObject({ devices: 1, today: { entries: 4, exits: 2, visits: 2, ble_now: null } });
  });

  it('is counted on from: the total over its base line, every kind of rejection, and Bluetooth', () => {
    const fold = restored();
    const parameters = parametersOf({ sensors: [...parametersOf().sensors, sensor(5, { driver: 'ble-nrf' })] });
    const inputs: Input[] = [
      { kind: InputKind.parameters, sensor: 0, after: 1000, lag: 0, payload: JSON.stringify(parameters) },
      { kind: InputKind.counter, sensor: 1, after: 1000, lag: 0, values: [2, 101, 7, 16] },
      { kind: InputKind.rejection, sensor: 0, after: 0, lag: 0, channel: 8, values: [4, 0, 0, 0] },
      { kind: InputKind.advertisement, sensor: 5, after: 0, lag: 0, flags: 2, rssi: -50, values: [0, 9, 0, 0] },
    ];
    const batch = batchOf(inputs, fold.at, 8);
    fold.apply(batch, 0, batch.length);
    fold.advance(fold.at + 30 * MINUTE);
    const records = fold.takeSealed().flatMap((window) => window.records);
    const main = records.filter((record) => record.kind === 'door' && record.place === 'main');
    expect(main.map((record) => record.kind === 'door' && record.entries).slice(0, 2)).toEqual([8, 0]);
    const coverage = records.filter((record) => record.kind === 'coverage' && record.place === 's0');
    expect(coverage[0]).toMatchObject({ rejected: { checksum: 3, unanswered: 4 } });
    expect(records.find((record) => record.kind === 'ble' && record.phone_minutes === 1)).toBeDefined();
  });
});
