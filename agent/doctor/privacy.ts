/** Keeps addresses out of findings: names of adapters and interfaces can hold the hardware's own. */
import type { Finding } from './finding.ts';

const ADDRESSES = [
  // Six pairs, as in aa:bb:cc:dd:ee:ff, and as udev writes them into names (systemd 60-serial.rules).
  /(?<![0-9a-f])[0-9a-f]{2}(?:([:_-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}(?![0-9a-f])/gi,
  /(?<![0-9a-f])[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}(?![0-9a-f])/gi,
  // Bare, as in enx001122334455 (systemd.net-naming-scheme(7)) or an adapter's serial number.
  /(?<=\b(?:en|wl|ww)x|[_:-]|\b)[0-9a-f]{12}(?![0-9a-f])/gi,
];

/** The text with whatever looks like a hardware address left out. */
export function withoutAddresses(text: string): string {
  return ADDRESSES.reduce((left, address) => left.replace(address, '(address)'), text);
}

export function withoutAddressesIn(finding: Finding): Finding {
  const { subject, tried, found, mend } = finding;
  return {
    ...finding,
    subject: withoutAddresses(subject),
    tried: withoutAddresses(tried),
    found: withoutAddresses(found),
    mend: withoutAddresses(mend),
  };
}
