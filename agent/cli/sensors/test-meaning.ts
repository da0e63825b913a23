/** What the figures of a sensor mean, and what a technician can do about them. */
import { DRIVER_FACTS } from '../../settings/sensor-drivers.ts';
import type { SensorSettings } from '../../settings/settings.ts';

export interface Meaning {
  /** In plain words. */
  meaning: string;
  /** What to do about it. */
  advice: string;
}

const REASONS: Readonly<Record<string, Meaning>> = {
  noise: {
    meaning: 'bytes between frames that are no frame',
    advice: 'A little at power-on is boot text. A lot of it is a wrong speed (baud) or driver: footfall sensors detect',
  },
  format: {
    meaning: 'frames of the right shape with a field that cannot be',
    advice: 'Characters are lost on the way: check plug and cable, and that the baud is that of the module.',
  },
  range: {
    meaning: 'values outside what is physically possible',
    advice: 'A few are normal of cheap modules. Many: another firmware than the driver expects, or a damaged line.',
  },
  oversize: {
    meaning: 'frames longer than any valid one',
    advice: 'Line ends are lost: a wrong speed, or another driver is needed: footfall sensors detect',
  },
  truncated: {
    meaning: 'frames that were cut short',
    advice: 'Bytes are lost: a loose plug, a module that restarts for want of power, or a line at its limit of speed.',
  },
  checksum: {
    meaning: 'frames whose checksum does not match',
    advice: 'The wiring: check the termination (120 ohm at both ends of RS-485), A and B, the shield, the length.',
  },
  unsupported: {
    meaning: 'frames of a type or version that is not supported',
    advice: 'A newer firmware, or an exception of the unit: compare its manual with the profile in the settings.',
  },
  missing: {
    meaning: 'readings that the sensor says it sent and that never came',
    advice: 'The line is too slow for what it carries, or flow control is off: raise baud, or shorten the cable.',
  },
  unanswered: {
    meaning: 'questions that the sensor did not answer',
    advice: 'Check its unit address, its power, A and B of the bus, and baud and parity against its switches.',
  },
};

/** What it means that frames were rejected for this reason. */
export function meaningOf(reason: string): Meaning {
  return REASONS[reason] ?? { meaning: reason, advice: 'Its line may be damaged, or be another one: footfall doctor' };
}

/** What to do about a sensor of which nothing at all was heard though its line is open. */
export function adviceOfSilence({ driver, role, port }: SensorSettings, bytes: number): string {
  const { kind, line, bus } = DRIVER_FACTS[driver];
  if (bytes > 0) return `Bytes come, but no frame of ${driver}: wrong driver or speed. Try: footfall sensors detect`;
  if (bus) return 'Nothing answers: check its power, its unit address, A and B of the bus, baud and parity.';
  if (role === 'transactions') return 'A till tells only of sales: ring one up while this runs.';
  if (line === 'contact') return 'A contact is heard only when it closes: walk through the door while this runs.';
  if (kind === 'door')
    return 'Many counters tell only of people: walk through the door. In vain? Check power and plug.';
  if (line === 'radio') return `Is there anything on the air, and does the adapter ${port} listen? footfall doctor`;
  return 'Is it plugged in and powered, and is this its port? Hold a phone with its Wi-Fi or Bluetooth page open near it.';
}
