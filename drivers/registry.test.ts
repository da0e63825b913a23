import { describe, expect, it } from 'vitest';
import { AgentError } from '../agent/errors.ts';
import { DRIVERS, driverNamed } from './registry.ts';

describe('the registry', () => {
  it('finds each driver by its own name, each with decoders of their own', () => {
    expect(DRIVERS.size).toBe(15);
    for (const [name, driver] of DRIVERS) {
      expect(driverNamed(name)).toBe(driver);
      expect(driver.createDecoder()).not.toBe(driver.createDecoder());
      expect(driver.createDecoder().counts).toMatchObject({ bytes: 0, accepted: 0 });
    }
  });

  it('names the known drivers where the name is unknown', () => {
    expect(() => driverNamed('wifi-magic')).toThrow(AgentError);
    try {
      driverNamed('wifi-magic');
    } catch (error) {
      expect(error).toMatchObject({ code: 'driver_unknown', hint: expect.stringContaining('wifi-pcap, wifi-lines') });
    }
  });
});
