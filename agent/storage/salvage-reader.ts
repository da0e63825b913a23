/** Reads what can be read of a damaged database: a page that is lost takes its own rows with it, and no others. */
import BetterSqlite from 'better-sqlite3';

/** Queries that may fail one after the other: a lost page of small rows fails some hundred times, a lost tree for ever. */
const MAX_FAILURES = 4_000;
/** The same where neither end of a table can be read: most likely nothing of it can. */
const MAX_BLIND_FAILURES = 500;
/** How far behind the first row the last one is looked for, where the table does not tell. */
const BLIND_SPAN = 1_000_000;

export type Row = Record<string, unknown>;

export class SalvageReader {
  readonly #database: BetterSqlite.Database | null;
  readonly #columns = new Map<string, string[]>();

  /** Nothing is read where the file cannot be opened at all. */
  constructor(path: string | null) {
    this.#database = path === null ? null : openToRead(path);
  }

  close(): void {
    this.#database?.close();
  }

  meta(key: string): string | undefined {
    const value = this.#first('SELECT value FROM meta WHERE key = ?', key)?.value;
    return typeof value === 'string' ? value : undefined;
  }

  /** The highest value that a table gave its rows; 0 where it is not known. */
  lastOf(table: string): number {
    const last = Number(this.#first('SELECT seq FROM sqlite_sequence WHERE name = ?', table)?.seq ?? 0);
    return Number.isSafeInteger(last) && last > 0 ? last : 0;
  }

  /** The integer keys of the rows that can be found, ascending. */
  keys(table: string, key: string): number[] {
    const between = this.#between(table, key);
    if (between === null) return [];
    const [first, last] = [this.#edge(table, key, 'MIN'), this.#edge(table, key, 'MAX')];
    const low = first ?? 1;
    const high = last ?? (this.lastOf(table) || low + BLIND_SPAN);
    const most = first === undefined && last === undefined ? MAX_BLIND_FAILURES : MAX_FAILURES;
    const found: number[] = [];
    let failures = 0;
    const look = (from: number, to: number): void => {
      if (from > to || failures > most) return;
      try {
        for (const one of between.all(from, to)) found.push(one);
        failures = 0;
      } catch {
        failures++;
        if (from === to) return;
        const middle = Math.floor(from + (to - from) / 2);
        look(from, middle);
        look(middle + 1, to);
      }
    };
    look(low, high);
    return found.filter((one) => Number.isSafeInteger(one));
  }

  /** One row by its key; undefined where it cannot be read. Columns that the table lacks are null. */
  row(table: string, key: string, value: number, columns: string[]): Row | undefined {
    const there = this.#columnsOf(table);
    const known = columns.filter((column) => there.includes(column));
    const row = this.#first(`SELECT ${known.join(', ')} FROM ${table} WHERE ${key} = ?`, value);
    if (row === undefined) return undefined;
    return Object.fromEntries(columns.map((column) => [column, row[column] ?? null]));
  }

  /** Rows in an order, up to the first that cannot be read. */
  run(sql: string, ...values: number[]): Row[] {
    const rows: Row[] = [];
    try {
      for (const row of this.#database?.prepare<number[], Row>(sql).iterate(...values) ?? []) rows.push(row);
    } catch {
      // What comes behind it cannot be reached.
    }
    return rows;
  }

  #between(table: string, key: string): BetterSqlite.Statement<[number, number], number> | null {
    try {
      const sql = `SELECT ${key} FROM ${table} WHERE ${key} BETWEEN ? AND ? ORDER BY ${key}`;
      return this.#database?.prepare<[number, number], number>(sql).pluck() ?? null;
    } catch {
      // No such table, or no schema.
      return null;
    }
  }

  #edge(table: string, key: string, which: 'MIN' | 'MAX'): number | undefined {
    const value = this.#first(`SELECT ${which}(${key}) AS edge FROM ${table}`)?.edge;
    return Number.isSafeInteger(value) ? Number(value) : undefined;
  }

  #columnsOf(table: string): string[] {
    let columns = this.#columns.get(table);
    if (columns === undefined) {
      columns = this.run(`SELECT name FROM pragma_table_info('${table}')`).map(({ name }) => String(name));
      this.#columns.set(table, columns);
    }
    return columns;
  }

  #first(sql: string, ...values: (string | number)[]): Row | undefined {
    try {
      return this.#database?.prepare<(string | number)[], Row>(sql).get(...values);
    } catch {
      return undefined;
    }
  }
}

function openToRead(path: string): BetterSqlite.Database | null {
  try {
    const database = new BetterSqlite(path, { readonly: true, fileMustExist: true });
    // A table whose row in the schema is damaged must not hide the others.
    database.unsafeMode();
    database.pragma('writable_schema = ON');
    database.pragma('cell_size_check = ON');
    return database;
  } catch {
    return null;
  }
}
