/**
 * Loaded into `footfall run` before it: a modem line that is a file, as no pseudo-terminal has any. Everything from the
 * serial library's binding upwards is the product's; below it a file that holds `1` is a contact that is closed.
 */
import { readFileSync } from 'node:fs';
import { SerialPort } from 'serialport';

const CONTACT = process.env.FOREIGN_CONTACT ?? '';
const { binding } = SerialPort;
const open = binding.open.bind(binding) as (options: { path: string }) => Promise<unknown>;

const fileLine = {
  get: () => {
    const closed = readFileSync(CONTACT, 'latin1') === '1';
    return Promise.resolve({ cts: closed, dsr: false, dcd: false });
  },
  close: () => Promise.resolve(),
};

Object.assign(binding, {
  open: (options: { path: string }) => (options.path === CONTACT ? Promise.resolve(fileLine) : open(options)),
});
