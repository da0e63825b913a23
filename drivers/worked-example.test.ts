import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { conforms, hearChecked } from './conformance.testing.ts';
import { DRIVERS } from './registry.ts';
import { type Subject, subjectsOf } from './sample.ts';
import { CheckedSink } from './sample-check.ts';
import { doorBeam } from './worked-example.testing.ts';
import { DoorBeamFormat } from './worked-example-simulated.testing.ts';

const subject: Subject = {
  driver: doorBeam,
  name: doorBeam.name,
  make: { door: (module) => new DoorBeamFormat(module) },
  sensor: {},
  options: {},
};

describe('the worked example of the guide', () => {
  conforms(subject, { others: [...DRIVERS.values()].flatMap(subjectsOf).map((other) => hearChecked(other)) });

  it('reads a line that its own counterpart did not write', () => {
    const totals: number[][] = [];
    const sink = new CheckedSink();
    sink.counter = (_time, ...values) => void totals.push(values);
    const decoder = doorBeam.createDecoder();
    // '1' + '2' + ',' + '7' is 31 + 32 + 2C + 37 hex.
    decoder.push(Buffer.from('#12,7*C6\r\n#13,7*C6\r\n#70000,0*53\r\n#12,7\r\n'), 0, sink);
    expect(totals).toEqual([[12, 7, 0, 16]]);
    expect(decoder.counts).toMatchObject({ accepted: 1, rejected: { checksum: 1, format: 1, range: 1 } });
  });

  it.each(['worked-example.testing.ts', 'worked-example-simulated.testing.ts'])(
    'stands in README.md as in %s',
    (name) => {
      const read = (file: string) => readFileSync(new URL(file, import.meta.url), 'utf8');
      const blocks = [...read('README.md').matchAll(/```ts\n(.*?)```/gs)].map(([, block]) => block);
      // In the guide the files are where a driver's would be.
      const [driver, format] = [/from '\.\/(?!simulator)/g, /from '\.\/simulator\//g];
      expect(blocks).toContain(read(name).replace(driver, "from '../").replace(format, "from '../"));
      expect(read(name).split('\n').length).toBeLessThan(80);
    },
  );

  it('has a counterpart like every driver, or is told what to add', () => {
    expect(() => subjectsOf(doorBeam)).toThrow(
      expect.objectContaining({
        code: 'no_simulated_format',
        hint: expect.stringContaining('drivers/simulator/formats/door-beam.ts'),
      }),
    );
  });
});
