/** `AA:BB:CC:DD:EE:FF`. */
export function formatAddress(address: Uint8Array): string {
  let text = '';
  for (const octet of address) text += `${text === '' ? '' : ':'}${octet.toString(16).padStart(2, '0').toUpperCase()}`;
  return text;
}
