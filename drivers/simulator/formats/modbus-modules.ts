/** The register maps of Modbus counter modules: what each keeps where, and what its switches do. */

/** What a module counts with: one total a channel, modulo 2^32, until it is switched off. */
export interface Channels {
  readonly totals: number[];
  /** Whether a channel counts at all. */
  readonly enabled: boolean[];
}

/** A table of a module: values by address; an address without one is none of its own. */
export type Table = (channels: Channels, address: number) => number | undefined;

export interface ModbusModule {
  channels: number;
  /** Whether its channels count from power on, or must be switched on. */
  startsCounting: boolean;
  /** Read by function 3 and by function 4. */
  holding: Table;
  input: Table;
  /** Read by function 1: 0 or 1. */
  coil: Table;
  /** Function 5; false where there is no such coil. */
  setCoil(channels: Channels, address: number, on: boolean): boolean;
  /** Function 6; false where there is no such register. */
  setHolding(channels: Channels, address: number, value: number): boolean;
}

const none: Table = () => undefined;
const refuse = (): boolean => false;

/** A register of 32-bit totals that lie from `first` on. */
function totalsAt(first: number, order: 'high-first' | 'low-first'): Table {
  return ({ totals }, address) => {
    const total = address < first ? undefined : totals[(address - first) >> 1];
    if (total === undefined) return undefined;
    const isHigh = ((address - first) & 1) === (order === 'high-first' ? 0 : 1);
    return isHigh ? total >>> 16 : total & 0xffff;
  };
}

/** Wirenboard WB-MCM8: eight pulse inputs; input registers 60 on, debounce times 20 on, reset 100, speed 110. */
const wbMcm8: ModbusModule = {
  channels: 8,
  startsCounting: true,
  holding: (_, address) => {
    if (address >= 20 && address < 28) return 50;
    if (address === 110) return 96;
    return address === 100 ? 0 : undefined;
  },
  input: totalsAt(60, 'high-first'),
  coil: none,
  setCoil: refuse,
  setHolding: ({ totals }, address, value) => {
    if (address === 100 && value === 1) totals.fill(0);
    return address === 100;
  },
};

/** Moxa ioLogik: input registers 0x10 on; coils: 0x00 on start a counter, 0x20 on reset it, 0x40 on tell an overflow. */
const moxa: ModbusModule = {
  channels: 8,
  startsCounting: false,
  holding: none,
  input: totalsAt(0x10, 'high-first'),
  coil: ({ enabled }, address) => {
    if (address < enabled.length) return Number(enabled[address]);
    const channel = address & 0x0f;
    return channel < enabled.length && (address >> 4 === 2 || address >> 4 === 4) ? 0 : undefined;
  },
  setCoil: ({ totals, enabled }, address, on) => {
    const channel = address & 0x0f;
    if (channel >= enabled.length || (address >> 4 !== 0 && address >> 4 !== 2)) return false;
    if (address >> 4 === 0) enabled[channel] = on;
    else if (on) totals[channel] = 0;
    return true;
  },
  setHolding: refuse,
};

/** Carlo Gavazzi VMU-MC: two pulse inputs, holding registers 0 on, the low word first. */
const vmuMc: ModbusModule = {
  channels: 2,
  startsCounting: true,
  holding: totalsAt(0, 'low-first'),
  input: none,
  coil: none,
  setCoil: refuse,
  setHolding: refuse,
};

export const MODBUS_MODULES: Readonly<Record<string, ModbusModule>> = { 'wb-mcm8': wbMcm8, moxa, 'vmu-mc': vmuMc };
