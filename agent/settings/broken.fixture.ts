/** A good settings text, and how to break it and see what is said. */
import { expect } from 'vitest';
import { parseSettings } from './load.ts';

export const GOOD = `tenant: acme
gateway: gw-1
store:
  id: shop-1
  time_zone: Europe/Prague
  hours: { mon-fri: "09:00-20:00", sat: "09:00-18:00", sun: closed }
sensors:
  - id: front
    driver: wifi-pcap
    port: /dev/ttyUSB0
    baud: 921600
    zone: shop
  - id: door-1
    driver: door-lines
    port: /dev/ttyUSB1
    door: main
counting:
  window_minutes: 15
uplink:
  url: mqtts://broker.example:8883
log:
  level: info
`;

/** Pieces of the good text and what replaces them. */
export type Edits = [from: string, to: string][];

export interface Broken {
  name: string;
  edits: Edits;
  /** All lines that must be said, in order. */
  told: string[];
}

export function expectTold({ edits, told }: Broken): void {
  const text = edits.reduce((before, [from, to]) => {
    expect(before).toContain(from);
    return before.replace(from, () => to);
  }, GOOD);
  let thrown: unknown;
  try {
    parseSettings(text, 'f.yaml');
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ name: 'AgentError', code: 'settings_invalid', message: told.join('\n') });
  // The password of the samples.
  expect(String(thrown) + JSON.stringify(thrown)).not.toContain('hunter2');
}
