import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Finding } from '../../doctor/finding.ts';
import { DoctorView } from './doctor.ts';
import { displayWidth } from './width.ts';

const FRONT = '/dev/serial/by-id/usb-Silicon_Labs_CP2102N_USB_to_UART_Bridge_Controller_0001-if00-port0';

const FINDINGS: Finding[] = [
  {
    ...{ chapter: 'program', check: 'node', subject: '', outcome: 'ok', mend: '' },
    ...{ tried: 'version of Node', found: '24.21.0' },
  },
  {
    ...{
      chapter: 'program',
      check: 'service',
      subject: 'footfall.service',
      outcome: 'warning',
      tried: 'asked systemd',
    },
    found: 'active, disabled: it will not start after a power cut',
    mend: 'Enable it: sudo systemctl enable footfall',
  },
  {
    ...{ chapter: 'settings', check: 'settings_mistake', subject: '/etc/footfall/footfall.yaml', outcome: 'error' },
    ...{ tried: 'checked it', found: '12:5: at sensors[0].baud: expected a speed such as 115200, received "fast"' },
    mend: 'Correct line 12, then: footfall config check /etc/footfall/footfall.yaml',
  },
  {
    ...{ chapter: 'sensors', check: 'port_holder', subject: '入口', outcome: 'error', tried: `who has ${FRONT} open` },
    found: 'ModemManager (pid 4711) has it open',
    mend: 'Without a modem in this box: sudo systemctl mask --now ModemManager',
  },
  {
    ...{ chapter: 'network', check: 'wifi_link', subject: '', outcome: 'skipped', tried: 'measured the radio link' },
    ...{ found: 'no Wi-Fi link is up', mend: '' },
  },
  {
    ...{ chapter: 'clock', check: 'rtc', subject: '', outcome: 'ok', tried: 'read the real-time clock', mend: '' },
    found: 'agrees with the system clock within 1 s',
  },
];

function render(findings: readonly Finding[], width: number, colour: boolean): string {
  const view = new DoctorView({ width, colour });
  return findings.map((finding) => view.add(finding)).join('') + view.summary();
}

describe("the doctor's report", () => {
  it.each([80, 120])('looks right at %i columns', async (width) => {
    const file = `./__snapshots__/doctor-${width}`;
    await expect(render(FINDINGS, width, false)).toMatchFileSnapshot(`${file}.txt`);
    await expect(render(FINDINGS, width, true)).toMatchFileSnapshot(`${file}.ansi`);
  });

  it('is the same text with and without colour', () => {
    const plain = render(FINDINGS, 80, false);
    expect(stripVTControlCharacters(render(FINDINGS, 80, true))).toBe(plain);
    expect(stripVTControlCharacters(plain)).toBe(plain);
  });

  it('is never wider than the terminal, and leaves nothing out', () => {
    for (let width = 72; width <= 120; width++) {
      const text = render(FINDINGS, width, false);
      for (const line of text.split('\n')) {
        expect(displayWidth(line)).toBeLessThanOrEqual(width);
        expect(line).toBe(line.trimEnd());
      }
      const words = text.replace(/\s/g, '');
      for (const { found, mend, tried } of FINDINGS) {
        for (const part of [tried, found, mend]) expect(words).toContain(part.replace(/\s/g, ''));
      }
    }
  });

  it('ends with what it comes to', () => {
    const last = (findings: readonly Finding[]) => render(findings, 80, false).trimEnd().split('\n').at(-1);
    expect(last(FINDINGS)).toBe('2 errors, 1 warning; 2 checks well, 1 skipped');
    expect(last(FINDINGS.filter(({ outcome }) => outcome === 'ok'))).toBe('All well; 2 checks well');
  });

  it('lets no text steer the terminal', () => {
    const text = render([{ ...FINDINGS[0], found: '\u001b[2Jgone\r\nnext' }], 80, false);
    expect(text.split('\n')[1]).toBe('  ✓ version of Node: [2Jgone next');
  });
});
