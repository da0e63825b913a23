import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../agent/platform/clock.ts';
import { type Attachment, Lines } from './lines.ts';

const NO_PORT = '/dev/footfall-test-no-such-port';

function create(): Lines {
  const clock = new VirtualClock(0);
  return new Lines({ clock, networkClock: clock, random: () => 0.5, radioSocket: (id) => `/run/${id}.sock` });
}

const sensor = (fields: Partial<Attachment> = {}): Attachment => ({
  id: 'door',
  line: 'serial',
  port: NO_PORT,
  baud: 9_600,
  options: { unit: 1 },
  ...fields,
});

const silent = { bytes: () => {}, up: () => {}, down: () => {} };

describe('Lines', () => {
  it('refuses a sensor that wants the line of a bus opened in another way, until the others are gone', async () => {
    const lines = create();
    const first = lines.of(sensor());
    expect(() => lines.of(sensor({ baud: 19_200, options: { unit: 2 } }))).toThrow(/expected 9600 .* found 19200/);
    expect(() => lines.of(sensor({ options: { unit: 2, parity: 'even' } }))).toThrow(/parity even/);
    lines.of(sensor({ port: `${NO_PORT}2`, baud: 19_200 }));
    const second = lines.of(sensor({ options: { unit: 2, parity: 'none', stopBits: 1 } }));
    first.start(silent);
    second.start(silent);
    await first.stop();
    expect(() => lines.of(sensor({ baud: 19_200 }))).toThrow(/9600/);
    await second.stop();
    await lines.of(sensor({ baud: 19_200 })).stop();
  });
});
