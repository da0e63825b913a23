import { describe, expect, it } from 'vitest';
import { DEV, PHY } from './iw.fixture.ts';
import { interfacesIn, radioIn } from './iw.ts';

describe('the interfaces of iw dev', () => {
  it('are read with their radio, type and whether they belong to a network, and nothing else of them', () => {
    expect(interfacesIn(DEV)).toEqual([
      { phy: 'phy2', name: 'wlan2', type: 'monitor', connected: false },
      { phy: 'phy1', name: 'wlan1', type: 'managed', connected: false },
      { phy: 'phy0', name: 'wlp3s0', type: 'managed', connected: true },
      { phy: 'phy0', name: 'mesh0', type: 'mesh point', connected: false },
    ]);
  });

  it('are none where there is none, or something else is printed', () => {
    expect(interfacesIn('')).toEqual([]);
    expect(interfacesIn('phy#x\n\tInterface \nnl80211 not found.\n')).toEqual([]);
  });
});

describe('the radio of iw phy', () => {
  it('is read with its channels, those of 6 GHz left out, as they have the numbers of others', () => {
    expect(radioIn(PHY)).toEqual({
      monitor: true,
      channels: [
        { number: 1, mhz: 2412, disabled: false },
        { number: 2, mhz: 2417, disabled: false },
        { number: 12, mhz: 2467, disabled: false },
        { number: 14, mhz: 2484, disabled: true },
        { number: 36, mhz: 5180, disabled: false },
        { number: 52, mhz: 5260, disabled: false },
      ],
    });
  });

  it('reads frequencies as iw 6 prints them', () => {
    const radio = radioIn(PHY.replace(/ MHz \[/g, '.0 MHz ['));
    expect(radio).toEqual(radioIn(PHY));
  });

  it('does not take what can always be added for what the hardware supports', () => {
    expect(radioIn(PHY.replace('\t\t * monitor\n\t\t * mesh', '\t\t * mesh'))?.monitor).toBe(false);
  });

  it('is null where something else is printed', () => {
    expect(radioIn('')).toBeNull();
    expect(radioIn('command failed: No such file or directory (-2)\n')).toBeNull();
  });
});
