/** What a decoder was told, as a recording keeps it: decoders and their options change, recordings stay. */
import type { DecoderOptions, ModbusCounters } from '../driver.ts';

/** One option: its name in the file, its name in the program, and whether a value may be one. */
interface Row {
  name: string;
  key: string;
  fits: (value: unknown) => boolean;
}

const MODBUS_ROWS: readonly (Row & { key: keyof ModbusCounters })[] = [
  { name: 'function_code', key: 'functionCode', fits: oneOf(3, 4) },
  { name: 'entered', key: 'entered', fits: upTo(0xffff) },
  { name: 'left', key: 'left', fits: upTo(0xffff) },
  { name: 'words', key: 'words', fits: oneOf(1, 2) },
  { name: 'word_order', key: 'wordOrder', fits: oneOf('high-first', 'low-first') },
  { name: 'width', key: 'width', fits: oneOf(16, 24, 32) },
  { name: 'enable_coils', key: 'enableCoils', fits: listOf(upTo(0xffff), 64) },
];

const ROWS: readonly (Row & { key: keyof DecoderOptions })[] = [
  { name: 'role', key: 'role', fits: oneOf('door', 'transactions') },
  { name: 'link_type', key: 'linkType', fits: upTo(0xffff) },
  { name: 'unit', key: 'unit', fits: upTo(0xffff) },
  { name: 'poll_ms', key: 'pollMs', fits: upTo(86_400_000) },
  { name: 'modbus', key: 'modbus', fits: (value) => isWhole(value, MODBUS_ROWS) },
  { name: 'advertising_channel', key: 'advertisingChannel', fits: oneOf(37, 38, 39) },
  { name: 'counts', key: 'counts', fits: oneOf('in', 'out', 'both') },
  { name: 'debounce_ms', key: 'debounceMs', fits: upTo(60_000) },
  { name: 'line_mm', key: 'lineMm', fits: upTo(100_000) },
  { name: 'hysteresis_mm', key: 'hysteresisMm', fits: upTo(100_000) },
];

/** The options as JSON. What no decoder is told, such as how the line is opened, is left out. */
export function optionsToJson(options: DecoderOptions): Record<string, unknown> {
  const { modbus, ...rest } = options;
  return { ...toJson(rest, ROWS), ...(modbus && { modbus: toJson(modbus, MODBUS_ROWS) }) };
}

/** @param refuse is told what was expected, never what was found; it throws. */
export function optionsFromJson(json: unknown, refuse: (expected: string) => never): DecoderOptions {
  if (!isObject(json)) return refuse('options of a sensor as a JSON object');
  for (const [name, value] of Object.entries(json)) {
    const row = ROWS.find((known) => known.name === name);
    if (row === undefined) return refuse(`options of a sensor among ${ROWS.map((known) => known.name).join(', ')}`);
    if (!row.fits(value)) return refuse(`a value that can be the option ${row.name}`);
  }
  const options = fromJson(json, ROWS);
  return isObject(options.modbus) ? { ...options, modbus: fromJson(options.modbus, MODBUS_ROWS) as never } : options;
}

function toJson(value: object, rows: readonly Row[]): Record<string, unknown> {
  const known = value as Record<string, unknown>;
  return Object.fromEntries(
    rows.filter(({ key }) => known[key] !== undefined).map(({ name, key }) => [name, known[key]]),
  );
}

function fromJson(json: Record<string, unknown>, rows: readonly Row[]): Record<string, unknown> {
  return Object.fromEntries(rows.filter(({ name }) => name in json).map(({ name, key }) => [key, json[name]]));
}

/** Has each of the rows, and nothing else. */
function isWhole(value: unknown, rows: readonly Row[]): boolean {
  return (
    isObject(value) &&
    Object.keys(value).length === rows.length &&
    rows.every(({ name, fits }) => name in value && fits(value[name]))
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function oneOf(...values: unknown[]): Row['fits'] {
  return (value) => values.includes(value);
}

/** A whole number from 0. */
function upTo(most: number): Row['fits'] {
  return (value) => Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;
}

function listOf(fits: Row['fits'], most: number): Row['fits'] {
  return (value) => Array.isArray(value) && value.length <= most && value.every(fits);
}
