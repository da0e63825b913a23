import { describe, expect, it } from 'vitest';
import type { ReadingSink } from './driver.ts';
import { DRIVERS } from './registry.ts';
import { SimulatedStore } from './simulator/store.ts';

const START = Date.UTC(2026, 2, 2, 8);
/** Longer streams only repeat what these hold: boot text, a header, frames, a reboot in a frame, line noise. */
const LENGTH = 6_000;

/** What a sensor of this driver sends in a busy store, with a reboot and noise in it. */
function streamOf(driver: string): Uint8Array {
  const store = new SimulatedStore({
    seed: 5,
    startMs: START,
    days: [{ openMs: START, closeMs: START + 3_600_000 }],
    sensors: [{ id: 'sensor', driver: driver as 'wifi-pcap', checksum: true }],
    passersPerHour: 900,
  });
  store.reboot('sensor', START + 20_000);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (let at = START; bytes < LENGTH; at += 1_000) {
    store.advance(at, (_sensor, _time, chunk) => {
      chunks.push(chunk);
      bytes += chunk.length;
    });
  }
  const noise = Uint8Array.from({ length: 97 }, (_, index) => (index * 151 + 29) & 0xff);
  chunks.splice(chunks.length >> 1, 0, noise);
  return Buffer.concat(chunks);
}

/** Everything a decoder makes of pushes that all arrive at once, in one line each. */
function decode(driver: string, pushes: Uint8Array[]): string[] {
  const decoder = DRIVERS.get(driver)?.createDecoder();
  if (decoder === undefined) throw new Error(`no driver ${driver}`);
  const events: string[] = [];
  const sink: ReadingSink = {
    sighting: ({ address, time, fingerprintHigh, fingerprintLow, sequence, rssi, channel }) =>
      events.push(
        `${address.high}:${address.low} ${time} ${fingerprintHigh}:${fingerprintLow} ${sequence} ${rssi} ${channel}`,
      ),
    crossing: (...values) => events.push(`crossing ${values.join(' ')}`),
    counter: (...values) => events.push(`counter ${values.join(' ')}`),
    transaction: (...values) => events.push(`transaction ${values.join(' ')}`),
  };
  for (const push of pushes) decoder.push(push, START + 3_600_000, sink);
  events.push(JSON.stringify(decoder.counts));
  return events;
}

describe.each([...DRIVERS.keys()])('%s', (driver) => {
  const stream = streamOf(driver);
  const whole = decode(driver, [stream]);

  it('reads something in the stream, and rejects something', () => {
    expect(whole.length).toBeGreaterThan(10);
    expect(Object.values(JSON.parse(whole[whole.length - 1]).rejected as Record<string, number>)).not.toEqual(
      new Array(8).fill(0),
    );
  });

  it('gives the same split at every byte boundary', () => {
    for (let at = 1; at < stream.length; at++) {
      const halves = decode(driver, [stream.subarray(0, at), stream.subarray(at)]);
      if (halves.join('\n') !== whole.join('\n')) expect(halves, `split at ${at}`).toEqual(whole);
    }
  });

  it('gives the same byte by byte', () => {
    expect(
      decode(
        driver,
        Array.from(stream, (_, at) => stream.subarray(at, at + 1)),
      ),
    ).toEqual(whole);
  });
});
