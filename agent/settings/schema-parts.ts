/** Pieces that the schemas of YAML files are made of. Each `error` is the phrase after "expected". */
import { z } from 'zod';

/** A map of known keys. The message of an unknown key is the list of known ones, for the loader to suggest from. */
export function map<Shape extends z.ZodRawShape>(description: string, shape: Shape) {
  const known = Object.keys(shape).filter((key) => key !== 'password');
  return z
    .strictObject(shape, {
      error: (issue) => (issue.code === 'unrecognized_keys' ? known.join(', ') : 'a map of keys'),
    })
    .describe(description);
}

export function whole(low: number, high: number, unit = '') {
  const error = `a whole number${unit && ` of ${unit}`} between ${low} and ${high}`;
  return z.int({ error }).min(low, { error }).max(high, { error });
}

export function name(what: string) {
  const error = `${what} of 1 to 64 lower-case letters, digits, "-" and "_"`;
  return z.string({ error }).regex(/^[a-z0-9_-]{1,64}$/, { error });
}

export function absolutePath(what: string, maximum = 4095) {
  const error = `the absolute path of ${what}`;
  return z
    .string({ error })
    .regex(/^\/[^\0]*$/, { error })
    .max(maximum, { error: `${error}, at most ${maximum} characters` });
}

export function oneOf<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z.enum(values, { error: values.length === 1 ? `"${values[0]}"` : `one of ${values.join(', ')}` });
}

export function oneOfNumbers<const Values extends readonly [number, ...number[]]>(values: Values) {
  return z.literal(values, { error: `one of ${values.join(', ')}` });
}

/** The length of a list is told as part of what it is. */
export function listOf<Item extends z.ZodType>(item: Item, what: string, low: number, high: number) {
  const error = `a list of ${low === 0 ? 'at most' : `${low} to`} ${high} ${what}`;
  return z.array(item, { error }).min(low, { error }).max(high, { error });
}
