/**
 * A Modbus profile, key by key: where a counter module keeps its totals, and how its line is set. All addresses are
 * those of the frame, from zero (Modbus Application Protocol 1.1b3, 4.4): register 30061 of a manual is 60 here.
 */
import { z } from 'zod';
import { map, oneOf, oneOfNumbers, whole } from './schema-parts.ts';

const HIGHEST_ADDRESS = 65_535;
const address = whole(0, HIGHEST_ADDRESS);
const step = whole(1, 1024);
const DESCRIPTION = 'a text that names the module';

const counters = map('The totals.', {
  function: oneOfNumbers([3, 4]).describe('Function code that reads them: 3 for holding, 4 for input registers.'),
  address: address.describe('Register of channel 1, from zero.'),
  step: step.optional().describe('Registers from one channel to the next. Default: the words of one.'),
  words: oneOfNumbers([1, 2]).default(2).describe('Registers that one total takes.'),
  word_order: oneOf(['high-first', 'low-first'])
    .default('high-first')
    .describe('Which of two registers holds the upper 16 bits.'),
  width: oneOfNumbers([16, 24, 32])
    .optional()
    .describe('Bits after which a total begins again at 0. Default: all of its words.'),
});

const line = map('How the line is set when the module comes from its maker.', {
  baud: whole(300, 4_000_000).default(9_600).describe('Bits per second.'),
  parity: oneOf(['none', 'even', 'odd']).default('none').describe('Parity.'),
  stop_bits: oneOfNumbers([1, 2]).default(1).describe('Stop bits.'),
});

const enable = map('Coils that must be on for the channels to count; the agent sets them when they are found off.', {
  coil: address.describe('Coil of channel 1, from zero.'),
  step: step.default(1).describe('Coils from one channel to the next.'),
});

const reset = map('What sets totals to 0. The agent never does so by itself.', {
  coil: address.optional().describe('Coil of channel 1 that is switched on; each channel has its own.'),
  step: step.optional().describe('Coils from one channel to the next. Default: 1.'),
  register: address.optional().describe('In place of coils: the register that resets all channels at once.'),
  value: whole(0, 0xffff).optional().describe('What is written to the register. Default: 1.'),
});

export const modbusProfileSchema = map('A Modbus profile of Footfall.', {
  description: z.string({ error: DESCRIPTION }).min(1, { error: DESCRIPTION }).describe('Maker and model, for people.'),
  channels: whole(1, 1024).describe('How many channels count, numbered from 1.'),
  counters,
  line: line.prefault({}),
  enable: enable.optional(),
  reset: reset.optional(),
}).superRefine((profile, context) => {
  const { channels, enable: coils, reset: zero } = profile;
  const { words, width = 16 * words, step: apart = words, address: first } = profile.counters;
  const refuse = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
  if (width > 16 * words) refuse(['counters', 'width'], `at most ${16 * words}, the bits of its words`);
  if (apart < words) refuse(['counters', 'step'], `at least ${words}, as channels would overlap`);
  const fits = (start: number, gap: number, size: number) => start + gap * (channels - 1) + size - 1 <= HIGHEST_ADDRESS;
  const beyond = `an address that leaves room for ${channels} channels below ${HIGHEST_ADDRESS + 1}`;
  if (!fits(first, apart, words)) refuse(['counters', 'address'], beyond);
  if (coils && !fits(coils.coil, coils.step, 1)) refuse(['enable', 'coil'], beyond);
  if (!zero) return;
  if ((zero.coil === undefined) === (zero.register === undefined)) refuse(['reset'], 'either coil or register');
  else if (zero.coil !== undefined && !fits(zero.coil, zero.step ?? 1, 1)) refuse(['reset', 'coil'], beyond);
  if (zero.coil === undefined && zero.step !== undefined) refuse(['reset', 'step'], 'a step with coil only');
  if (zero.register === undefined && zero.value !== undefined) refuse(['reset', 'value'], 'a value with register only');
});

export type ModbusProfileFile = z.output<typeof modbusProfileSchema>;
