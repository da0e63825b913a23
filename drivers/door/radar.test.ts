import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Decoder, DecoderOptions } from '../driver.ts';
import { encodeRadarFrame } from '../simulator/encode/radar.ts';
import { DoorRadarFormat } from '../simulator/formats/door-radar.ts';
import {
  ARRIVAL,
  BOOT_TEXT,
  decode,
  expectRecovery,
  expectSameHoweverCut,
  hex,
  type Reading,
  recordingSink,
  rejections,
  simulateHour,
  sumOfCrossings,
} from './door.testing.ts';
import { doorRadar } from './radar.ts';

/** The vector of the maker's description: one target at -782, 1713 mm, -16 cm/s, gates of 320 mm. */
const FRAME = hex(`AA FF 03 00 0E 03 B1 86 10 00 40 01 ${'00'.repeat(16)} 55 CC`);
const ENTRY: Reading = ['crossing', 1, 0];
const EXIT: Reading = ['crossing', 0, 1];

const create = (options?: DecoderOptions) => doorRadar.createDecoder(options);

type Place = readonly [x: number, y: number] | null;

/** Decodes frames ten a second, each of the places of its three slots. */
function run(frames: readonly (readonly Place[])[], options?: DecoderOptions, everyMs = 100): Reading[] {
  return runOn(create(options), frames, everyMs);
}

function runOn(decoder: Decoder, frames: readonly (readonly Place[])[], everyMs = 100): Reading[] {
  const readings: Reading[] = [];
  frames.forEach((slots, i) => {
    const frame = encodeRadarFrame(slots.map((place) => place && { x: place[0], y: place[1], speed: 10 }));
    decoder.push(frame, ARRIVAL + i * everyMs, recordingSink(readings));
  });
  return readings;
}

/** A walk along `x` from one distance to another at 12 cm a frame. */
function walk(from: number, to: number, x = 0): Place[] {
  const steps = Math.ceil(Math.abs(to - from) / 120);
  return Array.from({ length: steps + 1 }, (_, i): Place => [x + 7 * (i % 2), from + ((to - from) * i) / steps]);
}

const alone = (places: readonly Place[]) => places.map((place) => [place]);

describe('door-radar', () => {
  it('reads the vector of the maker', () => {
    const decoder = create();
    expect(decode(decoder, FRAME)).toEqual([]);
    expect(decoder.counts).toMatchObject({ bytes: 30, accepted: 1 });
    // The places it spells are those of a walk: nearer than a line at 2.1 m it has crossed that line.
    const near = create({ lineMm: 2_100 });
    expect(runOn(near, alone(walk(2_700, 1_900, -782)))).toEqual([]);
    expect(decode(near, FRAME, FRAME)).toEqual([ENTRY]);
  });

  it('counts who crosses the line, either way, at the arrival', () => {
    expect(run(alone(walk(2_600, 500)))).toEqual([ENTRY]);
    expect(run(alone(walk(500, 2_600)))).toEqual([EXIT]);
    expect(run(alone([...walk(2_600, 500), ...walk(500, 2_600)]))).toEqual([ENTRY, EXIT]);
    expect(run(alone(walk(3_600, 2_000)), { lineMm: 2_600 })).toEqual([ENTRY]);
  });

  it('counts the same when the frames of a walk arrive at once', () => {
    expect(run(alone(walk(2_600, 500)), {}, 0)).toEqual([ENTRY]);
    for (const heldMs of [50, 250, 700]) {
      const decoder = create();
      const readings: Reading[] = [];
      walk(2_600, 500).forEach((place, i) => {
        const frame = encodeRadarFrame([place && { x: place[0], y: place[1], speed: 0 }]);
        decoder.push(frame, ARRIVAL + Math.ceil((i * 103) / heldMs) * heldMs, recordingSink(readings));
      });
      expect(readings, `read each ${heldMs} ms`).toEqual([ENTRY]);
    }
  });

  it('counts nobody who steps onto the line and turns back', () => {
    expect(run(alone([...walk(2_600, 1_300), ...walk(1_300, 2_600)]))).toEqual([]);
    expect(run(alone([...walk(500, 1_750), ...walk(1_750, 500)]))).toEqual([]);
    expect(run(alone([...walk(2_600, 1_300), ...walk(1_300, 2_600)]), { hysteresisMm: 100 })).toEqual([ENTRY, EXIT]);
  });

  it('counts nobody who is lost on the line or first seen there', () => {
    expect(run(alone(walk(2_600, 1_300)))).toEqual([]);
    expect(run(alone(walk(1_600, 500)))).toEqual([]);
    const gone: Place[] = Array.from({ length: 15 }, () => null);
    expect(run(alone([...walk(2_600, 1_500), ...gone, ...walk(1_400, 500)]))).toEqual([]);
  });

  it('goes on with who is hidden for a moment', () => {
    const places = walk(2_600, 500).map((place, i) => (i % 7 === 4 || i % 7 === 5 ? null : place));
    expect(run(alone(places))).toEqual([ENTRY]);
  });

  it('follows three at once through slots that change', () => {
    const [one, two, three] = [walk(2_600, 500, -900), walk(500, 2_600, 0), walk(2_600, 500, 900)];
    const frames = one.map((place, i) => {
      const slots = [place, two[i], three[i]];
      return [slots[i % 3], slots[(i + 1) % 3], slots[(i + 2) % 3]];
    });
    expect(sumOfCrossings(run(frames))).toEqual([2, 1]);
  });

  it.each([300, 1_300, 1_500, 1_700, 2_600])('is not led astray by a residue at %s mm', (y) => {
    const residue: Place = [40, y];
    const still = Array.from({ length: 80 }, (): Place[] => [null, residue]);
    const entering = walk(2_600, 500).map((place): Place[] => [residue, place]);
    const leaving = walk(500, 2_600).map((place): Place[] => [place, null, residue]);
    expect(run([...still, ...entering, ...still, ...leaving, ...still])).toEqual([ENTRY, EXIT]);
    // Its slot is taken by someone who comes in.
    expect(run([...still, ...alone(walk(2_600, 500))])).toEqual([ENTRY]);
  });

  it('does not take who is first seen on the line for a residue beyond it', () => {
    const still = Array.from({ length: 80 }, (): Place[] => [[40, 1_850]]);
    expect(run([...still, ...alone(walk(1_600, 500, 40))])).toEqual([]);
  });

  it('counts nobody for one damaged place', () => {
    const places = walk(2_600, 2_000).concat(walk(2_000, 2_600));
    for (let at = 0; at < places.length; at++) {
      for (const y of [0, 300, 1_000, 1_500]) {
        expect(run(alone(places.with(at, [0, y]))), `${y} mm in frame ${at}`).toEqual([]);
      }
    }
    // Near enough to be the same target.
    const waiting = [...walk(2_600, 1_650), ...Array.from({ length: 9 }, (_, i): Place => [i, 1_650])];
    expect(run(alone(waiting.with(-4, [0, 1_138])))).toEqual([]);
  });

  it('loses nobody over one damaged place', () => {
    const places = walk(2_600, 500);
    for (let at = 0; at < places.length; at++) {
      const [x, y] = places[at] ?? [0, 0];
      for (let bit = 1; bit < 4_096; bit *= 2) {
        expect(run(alone(places.with(at, [x, y + bit]))), `${bit} mm in frame ${at}`).toEqual([ENTRY]);
        expect(run(alone(places.with(at, [x + bit, y]))), `${bit} mm aside in frame ${at}`).toEqual([ENTRY]);
      }
    }
  });

  it('tells apart two who meet on the line', () => {
    const [entering, leaving] = [walk(2_600, 500, 0), walk(500, 2_600, 150)];
    expect(sumOfCrossings(run(entering.map((place, i) => [place, leaving[i]])))).toEqual([1, 1]);
  });

  const bent = (offset: number, ...octets: number[]) => {
    const frame = Buffer.from(FRAME);
    frame.set(octets, offset);
    return frame;
  };

  it.each([
    ['format', bent(28, 0x55, 0xcd)],
    ['range', bent(4, 0xff, 0xff)],
    ['range', bent(6, 0xb1, 0x06)],
    ['range', bent(6, 0x41, 0x9f)],
    ['range', bent(8, 0xe9, 0x83)],
    ['range', bent(10, 0xe9, 0x03)],
    ['range', bent(20, 0x00, 0x00, 0x41, 0xff)],
    ['noise', bent(0, 0xab)],
    ['noise', hex('AA AA FF FF 03 AA FF 03 01')],
    ['noise', hex('FD FC FB FA 04 00 FF 01 00 00 04 03 02 01')],
    ['noise', BOOT_TEXT],
    ['truncated', FRAME.subarray(0, 17)],
  ])('rejects once as %s: %s', (reason, bytes) => {
    const decoder = create();
    decode(decoder, bytes, FRAME, FRAME);
    expect(decoder.counts.accepted).toBe(2);
    expect(rejections(decoder)).toEqual({ [reason]: 1 });
  });

  it('gives the same however the stream is cut', () => {
    const frames = walk(2_600, 500).map((place) => encodeRadarFrame([place && { x: place[0], y: place[1], speed: 0 }]));
    expectSameHoweverCut(
      create,
      Buffer.concat([BOOT_TEXT, ...frames.slice(0, 9), hex('AA FF'), FRAME.subarray(0, 21), ...frames.slice(9), FRAME]),
    );
  });

  it('survives any bytes and reads the next frame', () => {
    expectRecovery(create, FRAME, [FRAME, BOOT_TEXT, hex('AA FF 03 00'), hex('55 CC')]);
  });

  it('counts no more people than targets can have walked, whatever it is told', () => {
    const place = fc.option(fc.tuple(fc.integer({ min: -4_000, max: 4_000 }), fc.integer({ min: 0, max: 5_000 })));
    fc.assert(
      fc.property(fc.array(fc.array(place, { minLength: 3, maxLength: 3 }), { maxLength: 200 }), (frames) => {
        // A crossing takes two frames on either side.
        expect(run(frames).length).toBeLessThanOrEqual((3 * frames.length) / 2);
      }),
    );
  });

  it.each([1, 2, 3])('counts a simulated hour exactly, seed %s', (seed) => {
    const hour = simulateHour((module) => new DoorRadarFormat(module), create(), {}, seed);
    expect(hour.in + hour.out).toBe(300);
    expect(sumOfCrossings(hour.readings)).toEqual([hour.in, hour.out]);
    expect(hour.decoder.counts.bytes).toBe(30 * hour.decoder.counts.accepted);
    expect(rejections(hour.decoder)).toEqual({});
  });
});
