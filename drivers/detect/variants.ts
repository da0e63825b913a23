/** Which dialect or version of a format a line speaks, by what stands in its bytes; empty where it does not tell. */

const VARIANTS: Readonly<Record<string, (text: string) => string>> = {
  'wifi-lines': (text) => {
    const fields = most(
      text.match(/^[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}\|.*$/gm)?.map((line) => line.split('|').length),
    );
    return fields === undefined ? '' : `${fields} fields`;
  },
  'wifi-pcap': (text) => {
    if (text.includes('[BUF/BEGIN]')) return 'Marauder';
    return text.includes('<<START>>') ? 'SerialPcap' : '';
  },
  'ble-json': (text) => {
    if (/"t":"adv"/.test(text)) return 'JSON contract';
    if (/^\{"S?F?":\d/m.test(text)) return 'BleuIO';
    return /"id":"/.test(text) ? 'OpenMQTTGateway' : '';
  },
  'ble-nrf': nrfVersion,
  'door-lines': (text) => {
    if (/"t":"cnt"/.test(text)) return 'JSON contract';
    if (/^\d+\r?$/m.test(text)) return 'totals';
    return /^(?:[+-]+|inc|in|dec|out)\r?$/im.test(text) ? 'events' : '';
  },
};

/** @param bytes some of what was heard. */
export function variantOf(driver: string, bytes: Uint8Array): string {
  return VARIANTS[driver]?.(Buffer.from(bytes).toString('latin1')) ?? '';
}

/** The third byte behind the start of a packet, AB, where none of the first three is one that is escaped. */
function nrfVersion(text: string): string {
  const versions = [...text.matchAll(/\xab([^\xab\xbc\xcd]{2})(.)/gs)].map(([, , byte]) => byte.charCodeAt(0));
  const version = most(versions.filter((each) => each >= 1 && each <= 3));
  return version === undefined ? '' : `protocol ${version}`;
}

/** The commonest. */
function most(values: readonly number[] | undefined): number | undefined {
  const counts = new Map<number, number>();
  for (const value of values ?? []) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
}
